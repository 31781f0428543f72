# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libocispec.a
libocispec_a_SOURCES = \
	libocispec/ocispec.h libocispec/tables.h
