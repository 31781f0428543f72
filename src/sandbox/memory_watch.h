/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory watch. Under runc the host's OOM killer takes one process of a container that outgrows
 * its memory limit; for the host a sandbox is one process, so it would take all. husk watches the limit
 * itself, keeps some headroom below it, and kills the process that Linux would have killed.
 */
#ifndef HUSK_SANDBOX_MEMORY_WATCH_H
#define HUSK_SANDBOX_MEMORY_WATCH_H

struct sandbox_memory {
	/* Files of the container's memory cgroup, or -1; event_control is v1's, to write. */
	int usage, limit, stat, event_control;
};

/*
 * Called once, before the guest runs. killed (may be NULL) is called for each process that the watch
 * kills, on any thread. Without files, or without a limit, nothing is watched.
 */
void memory_watch_start(const struct sandbox_memory *files, void (*killed)(int guest_pid));

/* The limit has changed (`husk update`). On the control thread. */
void memory_watch_limit_changed(void);

#endif
