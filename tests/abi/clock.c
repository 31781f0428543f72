/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time: clock_gettime(2), vdso(7), nanosleep(2), setitimer(2), timer_create(2). */
#include "abi.h"

#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/times.h>

static int64_t ns(const struct timespec *t)
{
	return t->tv_sec * 1000000000ll + t->tv_nsec;
}

CASE(monotonic, "CLOCK_MONOTONIC through the vDSO and the system call never steps back")
{
	struct timespec a, b;
	int64_t last = 0;
	int back = 0;

	for (int i = 0; i < 20000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		back += ns(&a) < last;
		last = ns(&a);
		if (i % 10 == 0) {
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b);
			back += ns(&b) < last;
			last = ns(&b);
		}
	}
	CHECK_EQ(back, 0);
}

/*
 * Both ways of asking, mixed, for so many readings; or 8 seconds, where there is no vDSO and each
 * costs a system call.
 */
static void never_back(clockid_t id, int readings)
{
	struct timespec t;
	int64_t first = 0, last = 0;
	int back = 0;

	for (int i = 0; i < readings && last - first < 8000000000; i++) {
		if (i % 64 == 0)
			syscall(SYS_clock_gettime, id, &t);
		else
			clock_gettime(id, &t);
		back += ns(&t) < last;
		last = ns(&t);
		if (i == 0)
			first = last;
	}
	CHECK_EQ(back, 0);
}

CASE(interleaved, "a million readings by vDSO and system call, of three clocks, never step back")
{
	never_back(CLOCK_MONOTONIC, 600000);
	never_back(CLOCK_BOOTTIME, 200000);
	never_back(CLOCK_REALTIME, 200000);
}

CASE(after_sleep, "what the vDSO says after a sleep is the system call's time, too")
{
	struct timespec t, u;

	for (int i = 0; i < 6; i++) {
		abi_sleep_ms(1 << (2 * i));
		clock_gettime(CLOCK_MONOTONIC, &t);
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &u);
		CHECK(ns(&u) >= ns(&t));
		clock_gettime(CLOCK_REALTIME, &t);
		syscall(SYS_clock_gettime, CLOCK_REALTIME, &u);
		CHECK(ns(&u) >= ns(&t));
		never_back(CLOCK_MONOTONIC, 1000);
	}
}

static volatile int64_t shared_last;

static void *read_shared(void *arg)
{
	struct timespec t;
	intptr_t back = 0;
	int64_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = ns(&t) + 5000000000;
	for (int i = 0; i < 100000 && ns(&t) < end; i++) {
		int64_t before = __atomic_load_n(&shared_last, __ATOMIC_ACQUIRE);

		clock_gettime(CLOCK_MONOTONIC, &t);
		back += ns(&t) < before;
		while (before < ns(&t) &&
		       !__atomic_compare_exchange_n(&shared_last, &before, ns(&t), true,
						    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			;
	}
	(void)arg;
	return (void *)back;
}

CASE(threads_agree, "what a thread reads after another is not earlier")
{
	pthread_t t[4];
	void *back;

	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&t[i], NULL, read_shared, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &back);
		CHECK_EQ((intptr_t)back, 0);
	}
}

CASE(realtime, "CLOCK_REALTIME, gettimeofday and time agree; so do the vDSO and the call")
{
	struct timespec a, b;
	struct timeval tv;

	clock_gettime(CLOCK_REALTIME, &a);
	gettimeofday(&tv, NULL);
	syscall(SYS_clock_gettime, CLOCK_REALTIME, &b);
	CHECK(ns(&b) - ns(&a) >= 0 && ns(&b) - ns(&a) < 1000000000);
	CHECK(tv.tv_sec - a.tv_sec <= 1);
	time_t t = time(NULL);

	CHECK(t - a.tv_sec <= 1 && t > 1600000000);
	CHECK_EQ(clock_getres(CLOCK_MONOTONIC, &a), 0);
	CHECK_FAILS(clock_gettime(77, &a), EINVAL);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC_COARSE, &a), 0);
	CHECK_EQ(clock_gettime(CLOCK_BOOTTIME, &a), 0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC_RAW, &a), 0);
}

CASE(cpu_time, "process and thread CPU clocks advance with work and not with sleep")
{
	struct timespec a, b, c;
	struct tms tms;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	abi_sleep_ms(50);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	CHECK(ns(&b) - ns(&a) < 40000000);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &c);
	while (ns(&c) < 50000000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c);
	CHECK(ns(&c) - ns(&b) >= 30000000);
	CHECK(times(&tms) != (clock_t)-1);
	CHECK(tms.tms_utime + tms.tms_stime >= 3);
}

