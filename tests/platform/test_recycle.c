/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address spaces that come and go, 20000 of them (100000 with HUSK_TEST_LONG=1) without growth, and
 * none of them ever shows what another one had. The attack is the one that works on shadow paging
 * when page-table pages are reused too early: a new address space's pages appear in an old
 * translation's place.
 */
#include "guest.h"

#include <signal.h>

#define SPACES 20000

/* How often: n times, or five times that with HUSK_TEST_LONG=1. */
static unsigned many(unsigned n)
{
	return test_count(5 * n, n);
}

BLOB(peek, "mov (%rdi),%rax\n syscall\n");

static void read_at(struct platform *p, struct context *c, struct address_space *as, uint64_t addr,
		    bool *fault, uint64_t *value)
{
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = addr;
	context_switch(c, as, &regs, -1, &ev);
	*fault = ev.reason == SWITCH_SIGNAL;
	CHECK(*fault ? ev.page_fault && ev.addr == addr : ev.reason == SWITCH_SYSCALL,
	      "reason %d trap %u addr %lx", ev.reason, ev.trapno, ev.addr);
	*value = regs.orig_rax;
}

static void come_and_go(struct platform *p)
{
	struct context *c = test_context(p);
	frame_t code = test_frames(p, 1), secret = test_frames(p, 1);
	struct address_space *keep;
	struct platform_stats st;
	uint64_t peak = 0, value;
	bool fault;

	memcpy(test_ptr(p, code), peek, peek_end - peek);
	*(uint64_t *)test_ptr(p, secret) = 0x5ec2e7;
	CHECK(platform_new_address_space(p, 0, &keep) == 0);
	CHECK(address_space_map(keep, CODE, code, 1, ACCESS_READ | ACCESS_EXEC, false) == 0);
	for (unsigned i = 0, end = many(SPACES); i < end; i++) {
		/* The same few addresses in different order: tables change their level and place. */
		uint64_t mine = DATA + (i % 7) * CHUNK_SIZE + ((uint64_t)(i % 3) << 39);
		uint64_t others = DATA + ((i + 1) % 7) * CHUNK_SIZE + ((uint64_t)((i + 1) % 3) << 39);
		struct address_space *as;

		CHECK(platform_new_address_space(p, 0, &as) == 0);
		CHECK(address_space_map(as, CODE, code, 1, ACCESS_READ | ACCESS_EXEC, false) == 0);
		CHECK(address_space_map(as, mine, secret, 1, ACCESS_READ, false) == 0);
		if (i % 4 == 0) {
			read_at(p, c, as, mine, &fault, &value);
			CHECK(!fault && value == 0x5ec2e7);
			read_at(p, c, as, others, &fault, &value);
			CHECK(fault, "space %u reads %lx where nothing is", i, value);
			read_at(p, c, keep, mine, &fault, &value);
			CHECK(fault, "space %u shows in another one", i);
		}
		address_space_release(as, 0);
		platform_stats(p, &st);
		if (st.pt_pages > peak)
			peak = st.pt_pages;
	}
	CHECK(peak < 64, "%lu page-table pages in use at a time", peak);
	fprintf(stderr, "%lu purges for %u address spaces\n", st.purges, many(SPACES));
	address_space_release(keep, 0);
	context_release(c);
}

/* H4: a page-table page of a dead space in the place where a living one remembers it. */
static void many_alive(struct platform *p)
{
	enum { ALIVE = 64, ROUNDS = 40 };
	struct context *c = test_context(p);
	struct address_space *as[ALIVE] = {0};
	frame_t code = test_frames(p, 1), data[ALIVE];
	uint64_t value;
	bool fault;

	memcpy(test_ptr(p, code), peek, peek_end - peek);
	for (unsigned i = 0; i < ALIVE; i++) {
		data[i] = test_frames(p, 1);
		*(uint64_t *)test_ptr(p, data[i]) = 1000 + i;
	}
	srandom(5);
	for (unsigned n = 0; n < many(ALIVE * ROUNDS); n++) {
		unsigned i = random() % ALIVE, other = random() % ALIVE;
		uint64_t at = DATA + i * CHUNK_SIZE;

		address_space_release(as[i], 0);
		CHECK(platform_new_address_space(p, 0, &as[i]) == 0);
		CHECK(address_space_map(as[i], CODE, code, 1, ACCESS_READ | ACCESS_EXEC, false) == 0);
		CHECK(address_space_map(as[i], at, data[i], 1, ACCESS_READ, false) == 0);
		read_at(p, c, as[i], at, &fault, &value);
		CHECK(!fault && value == 1000 + i);
		if (!as[other])
			continue;
		for (unsigned k = 0; k < 2; k++) {
			unsigned w = (other + k * 13) % ALIVE;

			read_at(p, c, as[other], DATA + w * CHUNK_SIZE, &fault, &value);
			CHECK(fault == (w != other), "space %u sees %lu at space %u's place", other,
			      value, w);
		}
	}
	for (unsigned i = 0; i < ALIVE; i++)
		address_space_release(as[i], 0);
	context_release(c);
}

/*
 * H7: the tables of dead spaces, their roots too, become the tables of new ones that have nothing
 * mapped where the dead ones had something.
 */
static void resurrection(struct platform *p)
{
	enum { SPACES_AT_ONCE = 48, PLACES = 4 };
	struct context *c = test_context(p);
	struct address_space *as[SPACES_AT_ONCE];
	frame_t code = test_frames(p, 1), data = test_frames(p, 1);
	uint64_t value;
	bool fault;

	memcpy(test_ptr(p, code), peek, peek_end - peek);
	*(uint64_t *)test_ptr(p, data) = 0xdead;
	for (unsigned round = 0; round < 2 + many(58); round++) {
		bool alive = round % 2 == 0;

		for (unsigned i = 0; i < SPACES_AT_ONCE; i++) {
			CHECK(platform_new_address_space(p, 0, &as[i]) == 0);
			CHECK(address_space_map(as[i], CODE, code, 1, ACCESS_READ | ACCESS_EXEC,
						false) == 0);
			for (uint64_t k = 0; k < PLACES; k++) {
				uint64_t at = DATA + (k << 39) + ((round / 2 % 3) << 30);

				if (alive)
					CHECK(address_space_map(as[i], at, data, 1, ACCESS_READ,
								false) == 0);
				read_at(p, c, as[i], at, &fault, &value);
				CHECK(fault == !alive, "round %u: a dead space shows %lx", round,
				      value);
			}
		}
		for (unsigned i = 0; i < SPACES_AT_ONCE; i++)
			address_space_release(as[i], 0);
	}
	context_release(c);
}

int main(void)
{
	struct platform *p = test_platform(0);

	resurrection(p);
	many_alive(p);
	come_and_go(p);
	platform_destroy(p);
	return 0;
}
