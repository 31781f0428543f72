# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libvfs.a
libvfs_a_SOURCES = \
	src/vfs/anon.h src/vfs/epoll.h src/vfs/file.h src/vfs/fs.h src/vfs/jobcontrol.h \
	src/vfs/lock.h src/vfs/poll.h src/vfs/procfs.h src/vfs/pseudo.h src/vfs/signalfd.h \
	src/vfs/tty.h
