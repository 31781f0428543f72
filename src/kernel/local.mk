# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libkernel.a
libkernel_a_SOURCES = \
	src/kernel/cred.h src/kernel/signal.h src/kernel/syscalls/syscalls.h src/kernel/syscalls/table.h src/kernel/task.h
libkernel_a_SOURCES += \
	src/kernel/futex.c src/kernel/futex.h src/kernel/futex_pi.c src/kernel/futex_queue.h \
	src/kernel/syscalls/futex.c src/kernel/syscalls/memory.c src/kernel/syscalls/socket.c
