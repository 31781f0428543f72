# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libruntime.a
libruntime_a_SOURCES = \
	src/runtime/bundle.c src/runtime/bundle.h \
	src/runtime/cgroup/cgroup.h \
	src/runtime/cgroup/detect.c \
	src/runtime/cgroup/devices.c \
	src/runtime/cgroup/devices_bpf.c \
	src/runtime/cgroup/members.c \
	src/runtime/cgroup/v1.c \
	src/runtime/cgroup/v2.c \
	src/runtime/child.c src/runtime/child.h \
	src/runtime/console.c src/runtime/console.h \
	src/runtime/container.c src/runtime/container.h \
	src/runtime/copyup.c \
	src/runtime/delete.c \
	src/runtime/devices.c src/runtime/devices.h \
	src/runtime/exec.c \
	src/runtime/fifo.c src/runtime/fifo.h \
	src/runtime/files.c src/runtime/files.h \
	src/runtime/hooks.c src/runtime/hooks.h \
	src/runtime/kill.c \
	src/runtime/launch.c src/runtime/launch.h \
	src/runtime/lock.c src/runtime/lock.h \
	src/runtime/mount_cgroup.c \
	src/runtime/mount_options.c src/runtime/mount_options.h \
	src/runtime/mounts.c src/runtime/mounts.h \
	src/runtime/namespaces.c src/runtime/namespaces.h \
	src/runtime/network.c src/runtime/network.h \
	src/runtime/refusals.c src/runtime/refusals.h \
	src/runtime/rootfs.c src/runtime/rootfs.h \
	src/runtime/run.c \
	src/runtime/runtime.h \
	src/runtime/state.c src/runtime/state.h \
	src/runtime/sync.c src/runtime/sync.h \
	src/runtime/sysctl.c src/runtime/sysctl.h \
	src/runtime/terminal.c src/runtime/terminal.h
