# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/base/test_hostcall tests/base/test_safecopy
TESTS += tests/base/test_hostcall tests/base/test_safecopy
tests_base_test_hostcall_SOURCES = tests/base/test_hostcall.c tests/base/check.h
tests_base_test_hostcall_LDADD = libbase.a
tests_base_test_safecopy_SOURCES = tests/base/test_safecopy.c tests/base/check.h
tests_base_test_safecopy_LDADD = libbase.a
