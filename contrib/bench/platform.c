/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * contrib/bench/platform: what the platform costs, beside what KVM costs without it (bare.h), in
 * the same run and interleaved with it, because the same loop drifts by a seventh between runs.
 *
 *   platform [-p kvm|ptrace] [-n STEPS] [-r ROUNDS]
 *
 * Each figure is taken STEPS times in each of ROUNDS rounds. min is what the machine can do, median
 * what it did; on a busy machine believe the ratios.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "contrib/bench/bare.h"
#include "tests/platform/guest.h"

#define PAGES_100M 25600U
#define FORK_RANGES 8

static unsigned steps = 300, rounds = 10;

/* ---- series of measurements ------------------------------------------------------------------ */

struct series {
	const char *name;
	uint32_t *ns;
	unsigned n, size;
};

static void note(struct series *s, uint64_t ns)
{
	if (s->n == s->size) {
		s->size = s->size ? 2 * s->size : 1024;
		s->ns = realloc(s->ns, s->size * sizeof(*s->ns));
		CHECK(s->ns);
	}
	s->ns[s->n++] = ns < UINT32_MAX ? ns : UINT32_MAX;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The value below which `permille` of 1000 lie; 0: none were taken. */
static double quantile(struct series *s, unsigned permille)
{
	if (!s->n)
		return 0;
	qsort(s->ns, s->n, sizeof(*s->ns), by_value);
	return s->ns[(uint64_t)(s->n - 1) * permille / 1000];
}

enum figure {
	SYSCALL_BARE,
	SYSCALL_HUSK,
	FAULT_BARE,
	FAULT_HUSK,
	PAGE_FAULT,
	ANSWERED,
	OTHER,
	SPACES,
	STEAL,
	BOUNCE,
	MAP,
	TOUCH,
	DEMAND,
	UNMAP,
	UNMAP_ONE,
	PROTECT,
	REFAULT,
	FIGURES
};

static struct series series[FIGURES] = {
    [SYSCALL_BARE] = {"system call, bare KVM"},
    [SYSCALL_HUSK] = {"system call, context_switch()"},
    [FAULT_BARE] = {"ud2, bare KVM"},
    [FAULT_HUSK] = {"ud2, context_switch()"},
    [PAGE_FAULT] = {"page fault, context_switch()"},
    [ANSWERED] = {"  a call answered by a stub in a bare guest"},
    [OTHER] = {"  a call that such a stub lets through"},
    [SPACES] = {"system call, other address space each time"},
    [STEAL] = {"system call, vCPU stolen each time"},
    [BOUNCE] = {"bounce: context_interrupt() to return"},
    [MAP] = {"map, a page of 512"},
    [TOUCH] = {"first touch of a mapped page (no exit)"},
    [DEMAND] = {"demand fill: fault, map, resume"},
    [UNMAP] = {"unmap, a touched page of 512"},
    [UNMAP_ONE] = {"unmap, one touched page"},
    [PROTECT] = {"write-protect of 100 MB in 8 ranges"},
    [REFAULT] = {"  first read afterwards, a page"},
};

/* ---- guests ---------------------------------------------------------------------------------- */

BLOB(code_syscall, "1: mov $39,%eax; syscall; jmp 1b");
BLOB(code_ud2, "1: ud2; jmp 1b");
BLOB(code_spin, "1: pause; jmp 1b");
/* Reads (or with r8 set, writes) a word in each of rsi pages from rdi on, then makes a call. */
BLOB(code_touch, "1: mov %rdi,%rax; mov %rsi,%rdx;"
		 "2: test %r8,%r8; jz 3f; movq $1,(%rax); jmp 4f; 3: mov (%rax),%rbx;"
		 "4: add $4096,%rax; dec %rdx; jnz 2b; mov $60,%eax; syscall; jmp 1b");

static struct switch_event run(struct context *c, struct address_space *as,
			       struct user_regs_struct *regs)
{
	struct switch_event ev;

	context_switch(c, as, regs, -1, &ev);
	return ev;
}

static void expect_syscall(struct context *c, struct address_space *as,
			   struct user_regs_struct *regs)
{
	struct switch_event ev = run(c, as, regs);

	CHECK(ev.reason == SWITCH_SYSCALL, "reason %d at rip %llx", ev.reason, regs->rip);
	regs->rax = 1;
}

/* Lets the guest touch n pages from addr on; ns. */
static uint64_t touch(struct context *c, struct address_space *as, uint64_t addr, uint64_t n,
		      bool write)
{
	struct user_regs_struct regs = test_regs();
	uint64_t start = test_now();

	regs.rdi = addr;
	regs.rsi = n;
	regs.r8 = write;
	expect_syscall(c, as, &regs);
	return test_now() - start;
}

/* ---- the figures ----------------------------------------------------------------------------- */

static void bare_figures(struct bare *b)
{
	static const struct {
		enum bare_loop loop;
		enum figure figure;
		unsigned share; /* one step is so many */
	} loops[] = {{BARE_SYSCALL, SYSCALL_BARE, 1},
		     {BARE_UD2, FAULT_BARE, 1},
		     {BARE_ANSWERED, ANSWERED, BARE_ANSWERS},
		     {BARE_OTHER, OTHER, 1}};
	uint64_t one = 0;

	for (unsigned l = 0; l < sizeof(loops) / sizeof(*loops); l++) {
		bare_start(b, loops[l].loop);
		for (unsigned i = 0; i < steps; i++) {
			uint64_t ns, start = test_now();

			CHECK(bare_step(b, loops[l].loop));
			ns = test_now() - start;
			if (loops[l].loop == BARE_SYSCALL)
				one = i && one < ns ? one : ns;
			/* What ends a run of answered calls is one that exits. */
			if (loops[l].share > 1)
				ns = (ns > one ? ns - one : 0) / loops[l].share;
			note(&series[loops[l].figure], ns);
		}
	}
}

static void round_trips(struct context *c, struct address_space *calls, struct address_space *ud2)
{
	struct user_regs_struct regs = test_regs();

	for (unsigned i = 0; i < steps; i++) {
		uint64_t start = test_now();

		expect_syscall(c, calls, &regs);
		note(&series[SYSCALL_HUSK], test_now() - start);
	}
	regs = test_regs();
	for (unsigned i = 0; i < steps; i++) {
		uint64_t start = test_now();
		struct switch_event ev = run(c, ud2, &regs);

		note(&series[FAULT_HUSK], test_now() - start);
		CHECK(ev.reason == SWITCH_SIGNAL && !ev.page_fault);
		regs.rip += 2;
	}
}

/* Faults at a page that is not there, again and again. */
static void page_faults(struct context *c, struct address_space *as)
{
	struct user_regs_struct regs = test_regs();

	regs.rdi = DATA - PAGE_SIZE;
	regs.rsi = 1;
	for (unsigned i = 0; i < steps; i++) {
		uint64_t start = test_now();
		struct switch_event ev = run(c, as, &regs);

		note(&series[PAGE_FAULT], test_now() - start);
		CHECK(ev.page_fault && ev.addr == DATA - PAGE_SIZE);
	}
}

static void two_spaces(struct context *c, struct address_space *a, struct address_space *b)
{
	struct user_regs_struct regs = test_regs();

	for (unsigned i = 0; i < steps; i++) {
		uint64_t start = test_now();

		expect_syscall(c, i % 2 ? a : b, &regs);
		note(&series[SPACES], test_now() - start);
	}
}

/* Two contexts on a platform with one vCPU, in turns. */
static void steal(struct context *a, struct context *b, struct address_space *as)
{
	struct user_regs_struct ra = test_regs(), rb = test_regs();

	for (unsigned i = 0; i < steps; i++) {
		uint64_t start = test_now();

		if (i % 2)
			expect_syscall(a, as, &ra);
		else
			expect_syscall(b, as, &rb);
		note(&series[STEAL], test_now() - start);
	}
}

struct spinner {
	struct platform *platform;
	struct address_space *as;
	struct context *_Atomic context;
	_Atomic uint64_t returned; /* when, ns; 0: not yet */
	_Atomic bool stop;
};

static void *spin(void *arg)
{
	struct spinner *s = arg;
	struct user_regs_struct regs = test_regs();
	struct context *c = test_context(s->platform);

	atomic_store(&s->context, c);
	while (!atomic_load(&s->stop)) {
		struct switch_event ev = run(c, s->as, &regs);

		if (ev.reason == SWITCH_INTERRUPT)
			atomic_store(&s->returned, test_now());
	}
	context_unbind(c);
	context_release(c);
	return NULL;
}

static void bounces(struct platform *p, struct address_space *spinning)
{
	struct spinner s = {.platform = p, .as = spinning};
	pthread_t t;

	CHECK(pthread_create(&t, NULL, spin, &s) == 0);
	while (!atomic_load(&s.context))
		;
	for (unsigned i = 0; i < steps; i++) {
		uint64_t start;

		/* Time to be deep inside again. */
		for (start = test_now(); test_now() - start < 100000;)
			;
		atomic_store(&s.returned, 0);
		start = test_now();
		context_interrupt(s.context);
		while (!atomic_load(&s.returned))
			;
		note(&series[BOUNCE], atomic_load(&s.returned) - start);
	}
	atomic_store(&s.stop, true);
	context_interrupt(s.context);
	pthread_join(t, NULL);
}

static void mappings(struct platform *p, struct context *c, struct address_space *as)
{
	struct memory *m = platform_memory(p);

	for (unsigned i = 0; i < 1 + steps / 50; i++) {
		frame_t f = test_frames(p, CHUNK_PAGES);
		uint64_t start = test_now();

		CHECK(address_space_map(as, DATA, f, CHUNK_PAGES, ACCESS_READ | ACCESS_WRITE,
					false) == 0);
		note(&series[MAP], (test_now() - start) / CHUNK_PAGES);
		note(&series[TOUCH], touch(c, as, DATA, CHUNK_PAGES, true) / CHUNK_PAGES);
		start = test_now();
		address_space_unmap(as, DATA, PAGE_SIZE);
		note(&series[UNMAP_ONE], test_now() - start);
		start = test_now();
		address_space_unmap(as, DATA, CHUNK_SIZE);
		note(&series[UNMAP], (test_now() - start) / CHUNK_PAGES);
		memory_unref(m, f, CHUNK_PAGES);
	}
}

static void demand_fill(struct platform *p, struct context *c, struct address_space *as)
{
	struct user_regs_struct regs = test_regs();
	frame_t f = test_frames(p, CHUNK_PAGES);
	unsigned n = steps < CHUNK_PAGES ? steps : CHUNK_PAGES;
	struct switch_event ev;

	regs.rdi = DATA;
	regs.rsi = n;
	regs.r8 = 1;
	ev = run(c, as, &regs);
	for (unsigned i = 0; i < n; i++) {
		uint64_t start = test_now();

		CHECK(ev.page_fault && ev.addr == DATA + i * PAGE_SIZE);
		CHECK(address_space_map(as, ev.addr, f + i, 1, ACCESS_READ | ACCESS_WRITE, false) ==
		      0);
		ev = run(c, as, &regs);
		note(&series[DEMAND], test_now() - start);
	}
	CHECK(ev.reason == SWITCH_SYSCALL);
	address_space_unmap(as, DATA, CHUNK_SIZE);
	memory_unref(platform_memory(p), f, CHUNK_PAGES);
}

/* What fork does to a process with 100 MB of touched memory. */
static void fork_protect(struct platform *p, struct context *c, struct address_space *as)
{
	struct address_range r[FORK_RANGES];
	static frame_t f[PAGES_100M / CHUNK_PAGES];
	uint64_t start;

	for (unsigned i = 0; i < PAGES_100M / CHUNK_PAGES; i++) {
		f[i] = test_frames(p, CHUNK_PAGES);
		CHECK(address_space_map(as, DATA + i * CHUNK_SIZE, f[i], CHUNK_PAGES,
					ACCESS_READ | ACCESS_WRITE, true) == 0);
	}
	touch(c, as, DATA, PAGES_100M, true);
	for (unsigned i = 0; i < FORK_RANGES; i++) {
		r[i].len = (uint64_t)PAGES_100M / FORK_RANGES << PAGE_SHIFT;
		r[i].addr = DATA + i * r[i].len;
	}
	start = test_now();
	address_space_restrict(as, r, FORK_RANGES, ACCESS_READ);
	note(&series[PROTECT], test_now() - start);
	note(&series[REFAULT], touch(c, as, DATA, PAGES_100M, false) / PAGES_100M);
	address_space_unmap(as, DATA, (uint64_t)PAGES_100M << PAGE_SHIFT);
	for (unsigned i = 0; i < PAGES_100M / CHUNK_PAGES; i++)
		memory_unref(platform_memory(p), f[i], CHUNK_PAGES);
}

/* What needs no exit makes none: touching what is mapped, reading the TSC, computing. */
BLOB(code_quiet,
     "1: mov $1000,%ecx; mov %rcx,%rsi; 2: mov %rsi,%rdx; shl $12,%rdx; and $0x1ff000,%edx;"
     "add %rdi,%rdx; movq $1,(%rdx); rdtsc; mulsd %xmm0,%xmm1; dec %rsi; jnz 2b;"
     "mov $60,%eax; syscall; jmp 1b");

static void quiet(struct platform *p, struct context *c)
{
	struct address_space *as = TEST_SPACE(p, code_quiet);
	frame_t f = test_frames(p, CHUNK_PAGES);
	struct user_regs_struct regs = test_regs();
	struct platform_stats before, after;

	regs.rdi = DATA;
	CHECK(address_space_map(as, DATA, f, CHUNK_PAGES, ACCESS_READ | ACCESS_WRITE, false) == 0);
	platform_stats(p, &before);
	for (unsigned i = 0; i < 100; i++)
		expect_syscall(c, as, &regs);
	platform_stats(p, &after);
	printf("\nWork without exits: 100 rounds of 1,000 stores to 512 pages, RDTSC and SSE, and "
	       "a system\n"
	       "call each: %lu system calls, %lu faults, %lu other exits.\n",
	       after.syscalls - before.syscalls, after.faults - before.faults,
	       after.exits - before.exits - (after.syscalls - before.syscalls) -
		   (after.faults - before.faults));
	address_space_release(as, 0);
	memory_unref(platform_memory(p), f, CHUNK_PAGES);
}

/* ---- the report ------------------------------------------------------------------------------ */

static void report(bool bare)
{
	printf("%-46s %10s %10s %10s\n", "ns", "min", "median", "p99");
	for (unsigned i = 0; i < FIGURES; i++)
		if (series[i].n)
			printf("%-46s %10.0f %10.0f %10.0f\n", series[i].name,
			       quantile(&series[i], 0), quantile(&series[i], 500),
			       quantile(&series[i], 990));
	if (!bare)
		return;
	printf("\n%-46s %10s %10s %10s\n", "against the bare exit", "min", "median", "target");
	printf("%-46s %10.2f %10.2f %10s\n", "system call",
	       quantile(&series[SYSCALL_HUSK], 0) / quantile(&series[SYSCALL_BARE], 0),
	       quantile(&series[SYSCALL_HUSK], 500) / quantile(&series[SYSCALL_BARE], 500), "1.30");
	printf("%-46s %10.2f %10.2f %10s\n", "fault (ud2)",
	       quantile(&series[FAULT_HUSK], 0) / quantile(&series[FAULT_BARE], 0),
	       quantile(&series[FAULT_HUSK], 500) / quantile(&series[FAULT_BARE], 500), "1.30");
	printf("%-46s %10.2f %10.2f\n", "system call, vCPU stolen",
	       quantile(&series[STEAL], 0) / quantile(&series[SYSCALL_BARE], 0),
	       quantile(&series[STEAL], 500) / quantile(&series[SYSCALL_BARE], 500));
	printf("%-46s %10.2f %10.2f\n", "system call answered in the guest",
	       quantile(&series[ANSWERED], 0) / quantile(&series[SYSCALL_BARE], 0),
	       quantile(&series[ANSWERED], 500) / quantile(&series[SYSCALL_BARE], 500));
	printf("%-46s %10.2f %10.2f\n", "  what that costs the other calls",
	       quantile(&series[OTHER], 0) / quantile(&series[SYSCALL_BARE], 0),
	       quantile(&series[OTHER], 500) / quantile(&series[SYSCALL_BARE], 500));
}

static void usage(void)
{
	fprintf(stderr, "usage: platform [-p kvm|ptrace] [-n STEPS] [-r ROUNDS]\n");
	exit(2);
}

static void options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "p:n:r:")) != -1) {
		if (o == 'p')
			setenv("HUSK_TEST_PLATFORM", optarg, 1);
		else if (o == 'n')
			steps = strtoul(optarg, NULL, 10);
		else if (o == 'r')
			rounds = strtoul(optarg, NULL, 10);
		else
			usage();
	}
	if (optind != argc || !steps || !rounds)
		usage();
}

