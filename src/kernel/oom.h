/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is to die when memory is short: the choice that Linux makes for a memory cgroup. */
#ifndef HUSK_KERNEL_OOM_H
#define HUSK_KERNEL_OOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum oom_choice {
	OOM_KILLED, /* *out is dying now, or was already */
	OOM_INIT,   /* the container's init is the worst: nobody was killed */
	OOM_NOBODY, /* nobody may be killed */
};

struct oom_victim {
	pid_t pid;
	char comm[16];
	uint64_t rss; /* bytes */
};

/*
 * Kills the process with the highest badness: its resident memory plus limit × oom_score_adj / 1000
 * (proc(5)); -1000 is never chosen. limit: the container's memory, bytes. Whoever is dying already is
 * chosen before all others. Called without locks, from any thread.
 */
enum oom_choice oom_kill(uint64_t limit, struct oom_victim *out);

/* Has the process still memory to give back? */
bool oom_victim_lives(pid_t pid);

/* Must the calling thread's process go? False on threads that are no tasks. */
bool oom_is_dying(void);

#endif