CASE(sleeping, "nanosleep sleeps at least its time; absolute sleeps; errors")
{
	struct timespec t = {0, 20000000}, bad = {0, 1000000000}, neg = {-1, 0};
	int64_t t0 = abi_now_us();

	CHECK_EQ(nanosleep(&t, NULL), 0);
	CHECK(abi_now_us() - t0 >= 20000);
	CHECK_FAILS(nanosleep(&bad, NULL), EINVAL);
	CHECK_FAILS(nanosleep(&neg, NULL), EINVAL);
	CHECK_FAILS(syscall(SYS_nanosleep, NULL, NULL), EFAULT);
	clock_gettime(CLOCK_MONOTONIC, &t);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
	CHECK_EQ(usleep(0), 0);
}

static volatile int ticks, value;

static void on_tick(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)uc;
	ticks++;
	value = si->si_value.sival_int;
}

static void handle(int sig)
{
	struct sigaction sa = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};

	sigaction(sig, &sa, NULL);
}

CASE(itimers, "ITIMER_REAL repeats, ITIMER_VIRTUAL and PROF count work; alarm tells what is left")
{
	struct itimerval it = {{0, 10000}, {0, 10000}}, old;

	handle(SIGALRM);
	handle(SIGVTALRM);
	handle(SIGPROF);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	while (ticks < 5)
		pause();
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	memset(&it, 0, sizeof(it));
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	it.it_value.tv_usec = 20000;
	ticks = 0;
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
	while (!ticks)
		;
	CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	while (ticks < 2)
		;
	CHECK_EQ(alarm(100), 0);
	int left = alarm(CASE_SECONDS);

	CHECK(left == 100 || left == 99);
	CHECK_FAILS(setitimer(9, &it, NULL), EINVAL);
}

CASE(posix_timers, "timer_create: signals with a value, intervals, overruns, deletion")
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL,
			      .sigev_signo = SIGRTMIN,
			      .sigev_value.sival_int = 4711};
	struct itimerspec it = {{0, 10000000}, {0, 10000000}}, now;
	timer_t t;

	handle(SIGRTMIN);
	REQUIRE(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	while (ticks < 3)
		pause();
	CHECK_EQ(value, 4711);
	CHECK_EQ(timer_gettime(t, &now), 0);
	CHECK_EQ(now.it_interval.tv_nsec, 10000000);
	sigset_t m;
	siginfo_t si;

	sigemptyset(&m);
	sigaddset(&m, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &m, NULL);
	abi_sleep_ms(100);
	CHECK_EQ(sigwaitinfo(&m, &si), SIGRTMIN);
	CHECK_EQ(si.si_code, SI_TIMER);
	CHECK(si.si_overrun >= 5);
	CHECK_EQ(timer_delete(t), 0);
	CHECK_FAILS(timer_settime(t, 0, &it, NULL), EINVAL);
	CHECK_FAILS(timer_create(99, &ev, &t), EINVAL);
}

CASE(timer_on_thread, "SIGEV_THREAD_ID sends to the one thread; a relative zero disarms")
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1};
	struct itimerspec it = {{0, 0}, {0, 1000000}};
	timer_t t;

	ev._sigev_un._tid = gettid();
	handle(SIGRTMIN + 1);
	REQUIRE(timer_create(CLOCK_REALTIME, &ev, &t) == 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	while (!ticks)
		pause();
	it.it_value.tv_nsec = 0;
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	abi_sleep_ms(20);
	CHECK_EQ(ticks, 1);
}

CASE(vdso, "the vDSO is mapped and an ELF object; getcpu tells a CPU that exists")
{
	const char *p = (const char *)getauxval(AT_SYSINFO_EHDR);
	unsigned cpu = 9999, node = 9999;

	REQUIRE(p != NULL);
	CHECK(memcmp(p, "\177ELF", 4) == 0);
	CHECK_EQ(getcpu(&cpu, &node), 0);
	CHECK(cpu < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
	CHECK(sched_getcpu() >= 0);
}

CASE(setting_time, "an unprivileged process cannot set the clock; adjtimex reads it")
{
	struct timespec t = {0, 0};
	struct timex x = {0};

	CHECK(adjtimex(&x) >= 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(setuid(1000) == 0 || getuid() != 0);
		CHECK_FAILS(clock_settime(CLOCK_REALTIME, &t), EPERM);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
}
