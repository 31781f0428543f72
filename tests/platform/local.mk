# SPDX-License-Identifier: GPL-2.0-or-later
platform_tests = \
	tests/platform/test_basic \
	tests/platform/test_memory \
	tests/platform/test_exceptions \
	tests/platform/test_exact \
	tests/platform/test_preempt \
	tests/platform/test_unmap \
	tests/platform/test_recycle \
	tests/platform/test_windows \
	tests/platform/test_fpu
check_PROGRAMS += $(platform_tests)
TESTS += $(platform_tests)
platform_test_libs = libplatform.a libbase.a
tests_platform_test_basic_SOURCES = tests/platform/test_basic.c tests/platform/guest.h
tests_platform_test_basic_LDADD = $(platform_test_libs)
tests_platform_test_memory_SOURCES = tests/platform/test_memory.c tests/platform/guest.h
tests_platform_test_memory_LDADD = $(platform_test_libs)
tests_platform_test_exceptions_SOURCES = tests/platform/test_exceptions.c tests/platform/guest.h
tests_platform_test_exceptions_LDADD = $(platform_test_libs)
tests_platform_test_exact_SOURCES = tests/platform/test_exact.c tests/platform/guest.h
tests_platform_test_exact_LDADD = $(platform_test_libs)
tests_platform_test_preempt_SOURCES = tests/platform/test_preempt.c tests/platform/guest.h
tests_platform_test_preempt_LDADD = $(platform_test_libs)
tests_platform_test_unmap_SOURCES = tests/platform/test_unmap.c tests/platform/guest.h
tests_platform_test_unmap_LDADD = $(platform_test_libs)
tests_platform_test_recycle_SOURCES = tests/platform/test_recycle.c tests/platform/guest.h
tests_platform_test_recycle_LDADD = $(platform_test_libs)
tests_platform_test_windows_SOURCES = tests/platform/test_windows.c tests/platform/guest.h
tests_platform_test_windows_LDADD = $(platform_test_libs)
tests_platform_test_fpu_SOURCES = tests/platform/test_fpu.c tests/platform/guest.h
tests_platform_test_fpu_LDADD = $(platform_test_libs)
