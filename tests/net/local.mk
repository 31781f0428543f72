# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += tests/net/test_net
TESTS += tests/net/test_net
tests_net_test_net_SOURCES = tests/net/test_net.c tests/mm/fake_platform.c tests/mm/fake_platform.h
tests_net_test_net_LDADD = libnet.a libmm.a libvfs.a libbase.a
