/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sleeping for something that husk itself makes happen: a child's exit, a byte in an emulated
 * pipe or pty, a futex.
 *
 * A parker is one thread's place to sleep: a word. unpark() sets it, park() sleeps while it is
 * clear and clears it. A wait queue is a list of entries; waking calls each entry's function with
 * the events that happened, under the queue's lock: the usual one unparks a thread, poll's marks
 * a descriptor and unparks, epoll's pings an eventfd.
 *
 * The only right order, as everywhere: add the entry, look at the condition, park, look again.
 */
#ifndef HUSK_BASE_WAITQ_H
#define HUSK_BASE_WAITQ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"

struct parker {
	_Atomic uint32_t woken;
};

/* Sleeps until unpark(). 0, -ETIMEDOUT (deadline: CLOCK_MONOTONIC, NULL none) or -EINTR. */
int park(struct parker *p, const struct timespec *deadline);
void unpark(struct parker *p);

struct waitq {
	pthread_mutex_t lock; /* a leaf lock, but for what the wake functions take: parkers only */
	struct list waiters;
};

struct waitq_entry {
	struct list link;
	/* Called under the queue's lock; events as in poll(2). Must not sleep nor touch the queue. */
	void (*wake)(struct waitq_entry *e, unsigned events);
	struct parker *parker;
};

#define WAITQ_INIT(q) {PTHREAD_MUTEX_INITIALIZER, LIST_INIT((q).waiters)}

void waitq_init(struct waitq *q);
/* An entry whose wake function unparks p. */
void waitq_entry_init(struct waitq_entry *e, struct parker *p);
void waitq_add(struct waitq *q, struct waitq_entry *e);
/* After this returns, e's wake function is not running and will not run again. */
void waitq_del(struct waitq *q, struct waitq_entry *e);
void waitq_wake(struct waitq *q, unsigned events);

/*
 * Sleeps on q until cond is true: `r = waitq_wait_event(&q, deadline, cond)`. cond is evaluated
 * without the queue's lock; 0, -ETIMEDOUT or -EINTR (a signal is pending).
 */
#define waitq_wait_event(q, deadline, cond)                                                        \
	({                                                                                         \
		struct parker parker_ = {0};                                                       \
		struct waitq_entry entry_;                                                         \
		int r_ = 0;                                                                        \
		waitq_entry_init(&entry_, &parker_);                                               \
		waitq_add((q), &entry_);                                                           \
		while (!(cond) && (r_ = park(&parker_, (deadline))) == 0)                          \
			;                                                                          \
		waitq_del((q), &entry_);                                                           \
		r_;                                                                                \
	})

#endif
