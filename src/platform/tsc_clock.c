/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:230 Time, without asking
 * The calibration: two looks at TSC and clock, far apart, give the pace; the later one gives the
 * time. A look costs some 50 ns of doubt, so over a distance D the pace is right to 100 ns / D, and
 * for as long as D again the error stays below 100 ns: the page is made valid for D, doubling from
 * a millisecond up to a quarter of a second. What then remains is the host's own doing: while
 * adjtimex(2) slews its clock by 500 ppm, ours is up to 125 us behind or ahead of it.
 *
 * When a page has run out, and only then, the next one may begin later than where it ended: nobody
 * can tell a small jump forward from the time that a system call takes. If instead it ended ahead
 * of the host's clock, the next goes on from there and more slowly, until the host has caught up.
 */
#include "platform/tsc_clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>

#include "base/hostcall.h"

#define MIN_DISTANCE 1000000UL /* between two looks that give a pace, ns */
#define MAX_VALID 250000000UL  /* of a page, ns */
#define WINDOW 4000000000UL    /* the pace is an average over so many ns, up to twice that */
#define DOUBT_RATIO 1000       /* … and over so many times the doubt of the looks */
#define CHANGED 1000	       /* ns off in a page's time: the host's pace has changed */
#define INSANE_RATIO 50	       /* a pace that differs by a 50th is not slewing: start anew */
#define LOOKS 4

/* At some moment between two readings of the TSC, the clock said ns. */
struct look {
	uint64_t tsc; /* the middle */
	uint64_t ns;
	uint64_t doubt; /* ticks between the two */
};

/* A difference of two clocks, constant until one is set: what we say, and what is possible. */
struct difference {
	uint64_t value;
	int64_t low, high; /* the true one minus value */
	bool known;
};

struct tsc_clock {
	struct clock_source src;
	struct clock_page *page;
	pthread_mutex_t lock; /* guards everything, and writing the page */
	/* The pace is measured from anchor on; next takes its place when that is old. */
	struct look anchor, next, last;
	bool anchored, calibrated;
	uint64_t pace;	/* as mult, without slewing */
	uint64_t floor; /* CLOCK_MONOTONIC has been told up to here, ns */
	struct difference real, boot;
};

static uint64_t host_tsc(void *arg)
{
	_mm_lfence();
	return __rdtsc() + *(int64_t *)arg;
}

static uint64_t host_now(clockid_t id, void *arg)
{
	(void)arg;
	return clock_now_ns(id);
}

const struct clock_source clock_host = {.tsc = host_tsc, .now = host_now};

struct tsc_clock *tsc_clock_new(const struct clock_source *src, struct clock_page *page)
{
	struct tsc_clock *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->src = *src;
	c->page = page;
	pthread_mutex_init(&c->lock, NULL);
	tsc_clock_read(c, CLOCK_MONOTONIC); /* the first look */
	return c;
}

