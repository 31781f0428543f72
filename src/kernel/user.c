/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Linux counts by real user: tasks (RLIMIT_NPROC) and queued signals (RLIMIT_SIGPENDING).
 * A container has few users; a list is enough.
 */
#include <stdlib.h>

#include "kernel/internal.h"

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list users = LIST_INIT(users);

struct user_count *user_get(uid_t uid)
{
	struct user_count *u;

	pthread_mutex_lock(&users_lock);
	list_for_each(u, &users, link)
		if (u->uid == uid)
			goto found;
	u = calloc(1, sizeof(*u));
	if (!u)
		goto out;
	u->uid = uid;
	list_add(&users, &u->link);
found:
	u->refs++;
out:
	pthread_mutex_unlock(&users_lock);
	return u;
}

void user_put(struct user_count *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&users_lock);
	if (--u->refs == 0) {
		list_del(&u->link);
		free(u);
	}
	pthread_mutex_unlock(&users_lock);
}
