/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kick is never lost: a thread that would sleep for ever is kicked tens of thousands of times, at
 * every moment around the system call, and must come back each time.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/waitq.h"
#include "tests/base/check.h"

#define ROUNDS 30000

static _Atomic uint32_t pending; /* what the kicker made visible before it kicked */
static _Atomic uint32_t handled;
static struct host_thread *_Atomic sleeper;
static int never[2]; /* a pipe nobody writes to */

static bool has_work(void *arg)
{
	return atomic_load(&pending) != atomic_load(&handled);
}

static long sleep_somehow(uint32_t round)
{
	struct timespec far = deadline_in_ns(3600ULL * 1000000000);
	struct pollfd p = {.fd = never[0], .events = POLLIN};
	struct parker parker = {0};
	char c;

	switch (round % 4) {
	case 0:
		return host_call_intr(SYS_read, never[0], (long)&c, 1, 0, 0, 0);
	case 1:
		return park(&parker, NULL);
	case 2:
		return host_ppoll(&p, 1, &far);
	default:
		return park(&parker, &far);
	}
}

static void *sleeps(void *arg)
{
	host_thread_init(has_work, NULL);
	atomic_store(&sleeper, &host_self);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		long r = sleep_somehow(i);

		if (r != -EINTR)
			CHECK(r == -EINTR);
		host_unkick();
		if (!has_work(NULL))
			CHECK(!"interrupted without a reason");
		atomic_store(&handled, i + 1);
	}
	return NULL;
}

/* The host's limit of queued signals is for all processes of a user: now and then it is reached. */
static struct rlimit limit;

static void *raise_limit(void *arg)
{
	for (unsigned i = 0; i < 100; i++)
		sched_yield();
	CHECK(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
	return NULL;
}

static void kick_at_the_limit(void)
{
	struct rlimit none = {0, limit.rlim_max};
	pthread_t t;

	CHECK(setrlimit(RLIMIT_SIGPENDING, &none) == 0);
	pthread_create(&t, NULL, raise_limit, NULL);
	host_kick(atomic_load(&sleeper));
	pthread_join(t, NULL);
}

static void test_kicks(void)
{
	pthread_t t;
	unsigned seed = 1;

	CHECK(pipe(never) == 0);
	CHECK(getrlimit(RLIMIT_SIGPENDING, &limit) == 0);
	pthread_create(&t, NULL, sleeps, NULL);
	while (!atomic_load(&sleeper))
		;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (unsigned spin = rand_r(&seed) % 400; spin; spin--)
			__asm__ volatile("pause");
		atomic_store(&pending, i + 1);
		if (i % 500 == 0)
			kick_at_the_limit();
		else
			host_kick(atomic_load(&sleeper));
		while (atomic_load(&handled) != i + 1)
			sched_yield();
	}
	pthread_join(t, NULL);
}

/* Signals without a reason behind them do not end a sleep; its deadline does. */
static void *stray(void *arg)
{
	for (int i = 0; i < 200; i++) {
		syscall(SYS_tgkill, getpid(), *(pid_t *)arg, HOST_KICK_SIGNAL);
		usleep(100);
	}
	return NULL;
}

static void test_strays(void)
{
	struct timespec end = deadline_in_ns(60 * 1000000);
	struct pollfd p = {.fd = never[0], .events = POLLIN};
	pid_t tid = syscall(SYS_gettid);
	struct parker parker = {0};
	pthread_t t;

	atomic_store(&pending, 0);
	atomic_store(&handled, 0);
	host_thread_init(has_work, NULL);
	pthread_create(&t, NULL, stray, &tid);
	CHECK(host_ppoll(&p, 1, &end) == 0);
	CHECK(clock_now_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000ULL + end.tv_nsec);
	end = deadline_in_ns(20 * 1000000);
	CHECK(park(&parker, &end) == -ETIMEDOUT);
	pthread_join(t, NULL);
}

static void test_calls(void)
{
	CHECK(host_call(SYS_getpid) == getpid());
	CHECK(host_call(SYS_close, -1L) == -EBADF);
	CHECK(host_call_intr(SYS_getpid, 0, 0, 0, 0, 0, 0) == getpid());
	CHECK(deadline_in_ns(UINT64_MAX).tv_sec == INT64_MAX / 1000000000);
}

int main(void)
{
	hostcall_init();
	host_thread_init(has_work, NULL);
	test_calls();
	test_kicks();
	test_strays();
	return check_done();
}
