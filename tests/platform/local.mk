# SPDX-License-Identifier: GPL-2.0-or-later
platform_tests = tests/platform/test_basic
check_PROGRAMS += $(platform_tests)
TESTS += $(platform_tests)
platform_test_libs = libplatform.a libbase.a
tests_platform_test_basic_SOURCES = tests/platform/test_basic.c tests/platform/guest.h
tests_platform_test_basic_LDADD = $(platform_test_libs)
