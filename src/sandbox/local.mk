# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES = \
	src/sandbox/client.h src/sandbox/sandbox.h 
