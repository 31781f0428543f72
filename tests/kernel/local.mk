# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/kernel/test_elf
TESTS += tests/kernel/test_elf
# elf.c alone: the mapping half of it is never called, and finds stubs.
tests_kernel_test_elf_SOURCES = tests/kernel/test_elf.c tests/kernel/stub_mm.c src/kernel/elf.c \
	src/kernel/script.c tests/base/check.h
EXTRA_DIST += tests/kernel/guest_run.c
