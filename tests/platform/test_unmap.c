/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking translations away under a running vCPU: when unmap, map over, or restrict return, nothing
 * is read, written or executed through the old ones any more. One guest thread uses a page all the
 * time; the host takes it away, changes what is in it, and looks whether the guest noticed.
 *
 * HUSK_TEST_LONG=1: a million pages, and 100000 rounds; else as often as fits into `make check`.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "guest.h"

#define MAILBOX (DATA + 0x100000)
#define CANARY 0xc0ffeeUL

/*
 * What the guest does with the page at rdi, counting in mail[1] each time it is done. mail[0] is
 * what it read last, mail[2] what the page's code did.
 */
BLOB(reader, "1: mov (%rdi),%rax\n mov %rax,(%rsi)\n incq 8(%rsi)\n jmp 1b");
BLOB(writer, "1: incq (%rdi)\n incq 8(%rsi)\n jmp 1b");
BLOB(caller, "1: call *%rdi\n incq 8(%rsi)\n jmp 1b");
/* The page's code before and after it is taken away. */
BLOB(harmless, "ret");
BLOB(telling, "incq 16(%rsi)\n ret");

enum use { READS, WRITES, CALLS };
enum way { UNMAP, RESTRICT, MAP_OVER };

struct guest_thread {
	struct context *context;
	struct address_space *space;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic uint64_t faults;
};

static struct platform *platform;
static unsigned total_rounds;
static bool may_be_stale; /* invalidation is forced to what this host does not honour */

/* Runs until told to stop; a fault on DATA is tried again, as a kernel would. */
static void *run(void *arg)
{
	struct guest_thread *g = arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA;
	regs.rsi = MAILBOX;
	while (!g->stop) {
		context_switch(g->context, g->space, &regs, -1, &ev);
		if (ev.reason == SWITCH_SIGNAL) {
			CHECK(ev.page_fault && ev.addr == DATA, "trap %u addr %lx", ev.trapno,
			      ev.addr);
			g->faults++;
			/* A call that faults has pushed nothing; one that was cut short has. */
			if (regs.rip == DATA) {
				regs.rip = CODE;
				regs.rsp = test_regs().rsp;
			}
		}
	}
	return NULL;
}

static void stop(struct guest_thread *g)
{
	g->stop = true;
	context_interrupt(g->context);
	pthread_join(g->thread, NULL);
	context_release(g->context);
	address_space_release(g->space, 0);
}

static void wait_iterations(volatile uint64_t *mail, unsigned n)
{
	uint64_t from = mail[1];

	for (unsigned spins = 0; mail[1] < from + n; spins++)
		test_let_others(spins);
}

static void moment(void)
{
	for (volatile int k = 0; k < 2000; k++)
		;
}

#define FOREVER (1UL << 60) /* ns */

/* On a busy machine the two threads wait for a CPU most of the time. */
static bool enough(unsigned rounds, uint64_t deadline)
{
	return rounds >= 20 && test_now() > deadline;
}

static unsigned access_for(enum use use)
{
	return use == WRITES  ? ACCESS_READ | ACCESS_WRITE
	       : use == CALLS ? ACCESS_READ | ACCESS_EXEC
			      : ACCESS_READ;
}

static void set_up_page(enum use use, void *page)
{
	memset(page, 0, 64);
	if (use == CALLS)
		memcpy(page, harmless, harmless_end - harmless);
}

/*
 * What the guest has done to a page since it was taken away, or with what was put into it then.
 * Exact: an access that had taken place before does not count, one more does.
 */
static bool used_since(enum use use, volatile uint64_t *page, volatile uint64_t *mail)
{
	uint64_t before = page[0];
	bool used;

	switch (use) {
	case READS:
		page[0] = CANARY;
		moment();
		used = mail[0] == CANARY;
		page[0] = 0;
		return used;
	case WRITES:
		moment();
		return page[0] != before;
	case CALLS:
		mail[2] = 0;
		memcpy((void *)page, telling, telling_end - telling);
		moment();
		used = mail[2] != 0;
		set_up_page(CALLS, (void *)page);
		return used;
	}
	return true;
}

