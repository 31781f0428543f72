/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sandbox' own door to the host's procfs: a detached procfs mount (fsopen(2), hidepid- and
 * subset-restricted to pids), opened before pivot_root, reachable from this file only. No guest path
 * leads here. It is used for re-opening a descriptor with other flags, linkat() of an O_TMPFILE,
 * what /proc/net shows, and descriptors' paths.
 */
#ifndef HUSK_BASE_HOSTPROC_H
#define HUSK_BASE_HOSTPROC_H

#include <stddef.h>
#include <sys/types.h>

/* Opens the detached procfs of the caller's pid namespace (falls back to open("/proc")). 0, -errno. */
int hostproc_init(void);

/*
 * Opens what descriptor fd stands for once more, with flags (O_PATH descriptors become real ones;
 * permissions are checked again by the host with the thread's mirrored credentials).
 */
int hostproc_reopen(int fd, int flags);
/* readlink of /proc/self/fd/FD: a path below the sandbox' root, "pipe:[…]", "… (deleted)". */
ssize_t hostproc_fd_path(int fd, char *buf, size_t n);
/* The name "self/fd/N" relative to hostproc_dir(), for linkat(…, AT_SYMLINK_FOLLOW), inotify. */
int hostproc_dir(void);
void hostproc_fd_name(int fd, char buf[32]);
/* Opens a file below /proc/self (e.g. "net/tcp", "mountinfo") or "/proc" ("cpuinfo"), O_RDONLY. */
int hostproc_open(const char *name);
/* Opens a thread's file, "task/TID/NAME" of a process of the same pid namespace, O_RDONLY. */
int hostproc_open_thread(pid_t process, pid_t thread, const char *name);

#endif
