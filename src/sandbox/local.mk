# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libsandbox.a
libsandbox_a_SOURCES = \
	src/sandbox/boot.c src/sandbox/sandbox.h src/sandbox/private.h \
	src/sandbox/client.c src/sandbox/client.h \
	src/sandbox/confine.c src/sandbox/syscall_filter.c \
	src/sandbox/control.c \
	src/sandbox/label.c \
	src/sandbox/machine.c \
	src/sandbox/memory_watch.c src/sandbox/memory_watch.h \
	src/sandbox/outside.c \
	src/sandbox/placeholder.c \
	src/sandbox/process.c \
	src/sandbox/process_list.c src/sandbox/process_list.h \
	src/sandbox/seccomp_profile.c \
	src/sandbox/start_hooks.c \
	src/sandbox/protocol.c src/sandbox/protocol.h
