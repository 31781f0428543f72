# SPDX-License-Identifier: GPL-2.0-or-later
PROC_TESTS = tests/proc/test_ldisc tests/proc/test_pseudo tests/proc/test_heap
check_PROGRAMS += $(PROC_TESTS)
TESTS += $(PROC_TESTS)
tests_proc_test_ldisc_SOURCES = tests/proc/test_ldisc.c src/vfs/ldisc.c
tests_proc_test_pseudo_SOURCES = tests/proc/test_pseudo.c
tests_proc_test_pseudo_LDADD = libvfs.a libbase.a
tests_proc_test_heap_SOURCES = tests/proc/test_heap.c src/kernel/timer_heap.c
