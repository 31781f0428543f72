/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workers: which thread of which stub runs user code for which host thread.
 *
 * A host thread keeps its workers, stopped, as long as it lives: it comes back to them for every
 * switch. When it ends it parks them, for the host would resume what a tracer leaves behind; the
 * next host thread that comes into the same address space takes a parked one.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"

#define WORKER_OPTIONS (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)

/* ---- tracers --------------------------------------------------------------------------------- */

static __thread struct tracer *my_tracers;
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;
/* Between a thread that ends and a platform that does. Outside all other locks. */
static pthread_mutex_t tracers_lock = PTHREAD_MUTEX_INITIALIZER;

/* Moves w's counters to those of all that are not somebody's now; under traced.lock. */
static void retire_counters(struct worker *w)
{
	struct worker *to = &w->stub->traced->retired;

	to->exits += w->exits;
	to->syscalls += w->syscalls;
	to->faults += w->faults;
	to->page_faults += w->page_faults;
	to->interrupts += w->interrupts;
	to->preemptions += w->preemptions;
	to->retries += w->retries;
	to->shrunk += w->shrunk;
	w->exits = w->syscalls = w->faults = w->page_faults = w->interrupts = 0;
	w->preemptions = w->retries = w->shrunk = 0;
}

/* Under traced.lock, on the worker's tracer. */
static void park(struct worker *w)
{
	fpu_part(w);
	if (trace_release(w->tid, STUB_BASE + STUB_PARK) < 0)
		atomic_store(&w->dead, true);
	list_del(&w->in_tracer);
	w->tracer = NULL;
	retire_counters(w);
}

static void tracer_end(struct tracer *t)
{
	struct traced *p = t->traced;

	if (p) {
		pthread_mutex_lock(&p->lock);
		while (!list_empty(&t->workers))
			park(list_first(&t->workers, struct worker, in_tracer));
		list_del(&t->link);
		pthread_mutex_unlock(&p->lock);
	}
	free(t);
}

static void thread_ends(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&tracers_lock);
	while (my_tracers) {
		struct tracer *t = my_tracers;

		my_tracers = t->next;
		tracer_end(t);
	}
	pthread_mutex_unlock(&tracers_lock);
}

static void make_key(void)
{
	pthread_key_create(&at_thread_end, thread_ends);
}

struct tracer *tracer_self(struct traced *p)
{
	struct tracer *t = my_tracers;

	while (t && t->traced_id != p->id)
		t = t->next;
	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	pthread_once(&once, make_key);
	t->traced = p;
	t->traced_id = p->id;
	t->tid = host_call(SYS_gettid);
	list_init(&t->workers);
	pthread_mutex_lock(&p->lock);
	list_add(&p->tracers, &t->link);
	pthread_mutex_unlock(&p->lock);
	t->next = my_tracers;
	my_tracers = t;
	pthread_setspecific(at_thread_end, t);
	return t;
}

void tracers_forget(struct traced *p)
{
	pthread_mutex_lock(&tracers_lock);
	while (!list_empty(&p->tracers)) {
		struct tracer *t = list_first(&p->tracers, struct tracer, link);

		assert(list_empty(&t->workers));
		list_del(&t->link);
		t->traced = NULL;
	}
	pthread_mutex_unlock(&tracers_lock);
}

/* ---- workers --------------------------------------------------------------------------------- */

struct worker *worker_find(struct stub *s, struct tracer *t)
{
	struct worker *w, *found = NULL;

	if (!t)
		return NULL;
	pthread_mutex_lock(&s->traced->lock);
	list_for_each(w, &t->workers, in_tracer) {
		if (w->stub == s) {
			found = w;
			break;
		}
	}
	pthread_mutex_unlock(&s->traced->lock);
	return found;
}

/* Maps w's slot, which is where the host puts signal frames from then on. */
static int give_slot(struct worker *w)
{
	struct traced *p = w->stub->traced;
	uint8_t *slot = memory_ptr(p->base.memory, w->slot);
	const stack_t stack = {.ss_sp = (void *)w->slot_address, .ss_size = SLOT_SIZE};
	long r = trace_call(p, w->tid, SYS_mmap, w->slot_address, SLOT_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, memory_fd(p->base.memory),
			    (long)w->slot << PAGE_SHIFT);

	if (r != (long)w->slot_address)
		return r < 0 ? r : -EIO;
	*(stack_t *)slot = stack;
	return trace_call(p, w->tid, SYS_sigaltstack, w->slot_address, 0, 0, 0, 0, 0);
}

