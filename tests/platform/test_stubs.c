/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The platform ptrace's own: threads that come and go leave no stub threads behind, a context may
 * move to another thread, a stub that the host kills is a killed process, and user code that runs
 * untraced cannot make a system call.
 */
#include "guest.h"

#include <errno.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

BLOB(call, "1: movq %xmm4,%rbx\n movq %rdi,%xmm4\n mov $39,%eax\n syscall\n jmp 1b");
BLOB(spin, "1: jmp 1b");

static struct platform *platform;

/* The children of this process, at most n; how many. */
static unsigned children(pid_t *out, unsigned n)
{
	unsigned count = 0;
	glob_t g;

	CHECK(glob("/proc/self/task/*/children", 0, NULL, &g) == 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *f = fopen(g.gl_pathv[i], "r");
		int pid;

		while (f && count < n && fscanf(f, "%d", &pid) == 1)
			out[count++] = pid;
		if (f)
			fclose(f);
	}
	globfree(&g);
	return count;
}

static uint64_t counter(const char *name)
{
	struct platform_stats st;

	platform_stats(platform, &st);
	for (unsigned i = 0; i < PLATFORM_REASONS; i++) {
		const char *is = platform_reason_name(platform, i);

		if (is && !strcmp(is, name))
			return st.reason[i];
	}
	CHECK(false, "no counter %s", name);
	return 0;
}

/* ---- threads that come and go ---------------------------------------------------------------- */

static void *one_call(void *arg)
{
	struct user_regs_struct regs = test_regs();
	struct context *c = test_context(platform);
	struct switch_event ev;

	context_switch(c, arg, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == 39);
	context_release(c);
	return NULL;
}

static void threads_come_and_go(void)
{
	enum { AT_ONCE = 4, ROUNDS = 250 };
	struct address_space *as = TEST_SPACE(platform, call);
	uint64_t before = counter("workers_made");

	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_t t[AT_ONCE];

		for (unsigned k = 0; k < AT_ONCE; k++)
			CHECK(pthread_create(&t[k], NULL, one_call, as) == 0);
		for (unsigned k = 0; k < AT_ONCE; k++)
			pthread_join(t[k], NULL);
	}
	/* Those at once, and the one that mapped the program. */
	CHECK(counter("workers_made") - before <= AT_ONCE + 1, "%lu made",
	      counter("workers_made") - before);
	address_space_release(as, 0);
}

/* ---- a context that moves -------------------------------------------------------------------- */

struct mover {
	struct context *c;
	struct address_space *as;
	uint64_t mark, found;
};

static void *move(void *arg)
{
	struct mover *m = arg;
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = m->mark;
	context_switch(m->c, m->as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL);
	m->found = regs.rbx;
	context_unbind(m->c);
	return NULL;
}

static void context_moves(void)
{
	struct mover m = {.c = test_context(platform), .as = TEST_SPACE(platform, call)};
	pthread_t t;

	for (uint64_t i = 1; i < 200; i++) {
		m.mark = i;
		if (i & 1) {
			move(&m);
		} else {
			CHECK(pthread_create(&t, NULL, move, &m) == 0);
			pthread_join(t, NULL);
		}
		CHECK(m.found == i - 1, "%lu after %lu", m.found, i - 1);
	}
	context_release(m.c);
	address_space_release(m.as, 0);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static bool in_list(pid_t pid, const pid_t *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] == pid)
			return true;
	return false;
}

/* An address space of a new stub, whose pid is *stub. */
static struct address_space *space_of_new_stub(const char *code, const char *end, pid_t *stub)
{
	struct address_space *as[20];
	pid_t before[64], after[64];
	unsigned n, m, k = 0;

	/* The first ones may be stubs that were kept; one of those afterwards is new. */
	do {
		CHECK(k < 20);
		n = children(before, 64);
		as[k++] = test_space(platform, code, end);
		m = children(after, 64);
	} while (m == n);
	*stub = 0;
	for (unsigned i = 0; i < m; i++)
		if (!in_list(after[i], before, n))
			*stub = after[i];
	CHECK(*stub);
	for (unsigned i = 0; i + 1 < k; i++)
		address_space_release(as[i], 0);
	return as[k - 1];
}

static void *run_until_killed(void *arg)
{
	struct user_regs_struct regs = test_regs();
	struct context *c = test_context(platform);
	struct switch_event ev;

	context_switch(c, arg, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == SIGKILL, "reason %d signal %d", ev.reason,
	      ev.signo);
	/* And it stays so. */
	context_switch(c, arg, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == SIGKILL);
	context_release(c);
	return NULL;
}

static void killed_by_the_host(void)
{
	pthread_t t[3];
	pid_t stub;
	struct address_space *as = space_of_new_stub(spin, spin_end, &stub);
	frame_t f = test_frames(platform, 1);

	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], NULL, run_until_killed, as) == 0);
	CHECK(kill(stub, SIGKILL) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK(address_space_map(as, DATA, f, 1, ACCESS_READ, false) < 0);
	address_space_release(as, 0);
}

