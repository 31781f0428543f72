/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "kernel/internal.h"
#include "kernel/jobcontrol.h"
#include "kernel/procinfo.h"
#include "vfs/signalfd.h"

struct kernel kernel = {.tasklist = PTHREAD_RWLOCK_INITIALIZER};

__thread struct task *current;

static int signalfd_dequeue(uint64_t mask, siginfo_t *out)
{
	return signal_dequeue(mask, out) != 0;
}

static uint64_t signalfd_pending(uint64_t mask)
{
	uint64_t set;

	pthread_mutex_lock(&current->group->lock);
	set = current->pending.set | current->group->shared_pending.set;
	pthread_mutex_unlock(&current->group->lock);
	return set & mask;
}

static struct waitq *signalfd_queue(void)
{
	return &current->group->signal_wait;
}

static void *signalfd_hold(void)
{
	return group_get(current->group);
}

static void signalfd_drop(void *held)
{
	group_put(held);
}

int kernel_boot(struct platform *platform, bool debug)
{
	int r = mm_init(platform);

	if (r < 0)
		return r;
	kernel.platform = platform;
	kernel.debug = debug;
	waitq_init(&kernel.last_task);
	procinfo_init();
	jobcontrol_init();
	signal_fd_ops = (struct signal_fd_ops){signalfd_dequeue, signalfd_pending, signalfd_queue,
					       signalfd_hold, signalfd_drop};
	return 0;
}
