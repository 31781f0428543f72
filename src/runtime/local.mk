# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libruntime.a
libruntime_a_SOURCES = \
	src/runtime/bundle.c src/runtime/bundle.h \
	src/runtime/cgroup/cgroup.h \
	src/runtime/cgroup/detect.c \
	src/runtime/cgroup/devices.c \
	src/runtime/cgroup/devices_bpf.c \
	src/runtime/cgroup/freeze.c \
	src/runtime/cgroup/members.c \
	src/runtime/cgroup/memory.c \
	src/runtime/cgroup/stats.c src/runtime/cgroup/stats.h \
	src/runtime/cgroup/stats_v1.c \
	src/runtime/cgroup/stats_v2.c \
	src/runtime/cgroup/sub.c \
	src/runtime/cgroup/systemd.c src/runtime/cgroup/systemd.h \
	src/runtime/cgroup/systemd_bus.c src/runtime/cgroup/systemd_bus.h \
	src/runtime/cgroup/v1.c \
	src/runtime/cgroup/v2.c \
	src/runtime/cgroup/write.c \
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
	src/runtime/idmap.c src/runtime/idmap.h \
	src/runtime/kill.c \
	src/runtime/late_mounts.c \
	src/runtime/launch.c src/runtime/launch.h \
	src/runtime/lock.c src/runtime/lock.h \
	src/runtime/lsm.c src/runtime/lsm.h \
	src/runtime/mount_cgroup.c \
	src/runtime/mount_options.c src/runtime/mount_options.h \
	src/runtime/mounts.c src/runtime/mounts.h \
	src/runtime/namespaces.c src/runtime/namespaces.h \
	src/runtime/netdevices.c src/runtime/netdevices.h \
	src/runtime/newidmap.c src/runtime/newidmap.h \
	src/runtime/network.c src/runtime/network.h \
	src/runtime/pause.c \
	src/runtime/pidfd_socket.c src/runtime/pidfd_socket.h \
	src/runtime/refusals.c src/runtime/refusals.h \
	src/runtime/resctrl.c src/runtime/resctrl.h \
	src/runtime/rootfs.c src/runtime/rootfs.h \
	src/runtime/run.c \
	src/runtime/runtime.h \
	src/runtime/scheduling.c src/runtime/scheduling.h \
	src/runtime/settings.c src/runtime/settings.h \
	src/runtime/state.c src/runtime/state.h \
	src/runtime/sync.c src/runtime/sync.h \
	src/runtime/sysctl.c src/runtime/sysctl.h \
	src/runtime/terminal.c src/runtime/terminal.h \
	src/runtime/json_put.c src/runtime/json_put.h \
	src/runtime/unix_socket.c src/runtime/unix_socket.h \
	src/runtime/update.c \
	src/runtime/warnings.c src/runtime/warnings.h
