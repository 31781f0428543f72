/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stubs: one process of the host for each address space. One that is not used any more is emptied
 * and kept for the next: that is a system call, and a fork, some threads and their ends are many.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define IDLE_MAX 16

static struct stub *stub_alloc(struct traced *p, pid_t pid)
{
	struct stub *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->traced = p;
	s->pid = pid;
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->workers);
	list_init(&s->link);
	return s;
}

/* Ends the process, whatever its threads do. */
static void stub_end(struct stub *s)
{
	int status;

	trace_kill(s->traced, s->pid, s->pid);
	workers_bury(s);
	while (trace_wait(s->pid, &status) == 0 && !has_ended(status))
		;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* What a new stub's first thread has to do, the only time that it is traced. */
static int set_up(struct stub *s)
{
	int r = trace_seize(s->traced, s->pid, PTRACE_O_EXITKILL);

	if (r == 0)
		r = trace_call(s->traced, s->pid, SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
	if (r == 0)
		r = s->cloner = trace_clone(s->traced, s->pid, STUB_THREAD_FLAGS);
	return r < 0 ? r : 0;
}

/* The zygote forks; its child is the sibling of it, and dies with this process. */
static int make(struct traced *p, struct stub **out)
{
	pid_t pid;
	long r;

	pthread_mutex_lock(&p->zygote_lock);
	r = trace_seize(p, p->zygote, 0);
	pid = r < 0 ? r : trace_clone(p, p->zygote, CLONE_FILES | CLONE_PARENT);
	pthread_mutex_unlock(&p->zygote_lock);
	if (pid < 0)
		return pid;
	*out = stub_alloc(p, pid);
	r = *out ? set_up(*out) : -ENOMEM;
	if (r == 0) {
		atomic_fetch_add(&p->stubs_made, 1);
		return 0;
	}
	if (*out) {
		stub_end(*out);
	} else {
		int status;

		trace_kill(p, pid, pid);
		while (trace_wait(pid, &status) == 0 && !has_ended(status))
			;
	}
	return r;
}

int stub_get(struct traced *p, struct stub **out)
{
	struct stub *s = NULL;

	pthread_mutex_lock(&p->lock);
	if (!list_empty(&p->idle)) {
		s = list_first(&p->idle, struct stub, link);
		list_del(&s->link);
		p->n_idle--;
	}
	pthread_mutex_unlock(&p->lock);
	if (!s)
		return make(p, out);
	atomic_fetch_add(&p->stubs_reused, 1);
	*out = s;
	return 0;
}

/* Takes everything away that the guest had there. */
static bool empty(struct stub *s)
{
	struct worker *w = worker_find(s, tracer_self(s->traced));

	if (atomic_load(&s->broken))
		return false;
	if (list_empty(&s->workers))
		return true; /* nobody was ever there who could have mapped something */
	if (!w || atomic_load(&w->dead))
		return false;
	if (trace_call(s->traced, w->tid, SYS_munmap, 0, STUB_BASE, 0, 0, 0, 0) != 0)
		return false;
	/* Signal frames of a process that is gone, or what it wrote there itself. */
	list_for_each(w, &s->workers, in_stub)
		if (memory_decommit(s->traced->base.memory, w->slot, SLOT_PAGES) < 0)
			return false;
	return true;
}

void stub_put(struct stub *s)
{
	struct traced *p = s->traced;
	bool keep = empty(s);

	pthread_mutex_lock(&p->lock);
	keep = keep && p->n_idle < IDLE_MAX;
	if (keep) {
		list_add(&p->idle, &s->link);
		p->n_idle++;
	}
	pthread_mutex_unlock(&p->lock);
	if (!keep)
		stub_end(s);
}

void stubs_end(struct traced *p)
{
	while (!list_empty(&p->idle)) {
		struct stub *s = list_first(&p->idle, struct stub, link);

		list_del(&s->link);
		stub_end(s);
	}
}
