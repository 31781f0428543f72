/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:480 Address spaces, kept and counted
 * The address spaces of a platform: how many there may be, and those that are kept.
 *
 * An address space that was released under a mappings id is kept as it is, tables and all, for a
 * caller that comes back with the id: its mappings cannot have changed, because nobody had it.
 * Kept ones cost their tables, so there are few of them, and when a new one is wanted and the
 * limit or the memory does not allow it, they go first, the one nobody asked for longest.
 *
 * A space counts from the moment it is promised, so that two threads cannot both get the last one.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "platform/implementation.h"

#define CACHED_MAX 32

int spaces_init(struct platform *p, unsigned max)
{
	struct spaces *s = &p->spaces;

	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->cache);
	s->max = max;
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->event_fd < 0 ? -errno : 0;
}

static void destroy(struct address_space *as)
{
	pthread_mutex_destroy(&as->lock);
	as->platform->ops->destroy_address_space(as);
}

/* Takes the least recently released one out of the cache; under the lock. NULL: it is empty. */
static struct address_space *take_oldest(struct spaces *s)
{
	struct address_space *as;

	if (list_empty(&s->cache))
		return NULL;
	as = list_first(&s->cache, struct address_space, cached);
	list_del(&as->cached);
	s->cached--;
	s->evicted++;
	return as;
}

/* The kept one with this id, or NULL; under the lock. */
static struct address_space *find_cached(struct spaces *s, uint64_t mappings_id)
{
	struct address_space *as;

	list_for_each(as, &s->cache, cached)
		if (as->mappings_id == mappings_id)
			return as;
	return NULL;
}

/* The same, taken out of the cache. */
static struct address_space *take_cached(struct spaces *s, uint64_t mappings_id)
{
	struct address_space *as = find_cached(s, mappings_id);

	if (as) {
		list_del(&as->cached);
		s->cached--;
	}
	return as;
}

/* The event's counter is 0 or 1: neither call can block, or fail in another way. */
static void event_clear(struct spaces *s)
{
	uint64_t n;

	if (read(s->event_fd, &n, sizeof(n)) < 0)
		return; /* EAGAIN: it was clear */
}

static void event_set(struct spaces *s)
{
	uint64_t one = 1;

	if (write(s->event_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is as set as can be */
}

/* One may be had now, if somebody was told that there is none; under the lock. */
static void note_free(struct spaces *s)
{
	if (s->wanted)
		event_set(s);
	s->wanted = false;
}

/*
 * Promises one more. A kept one that has to go for it is *victim: to be destroyed by the caller
 * without the lock, before the new one is made. -EAGAIN.
 */
static int reserve(struct spaces *s, struct address_space **victim)
{
	*victim = NULL;
	if (s->max && s->live + s->cached >= s->max) {
		*victim = take_oldest(s);
		if (!*victim) {
			event_clear(s);
			s->wanted = true;
			s->refused++;
			return -EAGAIN;
		}
	}
	s->live++;
	return 0;
}

/* Makes a promised one; if memory is short, at the expense of those that are kept. */
static int make(struct platform *p, struct address_space **out)
{
	struct spaces *s = &p->spaces;
	int r;

	while ((r = p->ops->new_address_space(p, out)) == -ENOMEM) {
		struct address_space *victim;

		pthread_mutex_lock(&s->lock);
		victim = take_oldest(s);
		pthread_mutex_unlock(&s->lock);
		if (!victim)
			break;
		destroy(victim);
	}
	pthread_mutex_lock(&s->lock);
	if (r == 0) {
		s->made++;
	} else {
		s->live--;
		note_free(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		return r;
	(*out)->platform = p;
	pthread_mutex_init(&(*out)->lock, NULL);
	return 0;
}

int platform_new_address_space(struct platform *p, uint64_t mappings_id, struct address_space **out)
{
	struct spaces *s = &p->spaces;
	struct address_space *as = NULL, *victim = NULL;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (mappings_id)
		as = take_cached(s, mappings_id);
	if (as) {
		s->live++;
		s->reused++;
	} else {
		r = reserve(s, &victim);
	}
	pthread_mutex_unlock(&s->lock);
	if (victim)
		destroy(victim);
	if (r < 0)
		return r;
	if (!as)
		return make(p, out);
	*out = as;
	return 1;
}

int platform_address_space_fd(const struct platform *p)
{
	return p->spaces.event_fd;
}

void address_space_release(struct address_space *as, uint64_t mappings_id)
{
	struct address_space *victim = as;
	struct spaces *s;

	if (!as)
		return;
	s = &as->platform->spaces;
	pthread_mutex_lock(&s->lock);
	s->live--;
	if (mappings_id) {
		assert(!find_cached(s, mappings_id));
		as->mappings_id = mappings_id;
		victim = s->cached == CACHED_MAX ? take_oldest(s) : NULL;
		list_add_tail(&s->cache, &as->cached);
		s->cached++;
		note_free(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (!victim)
		return;
	destroy(victim);
	pthread_mutex_lock(&s->lock);
	note_free(s);
	pthread_mutex_unlock(&s->lock);
}

void platform_forget_mappings(struct platform *p, uint64_t mappings_id)
{
	struct spaces *s = &p->spaces;
	struct address_space *as;

	pthread_mutex_lock(&s->lock);
	as = take_cached(s, mappings_id);
	pthread_mutex_unlock(&s->lock);
	if (as)
		destroy(as);
}

void spaces_destroy(struct platform *p)
{
	struct spaces *s = &p->spaces;
	struct address_space *as;

	if (!s->cache.next)
		return; /* spaces_init() was not reached */
	assert(s->live == 0);
	while ((as = take_oldest(s)))
		destroy(as);
	if (s->event_fd >= 0)
		close(s->event_fd);
	pthread_mutex_destroy(&s->lock);
}

void spaces_stats(struct platform *p, struct platform_stats *out)
{
	struct spaces *s = &p->spaces;

	pthread_mutex_lock(&s->lock);
	out->spaces = s->live;
	out->spaces_cached = s->cached;
	out->spaces_made = s->made;
	out->spaces_reused = s->reused;
	out->spaces_evicted = s->evicted;
	out->spaces_refused = s->refused;
	pthread_mutex_unlock(&s->lock);
}
