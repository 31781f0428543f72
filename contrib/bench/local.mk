# SPDX-License-Identifier: GPL-2.0-or-later
#
# Benchmarks: built by `make check`, so that they stay buildable, and run by hand.
check_PROGRAMS += contrib/bench/platform
contrib_bench_platform_SOURCES = \
	contrib/bench/platform.c contrib/bench/bare.c contrib/bench/bare.h tests/platform/guest.h
contrib_bench_platform_LDADD = libplatform.a libbase.a
