/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hostcall.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

__thread struct host_thread host_self;

/* hostcall_amd64.S */
extern const char hostcall_window_start[], hostcall_window_end[], hostcall_window_interrupted[];

static void on_kick(int sig, siginfo_t *info, void *context)
{
	greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t pc = gregs[REG_RIP];

	if (pc >= (uintptr_t)hostcall_window_start && pc <= (uintptr_t)hostcall_window_end)
		gregs[REG_RIP] = (uintptr_t)hostcall_window_interrupted;
}

void hostcall_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_kick, .sa_flags = SA_SIGINFO};

	sigfillset(&sa.sa_mask);
	sigaction(HOST_KICK_SIGNAL, &sa, NULL);
}

void host_thread_init(bool (*interrupted)(void *arg), void *arg)
{
	host_self.tid = syscall(SYS_gettid);
	host_self.interrupted = interrupted;
	host_self.arg = arg;
	atomic_store(&host_self.kicked, 0);
	atomic_store(&host_self.in_call, 0);
}

int host_signal(pid_t tid)
{
	int r = host_call(SYS_tgkill, (long)getpid(), (long)tid, (long)HOST_KICK_SIGNAL);

	if (r == -EAGAIN)
		host_call(SYS_sched_yield);
	return r;
}

/*
 * kicked is set before in_call is read, and host_call_intr() sets in_call before it reads kicked:
 * in every interleaving at least one side sees the other.
 */
void host_kick(struct host_thread *t)
{
	atomic_store(&t->kicked, 1);
	while (atomic_load(&t->in_call) && host_signal(t->tid) == -EAGAIN)
		;
}

bool host_interrupted(void)
{
	return !host_self.interrupted || host_self.interrupted(host_self.arg);
}

/*
 * Callers pass as many arguments as the call has; the rest is read as garbage, as libc's syscall()
 * does, which a sanitizer must not judge.
 */
__attribute__((no_sanitize("address"))) long host_call(long nr, ...)
{
	long a[6], ret;
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	/* Last of all, with nothing in between that could use these registers. */
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

long host_call_intr(long nr, long a, long b, long c, long d, long e, long f)
{
	const long args[6] = {a, b, c, d, e, f};
	long ret;

	atomic_store(&host_self.in_call, 1);
	for (;;) {
		ret = hostcall_window(&host_self.kicked, nr, args);
		if (ret != -EINTR)
			break;
		/* Forget the kick before looking: one that comes later counts again. */
		host_unkick();
		if (host_interrupted()) {
			/* Whoever looks next must still find it. */
			atomic_store(&host_self.kicked, 1);
			break;
		}
	}
	atomic_store(&host_self.in_call, 0);
	return ret;
}

int host_futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct timespec *deadline)
{
	/* WAIT_BITSET takes its time-out as an absolute CLOCK_MONOTONIC time: safe to restart. */
	long r = host_call_intr(SYS_futex, (long)word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
				(long)deadline, 0, FUTEX_BITSET_MATCH_ANY);

	return r == -EAGAIN ? 0 : (int)r;
}

void host_futex_wake(_Atomic uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

int host_ppoll(struct pollfd *fds, unsigned n, const struct timespec *deadline)
{
	const long args[6] = {(long)fds, n, 0, 0, 0, 0};
	struct timespec left;
	long ret;

	if (!deadline)
		return host_call_intr(SYS_ppoll, args[0], args[1], 0, 0, 0, 0);
	/* ppoll's time-out is relative (and Linux writes it back): make it anew at each attempt. */
	atomic_store(&host_self.in_call, 1);
	for (;;) {
		uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
		uint64_t end = deadline->tv_sec * 1000000000ULL + deadline->tv_nsec;
		const long timed[6] = {(long)fds, n, (long)&left, 0, 0, 0};

		left = timespec_from_ns(end > now ? end - now : 0);
		ret = hostcall_window(&host_self.kicked, SYS_ppoll, timed);
		if (ret != -EINTR)
			break;
		host_unkick();
		if (host_interrupted()) {
			atomic_store(&host_self.kicked, 1);
			break;
		}
	}
	atomic_store(&host_self.in_call, 0);
	return ret;
}

uint64_t clock_now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

struct timespec timespec_from_ns(uint64_t ns)
{
	return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

struct timespec deadline_in_ns(uint64_t ns)
{
	uint64_t now = clock_now_ns(CLOCK_MONOTONIC);
	/* Linux' own idea of the end of time, KTIME_MAX. */
	uint64_t end = ns > (uint64_t)INT64_MAX - now ? (uint64_t)INT64_MAX : now + ns;

	return timespec_from_ns(end);
}
