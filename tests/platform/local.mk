# SPDX-License-Identifier: GPL-2.0-or-later
platform_tests = \
	tests/platform/test_basic \
	tests/platform/test_clock \
	tests/platform/test_vdso \
	tests/platform/test_tsc \
	tests/platform/test_memory \
	tests/platform/test_memory_stream \
	tests/platform/test_exceptions \
	tests/platform/test_exact \
	tests/platform/test_control \
	tests/platform/test_state \
	tests/platform/test_preempt \
	tests/platform/test_interrupts \
	tests/platform/test_unmap \
	tests/platform/test_recycle \
	tests/platform/test_windows \
	tests/platform/test_fpu \
	tests/platform/test_spaces \
	tests/platform/test_access \
	tests/platform/test_inject
# Those whose full counts (HUSK_TEST_LONG=1) take minutes at most: contrib/check stress.
platform_stress_tests = \
	tests/platform/test_exact \
	tests/platform/test_fpu \
	tests/platform/test_recycle \
	tests/platform/test_spaces \
	tests/platform/test_unmap \
	tests/platform/test_vdso
check_PROGRAMS += $(platform_tests) tests/platform/test_stubs
TESTS += $(platform_tests)

# The same programs on the other implementation, ptrace_NAME.ptrace being test_NAME run there (logs are
# called after what is before the dot). Not test_inject and test_state: those are about vCPUs and what
# KVM says of them. Not those of struct memory alone.
platform_ptrace_tests = \
	tests/platform/ptrace_basic.ptrace \
	tests/platform/ptrace_tsc.ptrace \
	tests/platform/ptrace_exceptions.ptrace \
	tests/platform/ptrace_exact.ptrace \
	tests/platform/ptrace_interrupts.ptrace \
	tests/platform/ptrace_control.ptrace \
	tests/platform/ptrace_preempt.ptrace \
	tests/platform/ptrace_unmap.ptrace \
	tests/platform/ptrace_recycle.ptrace \
	tests/platform/ptrace_windows.ptrace \
	tests/platform/ptrace_fpu.ptrace \
	tests/platform/ptrace_spaces.ptrace \
	tests/platform/ptrace_access.ptrace \
	tests/platform/ptrace_stubs.ptrace
check_SCRIPTS = $(platform_ptrace_tests)
TESTS += $(platform_ptrace_tests)
CLEANFILES += $(platform_ptrace_tests)
TEST_EXTENSIONS = .ptrace
PTRACE_LOG_COMPILER = env HUSK_TEST_PLATFORM=ptrace
$(platform_ptrace_tests): tests/platform/ptrace_%.ptrace: tests/platform/test_%$(EXEEXT)
	$(AM_V_GEN)ln -f $< $@
platform_test_libs = libplatform.a libbase.a
tests_platform_test_basic_SOURCES = tests/platform/test_basic.c tests/platform/guest.h
tests_platform_test_basic_LDADD = $(platform_test_libs)
tests_platform_test_memory_SOURCES = tests/platform/test_memory.c tests/platform/guest.h
tests_platform_test_memory_LDADD = $(platform_test_libs)
tests_platform_test_memory_stream_SOURCES = tests/platform/test_memory_stream.c tests/platform/guest.h
tests_platform_test_memory_stream_LDADD = $(platform_test_libs)
tests_platform_test_clock_SOURCES = tests/platform/test_clock.c tests/platform/guest.h
tests_platform_test_clock_LDADD = $(platform_test_libs)
tests_platform_test_vdso_SOURCES = tests/platform/test_vdso.c tests/platform/guest.h
tests_platform_test_vdso_LDADD = $(platform_test_libs)
tests_platform_test_tsc_SOURCES = tests/platform/test_tsc.c tests/platform/guest.h
tests_platform_test_tsc_LDADD = $(platform_test_libs)
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
tests_platform_test_control_SOURCES = tests/platform/test_control.c tests/platform/guest.h
tests_platform_test_control_LDADD = $(platform_test_libs)
tests_platform_test_spaces_SOURCES = tests/platform/test_spaces.c tests/platform/guest.h
tests_platform_test_spaces_LDADD = $(platform_test_libs)
tests_platform_test_access_SOURCES = tests/platform/test_access.c tests/platform/guest.h
tests_platform_test_access_LDADD = $(platform_test_libs)
tests_platform_test_inject_SOURCES = tests/platform/test_inject.c tests/platform/guest.h
tests_platform_test_inject_LDADD = $(platform_test_libs)
tests_platform_test_state_SOURCES = tests/platform/test_state.c tests/platform/guest.h
tests_platform_test_state_LDADD = $(platform_test_libs)
tests_platform_test_interrupts_SOURCES = tests/platform/test_interrupts.c tests/platform/guest.h
tests_platform_test_interrupts_LDADD = $(platform_test_libs)
tests_platform_test_stubs_SOURCES = tests/platform/test_stubs.c tests/platform/guest.h
tests_platform_test_stubs_LDADD = $(platform_test_libs)
