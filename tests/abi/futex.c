/* SPDX-License-Identifier: GPL-2.0-or-later */
/* futex(2) and what glibc's threads make of it. */
#include "abi.h"

#include <linux/futex.h>
#include <sys/resource.h>

static long futex(volatile void *addr, int op, uint32_t val, const struct timespec *t,
		  volatile void *addr2, uint32_t val3)
{
	return syscall(SYS_futex, addr, op, val, t, addr2, val3);
}

static volatile uint32_t word, word2;
static volatile int woken;

static void *wait_on_word(void *arg)
{
	uint32_t v = (uintptr_t)arg;

	if (futex(&word, FUTEX_WAIT, v, NULL, NULL, 0) == 0)
		__atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

CASE(basics, "WAIT compares, times out; bad alignment and addresses are refused")
{
	struct timespec t = {0, 20 * 1000 * 1000};

	word = 5;
	CHECK_FAILS(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	int64_t t0 = abi_now_us();

	CHECK_FAILS(futex(&word, FUTEX_WAIT, 5, &t, NULL, 0), ETIMEDOUT);
	CHECK(abi_now_us() - t0 >= 20000);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_FAILS(futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
	CHECK_FAILS(futex((void *)8, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	t.tv_nsec = 1000000000;
	CHECK_FAILS(futex(&word, FUTEX_WAIT, 5, &t, NULL, 0), EINVAL);
	CHECK_FAILS(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	clock_gettime(CLOCK_REALTIME, &t);
	CHECK_FAILS(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &t, NULL, 1),
		    ETIMEDOUT);
}

CASE(wake_counts, "WAKE wakes as many as asked; CMP_REQUEUE moves the rest")
{
	pthread_t t[6];
	int n = 0;

	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, wait_on_word, (void *)0);
	abi_sleep_ms(100);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 2, NULL, NULL, 0), 2);
	CHECK_FAILS(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)100, &word2, 77), EAGAIN);
	CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)100, &word2, 0), 4);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 100, NULL, NULL, 0), 0);
	CHECK_EQ(n = futex(&word2, FUTEX_WAKE, 100, NULL, NULL, 0), 3);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(woken, 6);
}

CASE(shared_between_processes, "a futex in shared memory works between processes")
{
	volatile uint32_t *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(futex(w, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
		CHILD_EXIT();
	}
	while (futex(w, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
		abi_sleep_ms(1);
	CHILD_OK(pid);
}

CASE(private_after_fork, "a private futex is another one in the child")
{
	pthread_t t;

	pthread_create(&t, NULL, wait_on_word, (void *)0);
	abi_sleep_ms(50);
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 9, NULL, NULL, 0), 1);
	pthread_join(t, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;

static void *lock_and_count(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

CASE(mutex_contended, "8 threads count to 160,000 under one mutex")
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, lock_and_count, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(counter, 160000);
}

static void *ping(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(&mutex);
		while (counter % 2 != me)
			pthread_cond_wait(&cond, &mutex);
		counter++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

CASE(cond_ping_pong, "two threads alternate through a condition variable; timedwait times out")
{
	pthread_t a, b;
	struct timespec t;

	pthread_create(&a, NULL, ping, (void *)0);
	pthread_create(&b, NULL, ping, (void *)1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	CHECK_EQ(counter, 1000);
	clock_gettime(CLOCK_REALTIME, &t);
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &t), ETIMEDOUT);
	pthread_mutex_unlock(&mutex);
}

static void *die_with_lock(void *m)
{
	pthread_mutex_lock(m);
	return NULL;
}

CASE(robust_mutex, "a robust mutex tells EOWNERDEAD, of a thread and of a process")
{
	pthread_mutexattr_t a;
	pthread_mutex_t *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &a);
	pthread_create(&t, NULL, die_with_lock, m);
	pthread_join(t, NULL);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	pthread_mutex_unlock(m);
	pid_t pid = fork();

	if (pid == 0) {
		pthread_mutex_lock(m);
		_exit(0);
	}
	CHILD_OK(pid);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
}

CASE(pi_mutex, "a priority-inheriting mutex locks, or is refused with ENOTSUP")
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;

	pthread_mutexattr_init(&a);
	CHECK_EQ(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT), 0);
	int r = pthread_mutex_init(&m, &a);

	if (r == ENOTSUP)
		SKIP("no FUTEX_LOCK_PI");
	CHECK_EQ(r, 0);
	CHECK_EQ(pthread_mutex_lock(&m), 0);
	CHECK_EQ(pthread_mutex_unlock(&m), 0);
}

static pthread_barrier_t barrier;

static void *through_barrier(void *arg)
{
	for (int i = 0; i < 50; i++)
		pthread_barrier_wait(&barrier);
	return arg;
}

CASE(barrier_, "threads pass a barrier 50 times")
{
	pthread_t t[5];

	pthread_barrier_init(&barrier, NULL, 5);
	for (int i = 0; i < 5; i++)
		pthread_create(&t[i], NULL, through_barrier, NULL);
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
}

static void *cancellable(void *arg)
{
	for (;;)
		pause();
	return arg;
}

CASE(cancel, "pthread_cancel ends a thread that sleeps in pause")
{
	pthread_t t;
	void *r;

	pthread_create(&t, NULL, cancellable, NULL);
	abi_sleep_ms(20);
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &r), 0);
	CHECK(r == PTHREAD_CANCELED);
}

static void on_usr1(int sig)
{
	(void)sig;
	woken++;
}

CASE(interrupted, "a signal handler interrupts FUTEX_WAIT with a timeout")
{
	struct sigaction sa = {.sa_handler = on_usr1};
	struct timespec t = {10, 0};

	sigaction(SIGUSR1, &sa, NULL);
	pid_t me = getpid(), pid = fork();

	if (pid == 0) {
		abi_sleep_ms(30);
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK_FAILS(futex(&word, FUTEX_WAIT, 0, &t, NULL, 0), EINTR);
	CHECK_EQ(woken, 1);
	CHILD_OK(pid);
}