static _Atomic bool about_to;

static void *enter(void *arg)
{
	struct user_regs_struct regs = test_regs();
	struct context *c = test_context(platform);
	struct switch_event ev;

	about_to = true;
	context_switch(c, arg, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL || (ev.reason == SWITCH_SIGNAL && ev.signo == SIGKILL),
	      "reason %d signal %d %s", ev.reason, ev.signo,
	      ev.reason == SWITCH_FATAL ? ev.fatal : "");
	context_release(c);
	return NULL;
}

/*
 * The stub dies while a second host thread is coming into it, at any moment of that; the first one,
 * us, has a thread in there and does not look at it. The host tells the end of a process' first
 * thread only when the others have been waited for, so the second must not wait for that.
 */
static void killed_when_entered(void)
{
	struct context *c = test_context(platform);
	unsigned seed = 5;

	for (unsigned i = 0; i < 1000; i++) {
		struct timespec until;
		struct address_space *as;
		pid_t stub;
		pthread_t t;

		as = space_of_new_stub(call, call_end, &stub);
		about_to = false;
		CHECK(pthread_create(&t, NULL, enter, as) == 0);
		while (!about_to)
			__builtin_ia32_pause();
		for (volatile unsigned k = rand_r(&seed) % 100000; k; k--)
			;
		CHECK(kill(stub, SIGKILL) == 0);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += 30;
		CHECK(pthread_timedjoin_np(t, NULL, &until) == 0, "round %u: it hangs", i);
		address_space_release(as, 0);
	}
	context_release(c);
}

/* What the stubs' filter is for: user code that the platform, for whatever reason, does not trace. */
static void untraced(void)
{
	pid_t stub;
	struct address_space *as = space_of_new_stub(call, call_end, &stub);
	struct user_regs_struct regs = test_regs();
	struct context *c = test_context(platform);
	struct switch_event ev;
	int status;

	/* The stub's first thread sleeps, and nobody traces it. */
	CHECK(ptrace(PTRACE_SEIZE, stub, NULL, NULL) == 0 &&
	      ptrace(PTRACE_INTERRUPT, stub, NULL, NULL) == 0);
	CHECK(waitpid(stub, &status, __WALL) == stub && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_GETREGS, stub, NULL, &regs) == 0);
	regs.rip = CODE;
	regs.orig_rax = -1UL;
	CHECK(ptrace(PTRACE_SETREGS, stub, NULL, &regs) == 0);
	CHECK(ptrace(PTRACE_DETACH, stub, NULL, NULL) == 0);
	/* getpid() did not come about: all of the stub is dead of it. */
	regs = test_regs();
	do
		context_switch(c, as, &regs, -1, &ev);
	while (ev.reason == SWITCH_SYSCALL);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == SIGKILL, "%d", ev.reason);
	context_release(c);
	address_space_release(as, 0);
}

/* User code can jump to the one place where stubs make system calls: it is still stopped there. */
BLOB(jump, "movabs $0x7ffffbfff020,%rax\n mov $60,%ecx\n xchg %rax,%rcx\n jmp *%rcx");

static void through_the_stub_page(void)
{
	struct address_space *as = TEST_SPACE(platform, jump);
	struct context *c = test_context(platform);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	context_switch(c, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == 60, "%d %llx", ev.reason, regs.rip);
	CHECK(regs.rip >= platform_caps(platform)->max_user_address);
	context_switch(c, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == SIGSEGV && !ev.page_fault);
	context_release(c);
	address_space_release(as, 0);
}

/* There is no machine whose state could be saved or loaded, and it says so. */
static void no_machine_state(void)
{
	struct platform_reply reply = {0};
	struct user_regs_struct regs;
	struct context *c;

	CHECK(platform_control(platform, PLATFORM_PAUSE, NULL) == PLATFORM_PAUSED);
	CHECK(platform_control(platform, PLATFORM_SAVE_STATE, &reply) == PLATFORM_ERROR);
	CHECK(reply.error == -EOPNOTSUPP && !reply.data);
	CHECK(platform_load_state(platform, "", 0, 0, &c, &regs) == -EOPNOTSUPP);
	CHECK(platform_control(platform, PLATFORM_RESUME, NULL) == PLATFORM_RESUMED);
}

int main(void)
{
	pid_t left[64];

	platform = test_platform(0);
	threads_come_and_go();
	context_moves();
	killed_by_the_host();
	killed_when_entered();
	untraced();
	through_the_stub_page();
	no_machine_state();
	platform_destroy(platform);
	CHECK(children(left, 64) == 0, "%u processes are left", children(left, 64));
	CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
	return 0;
}
