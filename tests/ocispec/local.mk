# SPDX-License-Identifier: GPL-2.0-or-later
OCISPEC_TESTS = tests/ocispec/roundtrip tests/ocispec/messages tests/ocispec/merge tests/ocispec/fuzz
check_PROGRAMS += $(OCISPEC_TESTS)
TESTS += $(OCISPEC_TESTS)
OCISPEC_TEST_LIBS = libocispec.a $(YAJL_LIBS)
OCISPEC_TEST_COMMON = tests/ocispec/full_config.c tests/ocispec/ocispec_test.h

tests_ocispec_roundtrip_SOURCES = tests/ocispec/roundtrip.c $(OCISPEC_TEST_COMMON)
tests_ocispec_roundtrip_LDADD = $(OCISPEC_TEST_LIBS)
tests_ocispec_messages_SOURCES = tests/ocispec/messages.c $(OCISPEC_TEST_COMMON)
tests_ocispec_messages_LDADD = $(OCISPEC_TEST_LIBS)
tests_ocispec_fuzz_SOURCES = tests/ocispec/fuzz.c $(OCISPEC_TEST_COMMON)
tests_ocispec_fuzz_LDADD = $(OCISPEC_TEST_LIBS)
tests_ocispec_merge_SOURCES = tests/ocispec/merge.c tests/ocispec/ocispec_test.h
tests_ocispec_merge_LDADD = $(OCISPEC_TEST_LIBS)
