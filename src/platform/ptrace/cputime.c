/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU time. The host counts user code's as that of the worker, a thread of another process, whose
 * clock it does not show us; procfs does.
 */
#include "platform/ptrace/ptrace.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/hostproc.h"

/* Nanoseconds on a CPU since the thread began; or what is known already. */
static uint64_t worker_time(const struct worker *w)
{
	int fd = hostproc_open_thread(w->stub->pid, w->tid, "schedstat");
	char text[64];
	ssize_t n = -1;
	uint64_t ns = 0;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n > 0) {
		text[n] = '\0';
		ns = strtoull(text, NULL, 10);
	}
	return ns > w->charged ? ns : w->charged;
}

static void settle(struct worker *w)
{
	uint64_t now;

	if (!w->user)
		return;
	now = worker_time(w);
	w->user->cpu_ns += now - w->charged;
	w->user->cpu_worker = NULL;
	w->user = NULL;
	w->charged = now;
}

void cpu_charge(struct worker *w, struct traced_context *c)
{
	if (w->user == c)
		return;
	settle(w);
	if (!c)
		return;
	if (c->cpu_worker)
		settle(c->cpu_worker);
	w->user = c;
	c->cpu_worker = w;
}

uint64_t traced_cpu_time(struct context *base)
{
	struct traced_context *c = traced_context_of(base);
	uint64_t ns;

	pthread_mutex_lock(&c->traced->fpu_lock);
	ns = c->cpu_ns;
	if (c->cpu_worker)
		ns += worker_time(c->cpu_worker) - c->cpu_worker->charged;
	pthread_mutex_unlock(&c->traced->fpu_lock);
	return ns;
}
