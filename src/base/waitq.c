/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/waitq.h"

#include <errno.h>

#include "base/hostcall.h"

int park(struct parker *p, const struct timespec *deadline)
{
	while (!atomic_exchange(&p->woken, 0)) {
		int r = host_futex_wait(&p->woken, 0, deadline);

		if (r < 0)
			return r;
	}
	return 0;
}

void unpark(struct parker *p)
{
	if (!atomic_exchange(&p->woken, 1))
		host_futex_wake(&p->woken, 1);
}

static void wake_parker(struct waitq_entry *e, unsigned events)
{
	unpark(e->parker);
}

void waitq_init(struct waitq *q)
{
	pthread_mutex_init(&q->lock, NULL);
	list_init(&q->waiters);
}

void waitq_entry_init(struct waitq_entry *e, struct parker *p)
{
	list_init(&e->link);
	e->wake = wake_parker;
	e->parker = p;
}

void waitq_add(struct waitq *q, struct waitq_entry *e)
{
	pthread_mutex_lock(&q->lock);
	list_add_tail(&q->waiters, &e->link);
	pthread_mutex_unlock(&q->lock);
}

void waitq_del(struct waitq *q, struct waitq_entry *e)
{
	pthread_mutex_lock(&q->lock);
	list_del(&e->link);
	pthread_mutex_unlock(&q->lock);
}

void waitq_wake(struct waitq *q, unsigned events)
{
	struct waitq_entry *e, *tmp;

	pthread_mutex_lock(&q->lock);
	list_for_each_safe(e, tmp, &q->waiters, link)
		e->wake(e, events);
	pthread_mutex_unlock(&q->lock);
}
