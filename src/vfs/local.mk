# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libvfs.a
libvfs_a_SOURCES =  \
	src/vfs/anon.h \
	src/vfs/denywrite.c \
	src/vfs/denywrite.h \
	src/vfs/epoll.c \
	src/vfs/epoll.h \
	src/vfs/eventfd.c \
	src/vfs/fdtable.c \
	src/vfs/file.c \
	src/vfs/file.h \
	src/vfs/fs.c \
	src/vfs/fs.h \
	src/vfs/hostfile.c \
	src/vfs/inotify.c \
	src/vfs/jobcontrol.h \
	src/vfs/lock.c \
	src/vfs/lock.h \
	src/vfs/path.h \
	src/vfs/path_attr.c \
	src/vfs/path_open.c \
	src/vfs/path_ops.c \
	src/vfs/path_walk.c \
	src/vfs/pipe.c \
	src/vfs/poll.c \
	src/vfs/poll.h \
	src/vfs/procfs.h \
	src/vfs/pseudo.h \
	src/vfs/signalfd.c \
	src/vfs/signalfd.h \
	src/vfs/timerfd.c \
	src/vfs/tty.h

# /proc, and what trees of nodes and terminals are made of
libvfs_a_SOURCES += \
	src/vfs/pseudo.c \
	src/vfs/tty.c src/vfs/tty_file.h src/vfs/tty_host.c src/vfs/ldisc.c src/vfs/ldisc.h \
	src/vfs/pty.c src/vfs/pty_ioctl.c src/vfs/pty_line.h src/vfs/devpts.c \
	src/vfs/proc/fd.c src/vfs/proc/mem.c src/vfs/proc/net.c src/vfs/proc/node.c \
	src/vfs/proc/node.h src/vfs/proc/ops.c src/vfs/proc/pid.c src/vfs/proc/root.c \
	src/vfs/proc/stat.c src/vfs/proc/sys.c
