/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/rlimit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/internal.h"
#include "kernel/timer.h"

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

void rlimit_inherit(struct thread_group *g, struct thread_group *old)
{
	pthread_mutex_lock(&old->lock);
	memcpy(g->rlimits, old->rlimits, sizeof(g->rlimits));
	pthread_mutex_unlock(&old->lock);
	g->rlim_nofile = g->rlimits[RLIMIT_NOFILE].rlim_cur;
}

void rlimit_start(struct thread_group *g)
{
	if (g->rlimits[RLIMIT_CPU].rlim_cur != RLIM_INFINITY)
		timers_cpu_limit(g, g->rlimits[RLIMIT_CPU].rlim_cur);
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
	if (new && r == 0 && which == RLIMIT_CPU)
		timers_cpu_limit(g, new->rlim_cur);
	return r;
}

/* ---- RLIMIT_FSIZE -------------------------------------------------------------------------------- */

/* Read without the lock by the group's own tasks: a change that races may be seen a call later. */
static uint64_t fsize_limit(void)
{
	return current->group->rlimits[RLIMIT_FSIZE].rlim_cur;
}

static int too_big(void)
{
	siginfo_t info = {.si_signo = SIGXFSZ, .si_code = SI_USER};

	info.si_pid = current->group->tgid;
	info.si_uid = current->cred->ruid;
	signal_send_task(current, &info);
	return -EFBIG;
}

int rlimit_check_size(off_t size)
{
	return size > 0 && (uint64_t)size > fsize_limit() ? too_big() : 0;
}

static off_t write_position(struct file *f, const off_t *pos)
{
	struct stat st;

	if (f->flags & O_APPEND)
		return fstat(f->fd, &st) < 0 ? 0 : st.st_size;
	return pos ? *pos : lseek(f->fd, 0, SEEK_CUR);
}

int rlimit_cut_write(struct file *f, struct iovec *iov, int *n, const off_t *pos)
{
	uint64_t limit = fsize_limit(), room;
	off_t at;

	if (limit == RLIM_INFINITY || f->type != S_IFREG || f->fd < 0)
		return 0;
	at = write_position(f, pos);
	if (at < 0)
		return 0;
	if ((uint64_t)at >= limit)
		return too_big();
	room = limit - at;
	for (int i = 0; i < *n; i++) {
		if (iov[i].iov_len >= room) {
			iov[i].iov_len = room;
			*n = i + 1;
			break;
		}
		room -= iov[i].iov_len;
	}
	return 0;
}

/* ---- RLIMIT_CPU ---------------------------------------------------------------------------------- */

void rlimit_cpu_reached(struct thread_group *g)
{
	uint64_t utime, stime, hard;

	group_times(g, &utime, &stime);
	pthread_mutex_lock(&g->lock);
	hard = g->rlimits[RLIMIT_CPU].rlim_max;
	pthread_mutex_unlock(&g->lock);
	if (hard != RLIM_INFINITY && (utime + stime) / 1000000000 >= hard)
		signal_kernel_group(g, SIGKILL);
	else
		signal_kernel_group(g, SIGXCPU);
}
