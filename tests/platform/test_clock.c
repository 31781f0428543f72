/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calibration of the TSC against a host that is simulated: its clock runs fast and slow, is
 * set, its counter has an offset, jumps and begins anew, and every look may take long. Whoever
 * reads, from the page or by tsc_clock_read(), must never see time step back, nor be told a time
 * that is far from the host's.
 */
#include "guest.h"
#include "platform/tsc_clock.h"

struct host {
	double at, mono; /* true time and CLOCK_MONOTONIC, ns */
	double ghz, ppm; /* ticks per true ns; CLOCK_MONOTONIC's pace against true time */
	uint64_t tsc_offset;
	int64_t real, boot; /* against CLOCK_MONOTONIC */
	bool noisy;	    /* somebody takes the CPU away now and then */
	uint64_t looks;
};

static void pass(struct host *h, double ns)
{
	h->at += ns;
	h->mono += ns * (1 + h->ppm / 1e6);
}

static uint64_t host_tsc(void *arg)
{
	struct host *h = arg;

	pass(h, 10 + random() % 10 + (h->noisy && random() % 200 == 0 ? random() % 3000000 : 0));
	return (uint64_t)(h->at * h->ghz) + h->tsc_offset;
}

static uint64_t host_now(clockid_t id, void *arg)
{
	struct host *h = arg;
	uint64_t ns;

	pass(h, 10 + random() % 10);
	ns = h->mono;
	pass(h, 10 + random() % 10);
	h->looks += id == CLOCK_BOOTTIME;
	return ns + (id == CLOCK_REALTIME ? h->real : id == CLOCK_BOOTTIME ? h->boot : 0);
}

static const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};

struct reader {
	struct host *host;
	struct tsc_clock *clock;
	struct clock_page page;
	uint64_t last[3];
	uint64_t calls;
};

static void reader_init(struct reader *r, struct host *h)
{
	struct clock_source src = {host_tsc, host_now, h};

	memset(r, 0, sizeof(*r));
	r->host = h;
	r->clock = tsc_clock_new(&src, &r->page);
	CHECK(r->clock);
}

/* As the vDSO does: from the page if it knows, else by a call. */
static uint64_t page_or_call(struct reader *r, clockid_t id)
{
	uint64_t ns;

	if (clock_page_ns(&r->page, host_tsc(r->host), &ns))
		return ns + clock_page_offset(&r->page, id);
	r->calls++;
	return tsc_clock_read(r->clock, id);
}

/* Reads one clock; it must be less than `off` ns from the host's, and not step back. */
static void read_one(struct reader *r, double off, bool may_step)
{
	unsigned i = random() % 3;
	clockid_t id = ids[i];
	uint64_t ns = random() % 4 ? page_or_call(r, id) : tsc_clock_read(r->clock, id);
	double host = r->host->mono + (i == 1 ? r->host->boot : i == 2 ? r->host->real : 0);
	double error = (double)(int64_t)(ns - (uint64_t)host);

	CHECK(may_step || ns >= r->last[i], "clock %d: %lu after %lu", id, ns, r->last[i]);
	CHECK(error < off && -error < off, "clock %d is off by %.0f ns, more than %.0f", id, error,
	      off);
	r->last[i] = ns;
}

/* Reads every few ns to every few ms for so many seconds. */
static void read_for(struct reader *r, double seconds, double off, bool may_step)
{
	double end = r->host->at + seconds * 1e9;

	while (r->host->at < end) {
		pass(r->host, random() % 3 ? random() % 100 : random() % 4000000);
		read_one(r, off, may_step);
	}
}

/* A quiet host: within 2 us of it from the first reading on, at four calls a second. */
static void steady(double ghz, uint64_t offset)
{
	struct host h = {.at = 1e15,
			 .mono = 5e12,
			 .ghz = ghz,
			 .tsc_offset = offset,
			 .real = 1700000000000000000,
			 .boot = 77};
	struct reader r;

	reader_init(&r, &h);
	read_for(&r, 0.05, 2000, false);
	r.calls = h.looks = 0;
	read_for(&r, 20, 2000, false);
	CHECK(h.looks <= 20 * 5 + 8, "%lu looks in 20 s", h.looks);
	/* Nobody reads for an hour. */
	h.looks = 0;
	pass(&h, 3600e9);
	CHECK(h.looks == 0);
	read_for(&r, 1, 2000, false);
	tsc_clock_destroy(r.clock);
}

/* The host is slewed by up to 200 ppm either way, every few seconds. */
static void slewed(bool noisy)
{
	struct host h = {.at = 1e12, .mono = 1e9, .ghz = 2.1, .noisy = noisy};
	struct reader r;

	reader_init(&r, &h);
	for (int i = 0; i < 40; i++) {
		h.ppm = i % 3 == 0 ? 200 : i % 3 == 1 ? -200 : random() % 400 - 200;
		/* 250 ms of 400 ppm; an interrupted look adds half of what it took. */
		read_for(&r, 0.1 * (1 + random() % 40), noisy ? 3.2e6 : 120000, false);
		if (i % 10 == 9)
			pass(&h, 1e9 * (random() % 100));
	}
	tsc_clock_destroy(r.clock);
}

/* clock_settime(2) on the host: the others do not move, the new time is seen soon. */
static void stepped(void)
{
	struct host h = {.at = 1e12, .mono = 1e9, .ghz = 3, .real = 1000000000000};
	struct reader r;

	reader_init(&r, &h);
	for (int i = 0; i < 10; i++) {
		read_for(&r, 1, 2000, false);
		h.real += i % 2 ? 7000000000 : -5000000000;
		read_for(&r, 0.3, 1e10, true);
		read_for(&r, 0.1, 2000, false);
	}
	tsc_clock_destroy(r.clock);
}

/* The machine sleeps, wakes up with another counter, is moved to a faster one. */
static void counter_jumps(void)
{
	struct host h = {.at = 1e12, .mono = 1e9, .ghz = 3};
	struct reader r;

	reader_init(&r, &h);
	for (int i = 0; i < 12; i++) {
		uint64_t now;

		read_for(&r, 2, 4e9, false);
		now = h.at * h.ghz + h.tsc_offset;
		switch (i % 4) {
		case 0:
			h.tsc_offset -= now; /* from 0 again */
			break;
		case 1:
			h.tsc_offset += 1UL << 40;
			break;
		case 2:
			h.tsc_offset -= 1UL << 33;
			break;
		case 3:
			h.ghz = 5 - h.ghz;
			h.tsc_offset += now - (uint64_t)(h.at * h.ghz) - h.tsc_offset;
			break;
		}
		/* What is ahead of the host by then is caught up with at half its pace. */
		read_for(&r, 10, 4e9, false);
		read_for(&r, 1, 5000, false);
	}
	tsc_clock_destroy(r.clock);
}

int main(void)
{
	srandom(3);
	steady(2.1, 0);
	steady(0.99, 1UL << 62);
	steady(5, -(1UL << 40));
	slewed(false);
	slewed(true);
	stepped();
	counter_jumps();
	return 0;
}
