/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/oom.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/task.h"
#include "mm/mm.h"

#define ADJ_NEVER (-1000)
#define ADJ_SCALE 1000

struct candidate {
	pid_t pid;
	int adj;
	bool init, dying;
	struct mm *mm; /* counted */
	char comm[16];
};

/* The first process from `from` on that has memory; false: there is none. */
static bool next_candidate(pid_t from, struct candidate *out)
{
	out->mm = NULL;
	pthread_rwlock_rdlock(&kernel.tasklist);
	for (pid_t pid = group_next_locked(from); pid > 0 && !out->mm;
	     pid = group_next_locked(pid + 1)) {
		struct thread_group *g = group_find_locked(pid);
		struct task *t;

		if (!g)
			continue;
		list_for_each(t, &g->tasks, group_link) {
			out->mm = task_get_mm(t);
			if (!out->mm)
				continue;
			memcpy(out->comm, t->comm, sizeof(out->comm));
			break;
		}
		if (!out->mm)
			continue;
		pthread_mutex_lock(&g->lock);
		out->dying = g->exiting;
		pthread_mutex_unlock(&g->lock);
		out->pid = pid;
		out->adj = g->oom_score_adj;
		out->init = g == kernel.init;
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return out->mm;
}

/* Pages of files can be read again, so they do not count: the host drops them when it must. */
static int add_resident(const struct vma_info *v, void *arg)
{
	uint64_t *sum = arg;

	*sum += v->file ? v->rss - v->shared_rss : v->rss;
	return 0;
}

static void kill_process(pid_t pid)
{
	siginfo_t info = {.si_signo = SIGKILL, .si_code = SI_KERNEL};
	struct thread_group *g = group_find(pid);

	if (!g)
		return;
	signal_send_group(g, &info);
	group_put(g);
}

enum oom_choice oom_kill(uint64_t limit, struct oom_victim *out)
{
	struct candidate c, worst = {0};
	int64_t points, most = INT64_MIN;

	for (pid_t from = 1; next_candidate(from, &c); from = c.pid + 1) {
		uint64_t rss = 0;

		if (c.dying) {
			*out = (struct oom_victim){.pid = c.pid};
			memcpy(out->comm, c.comm, sizeof(out->comm));
			mm_put(c.mm);
			return OOM_KILLED;
		}
		mm_for_each_vma(c.mm, add_resident, &rss);
		mm_put(c.mm);
		points = (int64_t)rss + (int64_t)(limit / ADJ_SCALE) * c.adj;
		if (c.adj == ADJ_NEVER || points <= most)
			continue;
		most = points;
		worst = c;
		out->rss = rss;
	}
	if (!worst.pid)
		return OOM_NOBODY;
	out->pid = worst.pid;
	memcpy(out->comm, worst.comm, sizeof(out->comm));
	if (worst.init)
		return OOM_INIT;
	kill_process(worst.pid);
	return OOM_KILLED;
}

bool oom_victim_lives(pid_t pid)
{
	struct candidate c;
	bool lives = next_candidate(pid, &c) && c.pid == pid;

	if (c.mm)
		mm_put(c.mm);
	return lives;
}

bool oom_is_dying(void)
{
	bool dying;

	if (!current)
		return false;
	pthread_mutex_lock(&current->group->lock);
	dying = current->group->exiting;
	pthread_mutex_unlock(&current->group->lock);
	return dying;
}