/* A new thread of s, stopped and traced by the caller; under s->lock. */
static int make_worker(struct stub *s, struct worker **out)
{
	struct traced *p = s->traced;
	struct worker *w;
	long r;

	if (s->slots == SLOTS_MAX)
		return -EAGAIN;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->stub = s;
	list_init(&w->in_tracer);
	list_init(&w->in_stub);
	w->slot_address = STUB_BASE + PAGE_SIZE + s->slots * SLOT_SIZE;
	r = memory_alloc(p->base.memory, SLOT_PAGES, MEMORY_SYSTEM, &w->slot);
	if (r < 0) {
		free(w);
		return r;
	}
	r = trace_seize(p, s->cloner, 0);
	if (r == 0)
		r = w->tid = trace_clone(p, s->cloner, STUB_THREAD_FLAGS);
	if (r > 0) {
		r = trace_seize(p, w->tid, WORKER_OPTIONS);
		if (r == 0)
			r = give_slot(w);
		if (r < 0) {
			/* A thread that nobody knows: the stub goes, and the address space with it. */
			atomic_store(&s->broken, true);
			trace_kill(p, s->pid, w->tid);
		}
	}
	if (r < 0) {
		memory_unref(p->base.memory, w->slot, SLOT_PAGES);
		free(w);
		return r;
	}
	s->slots++;
	atomic_fetch_add(&p->workers_made, 1);
	*out = w;
	return 0;
}

/* A parked worker of s, traced by the caller from now on; under s->lock. NULL: there is none. */
static struct worker *take_parked(struct stub *s)
{
	struct worker *w, *found = NULL;

	pthread_mutex_lock(&s->traced->lock);
	list_for_each(w, &s->workers, in_stub) {
		if (!w->tracer && !atomic_load(&w->dead)) {
			found = w;
			break;
		}
	}
	pthread_mutex_unlock(&s->traced->lock);
	if (!found)
		return NULL;
	if (trace_seize(s->traced, found->tid, WORKER_OPTIONS) < 0) {
		atomic_store(&found->dead, true);
		return NULL;
	}
	atomic_fetch_add(&s->traced->workers_reused, 1);
	return found;
}

static int find_or_make(struct stub *s, struct tracer *t, struct worker **out)
{
	struct traced *p = s->traced;
	struct worker *w = worker_find(s, t);
	int r = 0;

	if (!w) {
		pthread_mutex_lock(&s->lock);
		w = atomic_load(&s->broken) ? NULL : take_parked(s);
		if (!w)
			r = atomic_load(&s->broken) ? -ESRCH : make_worker(s, &w);
		/*
		 * It was killed from outside. Not tried again: a thread that is at its very end can
		 * still be seized, and then says nothing until the others are gone.
		 */
		if (r == -ESRCH)
			atomic_store(&s->broken, true);
		if (r == 0) {
			pthread_mutex_lock(&p->lock);
			w->tracer = t;
			list_add(&t->workers, &w->in_tracer);
			if (list_empty(&w->in_stub))
				list_add(&s->workers, &w->in_stub);
			pthread_mutex_unlock(&p->lock);
		}
		pthread_mutex_unlock(&s->lock);
	}
	*out = w;
	return r;
}

int worker_get(struct traced_space *as, struct worker **out)
{
	struct tracer *t = tracer_self(as->traced);
	int r;

	if (!t)
		return -ENOMEM;
	if (t->last_space == as->id) {
		*out = t->last;
		return 0;
	}
	if (atomic_load(&as->stub->broken))
		return -ESRCH;
	r = find_or_make(as->stub, t, out);
	if (r < 0)
		return r;
	t->last = *out;
	t->last_space = as->id;
	return 0;
}

void workers_bury(struct stub *s)
{
	struct traced *p = s->traced;
	struct worker *w, *next;
	int status;

	pthread_mutex_lock(&p->lock);
	list_for_each_safe(w, next, &s->workers, in_stub) {
		list_del(&w->in_tracer);
		retire_counters(w);
	}
	pthread_mutex_unlock(&p->lock);
	list_for_each_safe(w, next, &s->workers, in_stub) {
		/* One that nobody traces the host forgets by itself: then there is none to wait for. */
		while (w->tracer && trace_wait(w->tid, &status) == 0 && !has_ended(status))
			;
		fpu_forget(w);
		memory_unref(p->base.memory, w->slot, SLOT_PAGES);
		free(w);
	}
}