static void losses(enum use use, enum way way, unsigned rounds, uint64_t ns)
{
	struct guest_thread g = {.context = test_context(platform)};
	frame_t a = test_frames(platform, 1), b = test_frames(platform, 1);
	frame_t m = test_frames(platform, 1);
	volatile uint64_t *mail = test_ptr(platform, m);
	struct address_range range = {DATA, PAGE_SIZE};
	uint64_t deadline = test_now() + ns;
	unsigned stale = 0, i;

	g.space = use == READS	  ? TEST_SPACE(platform, reader)
		  : use == WRITES ? TEST_SPACE(platform, writer)
				  : TEST_SPACE(platform, caller);
	set_up_page(use, test_ptr(platform, a));
	set_up_page(use, test_ptr(platform, b));
	CHECK(address_space_map(g.space, MAILBOX, m, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	pthread_create(&g.thread, NULL, run, &g);
	for (i = 0; i < rounds && !enough(i, deadline); i++) {
		frame_t now = i & 1 ? b : a, other = i & 1 ? a : b;
		uint64_t faults, done;

		CHECK(address_space_map(g.space, DATA, now, 1, access_for(use), false) == 0);
		wait_iterations(mail, 2);
		faults = g.faults;
		switch (way) {
		case UNMAP:
			address_space_unmap(g.space, DATA, PAGE_SIZE);
			break;
		case RESTRICT:
			address_space_restrict(g.space, &range, 1, use == READS ? 0 : ACCESS_READ);
			break;
		case MAP_OVER:
			CHECK(address_space_map(g.space, DATA, other, 1, access_for(use), false) ==
			      0);
			break;
		}
		done = mail[1];
		stale += used_since(use, test_ptr(platform, now), mail);
		if (may_be_stale)
			continue;
		CHECK(stale == 0, "use %d way %d round %u: a stale translation", use, way, i);
		/* And the guest is told, if we wait for it. */
		for (unsigned k = 0; i % 16 == 0 && way != MAP_OVER && g.faults == faults; k++) {
			/* One round was under way, and had used the page already. */
			CHECK(mail[1] <= done + 1, "use %d way %d round %u: the guest goes on", use,
			      way, i);
			test_let_others(k);
		}
	}
	total_rounds += i;
	if (test_long())
		fprintf(stderr, "use %d way %d: %u rounds\n", use, way, i);
	stop(&g);
	memory_unref(platform_memory(platform), a, 1);
	memory_unref(platform_memory(platform), b, 1);
	memory_unref(platform_memory(platform), m, 1);
}

static void all_losses(unsigned rounds, uint64_t ns)
{
	/* Code that is replaced while it may still run would do anything. */
	for (enum use use = READS; use <= (may_be_stale ? WRITES : CALLS); use++)
		for (enum way way = UNMAP; way <= MAP_OVER; way++)
			losses(use, way, rounds / 9 + 1, ns / 9);
}

/*
 * Many pages at once, each looked at afterwards: the guest uses them round and round, and where that
 * faults it goes on with the next page. mail[8 + i] is what it found in page i last, 0 for a fault.
 * A pass that sees a new number in mail[2] begins again; one that is done puts its number into
 * mail[1]. So who has changed something and counted up waits for exactly one pass.
 */
#define SWEPT 512
#define SWEPT_MAIL (DATA + CHUNK_SIZE)
#define SWEPT_MAIL_PAGES 2
#define SWEEP(use)                                                                                 \
	"1: mov 16(%rsi),%r10\n mov %rdi,%r8\n mov %rsi,%r9\n mov $512,%ecx\n"                 \
	"2: mov $1,%eax\n" use "\n mov %rax,64(%r9)\n add $4096,%r8\n add $8,%r9\n"           \
	"cmp 16(%rsi),%r10\n jne 1b\n dec %ecx\n jnz 2b\n mov %r10,8(%rsi)\n jmp 1b"
BLOB(read_sweep, SWEEP("mov (%r8),%rax\n nop"));
BLOB(write_sweep, SWEEP("xadd %rax,(%r8)"));
#define SWEEP_USE_LENGTH 4 /* bytes, of either */

static void *run_sweeps(void *arg)
{
	struct guest_thread *g = arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA;
	regs.rsi = SWEPT_MAIL;
	while (!g->stop) {
		context_switch(g->context, g->space, &regs, -1, &ev);
		if (ev.reason != SWITCH_SIGNAL)
			continue;
		CHECK(ev.page_fault && ev.addr - DATA < SWEPT * PAGE_SIZE && ev.addr == regs.r8);
		regs.rip += SWEEP_USE_LENGTH;
		regs.rax = 0;
		g->faults++;
	}
	return NULL;
}

/* Has the guest make one pass that begins now. */
static void one_pass(volatile uint64_t *mail)
{
	uint64_t n = mail[2] + 1;

	mail[2] = n;
	for (unsigned spins = 0; mail[1] != n; spins++)
		test_let_others(spins);
}

static void map_swept(struct address_space *as, enum use use, frame_t f, unsigned round)
{
	/* In order, so that they are one run, or not. */
	unsigned step = round % 2 ? 1 : 37;

	for (unsigned i = 0; i < SWEPT; i++) {
		frame_t frame = f + i * step % SWEPT;

		*(volatile uint64_t *)test_ptr(platform, frame) = 1;
		CHECK(address_space_map(as, DATA + i * PAGE_SIZE, frame, 1, access_for(use),
					false) == 0);
	}
}

static void take_away_swept(struct address_space *as, enum use use, unsigned round)
{
	struct address_range one[SWEPT];

	for (unsigned i = 0; i < SWEPT; i++)
		one[i] = (struct address_range){DATA + i * PAGE_SIZE, PAGE_SIZE};
	if (round % 3 == 0)
		address_space_unmap(as, DATA, SWEPT * PAGE_SIZE);
	else if (round % 3 == 1)
		address_space_restrict(as, one, SWEPT, use == READS ? 0 : ACCESS_READ);
	else
		for (unsigned i = 0; i < SWEPT; i++)
			address_space_unmap(as, one[i].addr, one[i].len);
}

/* Each page of each round is a translation that must be gone; how many there were. */
static unsigned sweeps(enum use use, unsigned rounds)
{
	struct guest_thread g = {.context = test_context(platform)};
	frame_t f = test_frames(platform, SWEPT), m = test_frames(platform, SWEPT_MAIL_PAGES);
	volatile uint64_t *mail = test_ptr(platform, m);

	g.space = use == READS ? TEST_SPACE(platform, read_sweep)
			       : TEST_SPACE(platform, write_sweep);
	CHECK(address_space_map(g.space, SWEPT_MAIL, m, SWEPT_MAIL_PAGES, ACCESS_READ | ACCESS_WRITE,
				false) == 0);
	pthread_create(&g.thread, NULL, run_sweeps, &g);
	for (unsigned round = 0; round < rounds; round++) {
		map_swept(g.space, use, f, round);
		one_pass(mail);
		for (unsigned i = 0; i < SWEPT; i++)
			CHECK(mail[8 + i] != 0, "page %u is not there", i);
		take_away_swept(g.space, use, round);
		for (unsigned i = 0; i < SWEPT; i++)
			*(volatile uint64_t *)test_ptr(platform, f + i) = CANARY;
		one_pass(mail);
		for (unsigned i = 0; i < SWEPT; i++) {
			CHECK(mail[8 + i] == 0, "round %u page %u: 0x%lx", round, i, mail[8 + i]);
			CHECK(*(volatile uint64_t *)test_ptr(platform, f + i) == CANARY,
			      "round %u frame %u was written to", round, i);
		}
	}
	stop(&g);
	memory_unref(platform_memory(platform), f, SWEPT);
	memory_unref(platform_memory(platform), m, SWEPT_MAIL_PAGES);
	return rounds * SWEPT;
}

static bool nested_paging(void)
{
	char npt[4] = "";
	FILE *f = fopen("/sys/module/kvm_amd/parameters/npt", "r");

	if (f && !fgets(npt, sizeof(npt), f))
		npt[0] = 0;
	if (f)
		fclose(f);
	return npt[0] == '1' || npt[0] == 'Y';
}

/*
 * Without nested paging it is KVM that has to forget, and an emulated host shows when it was not told
 * to: there, all, always. Not with a second CPU, which is not to be relied on there (tests/hardware/run).
 */
static unsigned translations(void)
{
	bool all = test_on_tcg() && !nested_paging() && sysconf(_SC_NPROCESSORS_ONLN) == 1;

	return all ? 1000000 : test_count(1000000, 6000);
}

/* Reads and writes in turn, of at least `pages` translations. */
static void all_sweeps(unsigned pages)
{
	unsigned rounds = pages / SWEPT / 2 + 1, gone = sweeps(READS, rounds);

	gone += sweeps(WRITES, rounds);
	fprintf(stderr, "%u translations were gone\n", gone);
}

/* Many scattered pages, which takes the other way of invalidating. */
BLOB(read_list, "1: mov (%rdi),%rax\n add $8192,%rdi\n dec %ecx\n jnz 1b\n syscall\n");

static void scattered(void)
{
	enum { PAGES = 64 };
	struct context *c = test_context(platform);
	struct address_range ranges[PAGES];
	struct address_space *space = TEST_SPACE(platform, read_list);
	frame_t f[PAGES];

	for (int i = 0; i < PAGES; i++)
		f[i] = test_frames(platform, 1);
	for (int round = 0; round < 5 + (int)test_rounds(45); round++) {
		struct user_regs_struct regs = test_regs();
		struct switch_event ev;

		for (int i = 0; i < PAGES; i++) {
			int k = (i * 37 + round) % PAGES; /* frames in no order: no runs */

			CHECK(address_space_map(space, DATA + 8192 * i, f[k], 1,
						ACCESS_READ | ACCESS_WRITE, false) == 0);
			*(uint64_t *)test_ptr(platform, f[k]) = i;
			ranges[i] = (struct address_range){DATA + 8192 * i, PAGE_SIZE};
		}
		regs.rdi = DATA;
		regs.rcx = PAGES;
		context_switch(c, space, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == PAGES - 1);
		address_space_restrict(space, ranges, PAGES, 0);
		for (int i = 0; i < PAGES; i += 9) {
			regs = test_regs();
			regs.rdi = DATA + 8192 * i;
			regs.rcx = 1;
			context_switch(c, space, &regs, -1, &ev);
			CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault);
		}
	}
	context_release(c);
	address_space_release(space, 0);
}

/* What one space loses disturbs nobody who runs another one, and costs nothing before it ran. */
static void undisturbed(void)
{
	struct guest_thread g = {.context = test_context(platform)};
	frame_t m = test_frames(platform, 1), f = test_frames(platform, 1);
	volatile uint64_t *mail = test_ptr(platform, m);
	struct platform_stats before, after;
	struct address_space *idle;

	g.space = TEST_SPACE(platform, writer);
	CHECK(address_space_map(g.space, MAILBOX, m, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	CHECK(address_space_map(g.space, DATA, f, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	pthread_create(&g.thread, NULL, run, &g);
	wait_iterations(mail, 10);
	idle = TEST_SPACE(platform, writer);
	platform_stats(platform, &before);
	for (unsigned i = 0; i < 1000; i++) {
		CHECK(address_space_map(idle, DATA, f, 1, ACCESS_READ, false) == 0);
		address_space_unmap(idle, DATA, PAGE_SIZE);
	}
	platform_stats(platform, &after);
	CHECK(test_on_ptrace() || after.invalidations_idle == before.invalidations_idle + 1000);
	CHECK(after.invalidations == before.invalidations && after.kicks == before.kicks);
	CHECK(after.shootdowns == before.shootdowns && after.purges == before.purges);
	wait_iterations(mail, 10);
	CHECK(g.faults == 0);
	stop(&g);
	address_space_release(idle, 0);
}

static void report(void)
{
	struct platform_stats st;

	platform_stats(platform, &st);
	fprintf(stderr, "by %s: %u rounds, %lu invalidations, %lu runs, %lu purges, %lu flushes, "
			"%lu shootdowns, %lu kicks\n",
		test_on_ptrace() ? "the host" : platform_caps(platform)->invalidation, total_rounds,
		st.invalidations, st.invalidated_runs,
		st.purges, st.invalidation_flushes, st.shootdowns, st.kicks);
}

/*
 * The other strategy. Where it is not valid only its protocol can be tried: it comes to an end, and
 * reaches those who run.
 */
static void by_flush(void)
{
	struct platform_stats st;

	/* Valid with two-level paging, on a machine whose emulation keeps no old translations. */
	may_be_stale = !test_on_tcg() || !nested_paging();
	total_rounds = 0;
	platform = test_platform_with(
	    (struct platform_config){.invalidation = INVALIDATION_FLUSH});
	CHECK(!strcmp(platform_caps(platform)->invalidation, "flush"));
	all_losses(test_rounds(20000), test_long() ? 60000000000UL : 4000000000UL);
	undisturbed();
	if (!may_be_stale)
		scattered();
	platform_stats(platform, &st);
	CHECK(st.invalidation_flushes > 20 && st.shootdowns > 0 && !st.invalidated_runs);
	report();
	platform_destroy(platform);
}

int main(void)
{
	platform = test_platform(0);
	/* QEMU's emulation never keeps an old translation: that proves nothing, so by data. */
	CHECK(!test_on_tcg() || !strcmp(platform_caps(platform)->invalidation, "data"));
	all_sweeps(translations());
	all_losses(test_long() ? 100000 : test_rounds(50000), test_long() ? FOREVER : 8000000000UL);
	scattered();
	undisturbed();
	report();
	platform_destroy(platform);
	if (!test_on_ptrace())
		by_flush();
	return 0;
}
