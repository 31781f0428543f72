# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/cleanup.h src/base/error.h src/base/hostcall.h src/base/hostproc.h src/base/list.h src/base/log.h src/base/safecopy.h src/base/usermem.h src/base/waitq.h 
