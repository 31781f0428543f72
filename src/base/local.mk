# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/cleanup.h \
	src/base/ending.c src/base/ending.h \
	src/base/error.c src/base/error.h \
	src/base/hostcall.c src/base/hostcall.h src/base/hostcall_amd64.S \
	src/base/hostproc.c src/base/hostproc.h \
	src/base/list.h \
	src/base/log.c src/base/log.h \
	src/base/safecopy.c src/base/safecopy.h src/base/safecopy_amd64.S \
	src/base/usermem.c src/base/usermem.h \
	src/base/waitq.c src/base/waitq.h
