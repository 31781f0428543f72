# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libmm.a
libmm_a_SOURCES = \
	src/mm/mm.h 
