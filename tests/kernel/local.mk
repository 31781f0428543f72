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