void tsc_clock_destroy(struct tsc_clock *c)
{
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static uint64_t tsc(struct tsc_clock *c)
{
	return c->src.tsc(c->src.arg);
}

static uint64_t now(struct tsc_clock *c, clockid_t id)
{
	return c->src.now(id, c->src.arg);
}

static uint64_t scale(uint64_t ticks, uint64_t mult)
{
	return (unsigned __int128)ticks * mult >> CLOCK_MULT_SHIFT;
}

/* ---- looking at the host --------------------------------------------------------------------- */

/* The surest of a few: the others were interrupted. */
static struct look look(struct tsc_clock *c)
{
	struct look best = {.doubt = UINT64_MAX};

	for (int i = 0; i < LOOKS; i++) {
		uint64_t before = tsc(c), ns = now(c, CLOCK_MONOTONIC), doubt = tsc(c) - before;

		if (doubt < best.doubt)
			best = (struct look){before + doubt / 2, ns, doubt};
	}
	return best;
}

/*
 * Looks at the difference between clock `id` and CLOCK_MONOTONIC. As long as what was possible
 * before is possible still, our value stays: a better one might step back.
 */
static void look_at_difference(struct tsc_clock *c, clockid_t id, struct difference *d)
{
	uint64_t before = now(c, CLOCK_MONOTONIC), t = now(c, id);
	uint64_t after = now(c, CLOCK_MONOTONIC);
	int64_t low = t - after - d->value - 1, high = t - before - d->value + 1;

	if (d->known && low <= d->high && high >= d->low) {
		d->low = low > d->low ? low : d->low;
		d->high = high < d->high ? high : d->high;
		return;
	}
	d->value = t - (before + (after - before) / 2);
	d->low = t - after - d->value - 1;
	d->high = t - before - d->value + 1;
	d->known = true;
}

/* ---- the pace -------------------------------------------------------------------------------- */

static void start_anew(struct tsc_clock *c, const struct look *s)
{
	c->anchor = c->next = *s;
	c->anchored = true;
	c->calibrated = false;
}

/* ns per tick between two looks, as mult; 0: they are too near to each other to say. */
static uint64_t pace_between(const struct look *a, const struct look *b)
{
	uint64_t ticks = b->tsc - a->tsc, ns = b->ns - a->ns;

	if (b->ns < a->ns + MIN_DISTANCE || b->tsc <= a->tsc ||
	    ticks < (a->doubt + b->doubt) * DOUBT_RATIO)
		return 0;
	return ((unsigned __int128)ns << CLOCK_MULT_SHIFT) / ticks;
}

/* Has the host's clock changed its pace since the last look? */
static bool pace_changed(const struct tsc_clock *c, const struct look *s)
{
	uint64_t ticks = s->tsc - c->last.tsc, doubt = c->last.doubt + s->doubt;
	int64_t off = s->ns - c->last.ns - scale(ticks, c->pace);
	int64_t limit = CHANGED + scale(doubt, c->pace);

	return s->ns - c->last.ns < WINDOW && (off > limit || off < -limit);
}

/* Takes a new look into account: sets pace, and whether it can be relied upon. */
static void measure(struct tsc_clock *c, const struct look *s)
{
	uint64_t pace;

	if (!c->anchored || s->tsc <= c->anchor.tsc || s->ns < c->anchor.ns ||
	    (!c->calibrated && s->doubt < c->anchor.doubt / 8)) {
		start_anew(c, s);
		return;
	}
	if (c->calibrated && pace_changed(c, s) && pace_between(&c->last, s))
		c->anchor = c->next = c->last;
	pace = pace_between(&c->anchor, s);
	if (!pace)
		return;
	if (c->calibrated &&
	    (pace > c->pace + c->pace / INSANE_RATIO || pace < c->pace - c->pace / INSANE_RATIO)) {
		/* The TSC jumped: the machine slept, or was moved to another. */
		start_anew(c, s);
		return;
	}
	c->pace = pace;
	c->calibrated = true;
	if (s->ns - c->next.ns >= WINDOW) {
		c->anchor = c->next;
		c->next = *s;
	}
}

/* ---- the page -------------------------------------------------------------------------------- */

static void page_lock(struct clock_page *p)
{
	/* Nothing that follows is done before this, not even the reading of the TSC. */
	__atomic_fetch_add(&p->seq, 1, __ATOMIC_SEQ_CST);
}

static void page_unlock(struct clock_page *p)
{
	__atomic_store_n(&p->seq, p->seq + 1, __ATOMIC_RELEASE);
}

/*
 * Writes a page that goes on from look s. It is locked before the TSC is read from which it will
 * count: so every reading of the old page was of an earlier TSC, even if we lose the CPU here.
 */
static void publish(struct tsc_clock *c, const struct look *s)
{
	struct clock_page *p = c->page;
	uint64_t valid = s->ns - c->anchor.ns < MAX_VALID ? s->ns - c->anchor.ns : MAX_VALID;
	uint64_t at, ns, mult = c->pace;

	page_lock(p);
	at = tsc(c);
	ns = s->ns + (at > s->tsc ? scale(at - s->tsc, c->pace) : 0);
	if (ns < c->floor) {
		uint64_t ahead = c->floor - ns;

		mult -= ahead < valid / 2 ? (unsigned __int128)mult * ahead / valid : mult / 2;
		ns = c->floor;
	}
	p->base_tsc = at;
	p->base_ns = ns;
	p->mult = mult;
	p->valid_ticks = c->calibrated ? ((unsigned __int128)valid << CLOCK_MULT_SHIFT) / mult : 0;
	p->real_offset = c->real.value;
	p->boot_offset = c->boot.value;
	/* The latest that this page can tell. */
	if (p->valid_ticks)
		c->floor = ns + scale(p->valid_ticks, mult);
	page_unlock(p);
}

/* The page cannot tell: looks at the host, renews it if possible, and says CLOCK_MONOTONIC. */
static uint64_t renew(struct tsc_clock *c)
{
	struct look s = look(c);
	uint64_t ns;

	look_at_difference(c, CLOCK_REALTIME, &c->real);
	look_at_difference(c, CLOCK_BOOTTIME, &c->boot);
	measure(c, &s);
	c->last = s;
	if (c->calibrated) {
		publish(c, &s);
		return c->page->base_ns;
	}
	ns = now(c, CLOCK_MONOTONIC);
	if (ns > c->floor)
		c->floor = ns;
	/* The differences are told from here on, so the page must not know older ones. */
	page_lock(c->page);
	c->page->valid_ticks = 0;
	c->page->real_offset = c->real.value;
	c->page->boot_offset = c->boot.value;
	page_unlock(c->page);
	return c->floor;
}

uint64_t tsc_clock_read(struct tsc_clock *c, clockid_t id)
{
	uint64_t ns;

	pthread_mutex_lock(&c->lock);
	if (!clock_page_ns(c->page, tsc(c), &ns))
		ns = renew(c);
	ns += clock_page_offset(c->page, id);
	pthread_mutex_unlock(&c->lock);
	return ns;
}
