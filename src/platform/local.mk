# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libplatform.a
libplatform_a_SOURCES = \
	src/platform/platform.h 