int main(int argc, char **argv)
{
	const char *what;
	struct bare b;
	struct platform *p, *narrow;
	int r;

	options(argc, argv);
	r = bare_open(&b, &what);
	if (r < 0)
		fprintf(stderr, "no bare KVM to compare with: %s: %s\n", what, strerror(-r));
	p = test_platform(0);
	narrow = test_platform(1);
	struct address_space *calls = TEST_SPACE(p, code_syscall), *ud2 = TEST_SPACE(p, code_ud2);
	struct address_space *more = TEST_SPACE(p, code_syscall), *data = TEST_SPACE(p, code_touch);
	struct address_space *spinning = TEST_SPACE(p, code_spin);
	struct address_space *stolen = TEST_SPACE(narrow, code_syscall);
	struct context *c = test_context(p);
	struct context *x = test_context(narrow), *y = test_context(narrow);

	for (unsigned i = 0; i < rounds; i++) {
		if (r == 0)
			bare_figures(&b);
		round_trips(c, calls, ud2);
		page_faults(c, data);
		two_spaces(c, calls, more);
		steal(x, y, stolen);
		bounces(p, spinning);
		mappings(p, c, data);
		demand_fill(p, c, data);
		fork_protect(p, c, data);
	}
	printf("platform %s, %u rounds of %u\n\n", platform_caps(p)->name, rounds, steps);
	report(r == 0);
	quiet(p, c);
	return 0;
}
