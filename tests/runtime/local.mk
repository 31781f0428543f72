# SPDX-License-Identifier: GPL-2.0-or-later
RUNTIME_TESTS = tests/runtime/test_cgroup tests/runtime/test_lifecycle tests/runtime/test_oci_doc tests/runtime/test_resctrl tests/runtime/test_rootfs
check_PROGRAMS += $(RUNTIME_TESTS)
TESTS += $(RUNTIME_TESTS)
tests_runtime_test_cgroup_SOURCES = tests/runtime/test_cgroup.c tests/runtime/no_sandbox.c \
	tests/base/check.h
tests_runtime_test_lifecycle_SOURCES = tests/runtime/test_lifecycle.c tests/runtime/no_sandbox.c \
	tests/base/check.h
tests_runtime_test_rootfs_SOURCES = tests/runtime/test_rootfs.c tests/runtime/no_sandbox.c \
	tests/base/check.h
tests_runtime_test_oci_doc_SOURCES = tests/runtime/test_oci_doc.c tests/runtime/no_sandbox.c \
	tests/base/check.h
tests_runtime_test_resctrl_SOURCES = tests/runtime/test_resctrl.c tests/runtime/no_sandbox.c \
	tests/base/check.h
RUNTIME_TEST_LIBS = libruntime.a libkernel.a libplatform.a libbase.a libocispec.a $(YAJL_LIBS) $(MNL_LIBS)
tests_runtime_test_oci_doc_LDADD = $(RUNTIME_TEST_LIBS)
tests_runtime_test_resctrl_LDADD = $(RUNTIME_TEST_LIBS)
tests_runtime_test_cgroup_LDADD = $(RUNTIME_TEST_LIBS)
tests_runtime_test_lifecycle_LDADD = $(RUNTIME_TEST_LIBS)
tests_runtime_test_rootfs_LDADD = $(RUNTIME_TEST_LIBS)
