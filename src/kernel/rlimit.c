/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource limits (getrlimit(2)): kept by thread group, told to the rooms that enforce them. */
#include <errno.h>
#include <linux/capability.h>

#include "kernel/internal.h"

uint64_t group_rlimit(struct thread_group *g, unsigned which)
{
	uint64_t limit;

	pthread_mutex_lock(&g->lock);
	limit = g->rlimits[which].rlim_cur;
	pthread_mutex_unlock(&g->lock);
	return limit;
}

void rlimit_push(struct thread_group *g, struct mm *mm)
{
	mm->rlimit_as = group_rlimit(g, RLIMIT_AS);
	mm->rlimit_data = group_rlimit(g, RLIMIT_DATA);
	mm->rlimit_stack = group_rlimit(g, RLIMIT_STACK);
	mm->rlimit_memlock = capable(CAP_IPC_LOCK) ? RLIM_INFINITY : group_rlimit(g, RLIMIT_MEMLOCK);
}

int group_set_rlimit(struct thread_group *g, unsigned which, const struct rlimit *new,
		     struct rlimit *old)
{
	/* sysctl fs.nr_open's usual value: no table can be larger. */
	const rlim_t nr_open = 1 << 20;
	int r = 0;

	if (which >= RLIM_COUNT || (new && new->rlim_cur > new->rlim_max))
		return -EINVAL;
	if (new && which == RLIMIT_NOFILE && new->rlim_max > nr_open)
		return -EPERM;
	pthread_mutex_lock(&g->lock);
	if (old)
		*old = g->rlimits[which];
	if (new && new->rlim_max > g->rlimits[which].rlim_max && !capable(CAP_SYS_RESOURCE))
		r = -EPERM;
	if (new && r == 0) {
		g->rlimits[which] = *new;
		if (which == RLIMIT_NOFILE)
			g->rlim_nofile = new->rlim_cur;
	}
	pthread_mutex_unlock(&g->lock);
	return r;
}
