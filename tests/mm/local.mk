# SPDX-License-Identifier: GPL-2.0-or-later
MM_TEST_SUPPORT = tests/mm/fake_platform.c tests/mm/fake_platform.h tests/mm/fake_vfs.c \
	tests/mm/fake_vfs.h
check_PROGRAMS += tests/mm/test_mm tests/mm/test_mm_random tests/mm/test_mm_kvm \
	tests/mm/test_futex
TESTS += tests/mm/test_mm tests/mm/test_mm_random tests/mm/test_mm_kvm \
	tests/mm/test_futex
tests_mm_test_mm_SOURCES = tests/mm/test_mm.c $(MM_TEST_SUPPORT)
tests_mm_test_mm_LDADD = libmm.a libbase.a
tests_mm_test_mm_random_SOURCES = tests/mm/test_mm_random.c tests/mm/machine_fake.c \
	tests/mm/machine.h $(MM_TEST_SUPPORT)
tests_mm_test_mm_random_LDADD = libmm.a libbase.a
tests_mm_test_futex_SOURCES = tests/mm/test_futex.c $(MM_TEST_SUPPORT)
tests_mm_test_futex_LDADD = libkernel.a libmm.a libbase.a
tests_mm_test_mm_kvm_SOURCES = tests/mm/test_mm_random.c tests/mm/machine_kvm.c tests/mm/machine.h \
	tests/mm/fake_vfs.c tests/mm/fake_vfs.h
tests_mm_test_mm_kvm_CPPFLAGS = $(AM_CPPFLAGS) -DROUNDS=3000
tests_mm_test_mm_kvm_LDADD = libmm.a libplatform.a libbase.a
