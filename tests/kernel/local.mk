# SPDX-License-Identifier: GPL-2.0-or-later
kernel_test_libs = libkernel.a libmm.a libnet.a libvfs.a libkernel.a libplatform.a libbase.a

check_PROGRAMS += tests/kernel/test_elf
TESTS += tests/kernel/test_elf
# elf.c alone: the mapping half of it is never called, and finds stubs.
tests_kernel_test_elf_SOURCES = tests/kernel/test_elf.c tests/kernel/stub_mm.c src/kernel/elf.c \
	src/kernel/script.c tests/base/check.h

# Runs a program on the bare application kernel; used by tests and by people with a debugger.
check_PROGRAMS += tests/kernel/guest_run
tests_kernel_guest_run_SOURCES = tests/kernel/guest_run.c
tests_kernel_guest_run_LDADD = $(kernel_test_libs)

# The machine breaks: with the program beside it.
check_PROGRAMS += tests/kernel/test_broken_machine
TESTS += tests/kernel/test_broken_machine
tests_kernel_test_broken_machine_SOURCES = tests/kernel/test_broken_machine.c

# Clocks are read without exits: a script, with a program that no sanitizer calls for.
check_PROGRAMS += tests/kernel/read_clocks
TESTS += tests/kernel/test_quiet tests/kernel/test_no_environment
EXTRA_DIST += tests/kernel/test_quiet tests/kernel/test_no_environment
tests_kernel_read_clocks_SOURCES = tests/kernel/read_clocks.c
tests_kernel_read_clocks_CFLAGS = -O2 -fno-sanitize=all
tests_kernel_read_clocks_LDFLAGS = -static

# A trace's lines, from a memory of the test's own: the kernel is not there.
check_PROGRAMS += tests/kernel/test_trace
TESTS += tests/kernel/test_trace
tests_kernel_test_trace_SOURCES = tests/kernel/test_trace.c tests/base/check.h
tests_kernel_test_trace_LDADD = libkernel.a libbase.a
