# SPDX-License-Identifier: GPL-2.0-or-later
#
# Static and not instrumented, like tests/abi: it runs in a container. tests/fuzz/run runs it.
check_PROGRAMS += tests/fuzz/syscalls
abi_programs += tests/fuzz/syscalls
EXTRA_DIST += tests/fuzz/run
tests_fuzz_syscalls_SOURCES = tests/fuzz/syscalls.c
tests_fuzz_syscalls_CFLAGS = -std=gnu11 -O2 -Wall -Wextra
tests_fuzz_syscalls_LDFLAGS = -static -pthread
