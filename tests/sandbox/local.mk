# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/sandbox/test_seccomp
TESTS += tests/sandbox/test_seccomp
tests_sandbox_test_seccomp_SOURCES = tests/sandbox/test_seccomp.c tests/base/check.h \
	src/kernel/seccomp.c src/sandbox/seccomp_profile.c src/sandbox/protocol.c
tests_sandbox_test_seccomp_LDADD = libbase.a $(SECCOMP_LIBS)
