/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time from the time stamp counter, for guests that cannot have the host's own vvar pages.
 *
 * One page says how to make nanoseconds of TSC ticks, for the next quarter of a second at most. The
 * vDSO (vdso_guest.c) reads it in the guest, tsc_clock_read() in this process; both compute the
 * same, so they agree. Nobody updates the page behind their backs: when its time is up, the vDSO
 * makes a system call, tsc_clock_read() looks at the host's clocks again, and the page is good for
 * another while. So an idle container never wakes up for its clock, and a busy one makes four calls
 * a second.
 *
 * This header is read by the vDSO too: no libc functions.
 */
#ifndef HUSK_PLATFORM_TSC_CLOCK_H
#define HUSK_PLATFORM_TSC_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_MULT_SHIFT 48

/* The page. base_tsc to boot_offset are valid together, while seq stays the same and even. */
struct clock_page {
	uint32_t seq;
	uint32_t rdtscp_cpu;  /* RDTSCP tells the CPU, as Linux encodes it: node << 12 | CPU */
	uint64_t base_tsc;    /* the guest's TSC … */
	uint64_t base_ns;     /* … and CLOCK_MONOTONIC, then */
	uint64_t valid_ticks; /* from base_tsc on; 0: make a system call */
	uint64_t mult;	      /* ns per tick << CLOCK_MULT_SHIFT */
	uint64_t real_offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC, ns */
	uint64_t boot_offset; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC, ns */
};

/* The clocks that the page knows. Coarse ones are as fine as the others here. */
static inline bool clock_page_has(clockid_t id)
{
	return id == CLOCK_REALTIME || id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME ||
	       id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE ||
	       id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM;
}

/* What to add to CLOCK_MONOTONIC for clock `id`, one that the page knows. */
static inline uint64_t clock_page_offset(const struct clock_page *p, clockid_t id)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
		return p->real_offset;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		return p->boot_offset;
	default:
		return 0;
	}
}

/*
 * CLOCK_MONOTONIC at `tsc`, ns; false: the page does not reach so far. Another CPU's counter may be
 * a little behind the one that base_tsc was read from: time stands still for it. If it is far
 * behind, the counters have started anew, and the page says nothing about them.
 */
#define CLOCK_SKEW (1U << 16) /* ticks */
static inline bool clock_page_ns(const struct clock_page *p, uint64_t tsc, uint64_t *ns)
{
	uint64_t ticks = tsc - p->base_tsc;

	if (-ticks < CLOCK_SKEW)
		ticks = 0;
	if (ticks >= p->valid_ticks)
		return false;
	*ns = p->base_ns + (uint64_t)((unsigned __int128)ticks * p->mult >> CLOCK_MULT_SHIFT);
	return true;
}

/* ---- the calibration (tsc_clock.c), which the vDSO does not have ----------------------------- */

/* Where time comes from; tests have their own. */
struct clock_source {
	/* The TSC as the guest reads it, after all loads before. */
	uint64_t (*tsc)(void *arg);
	/* CLOCK_MONOTONIC, _REALTIME or _BOOTTIME of the host, ns. */
	uint64_t (*now)(clockid_t id, void *arg);
	void *arg;
};
/* This process' own clocks. arg: an int64_t *, how far the guest's TSC is ahead of the host's. */
extern const struct clock_source clock_host;

struct tsc_clock;
/*
 * page: zeroed, and written by this clock only. It is not calibrated at first: that takes a
 * millisecond between two readings, until which they are the host's clocks. NULL: no memory.
 */
struct tsc_clock *tsc_clock_new(const struct clock_source *src, struct clock_page *page);
void tsc_clock_destroy(struct tsc_clock *c);
/*
 * Clock `id` (one that clock_page_has()), ns. Brings the page up to date if it has run out.
 * CLOCK_MONOTONIC and _BOOTTIME never step back, neither here nor between here and the page;
 * _REALTIME only when the host's was set back.
 */
uint64_t tsc_clock_read(struct tsc_clock *c, clockid_t id);

#endif
