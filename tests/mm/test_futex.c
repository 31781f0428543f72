/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Futexes on the fake platform: a mutex, a condition variable's requeue and a PI lock, hammered by
 * threads that are tasks of one mm; and what a thread's death does.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/safecopy.h"
#include "fake_platform.h"
#include "kernel/futex.h"
#include "kernel/task.h"

#define THREADS 6
#define ROUNDS 3000

__thread struct task *current;
static struct task tasks[THREADS + 1];
static struct mm *mm;
static uint64_t base; /* a page of guest words */
static long counter;  /* guarded by the lock under test */
static int failures;

#define expect(cond)                                                                               \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("%s:%d: not so: %s\n", __func__, __LINE__, #cond);                  \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

struct task *task_find(pid_t tid)
{
	for (int i = 0; i <= THREADS; i++)
		if (tasks[i].tid == tid && !tasks[i].exited)
			return &tasks[i];
	return NULL;
}

void task_put(struct task *t)
{
}

static uint32_t word(uint64_t addr)
{
	uint32_t v = 0;

	mm_load_u32(mm, addr, &v);
	return v;
}

/* Exchanges by compare-and-swap, as a guest's XCHG. */
static uint32_t exchange(uint64_t addr, uint32_t new)
{
	uint32_t old = word(addr), seen;

	while (mm_cas_u32(mm, addr, old, new, &seen) == 0 && seen != old)
		old = seen;
	return old;
}

static uint32_t cas(uint64_t addr, uint32_t old, uint32_t new)
{
	uint32_t seen = ~old;

	mm_cas_u32(mm, addr, old, new, &seen);
	return seen;
}

/* The mutex of Drepper's "Futexes are tricky": 0 free, 1 taken, 2 taken and somebody waits. */
static void lock(uint64_t addr)
{
	if (cas(addr, 0, 1) == 0)
		return;
	while (exchange(addr, 2) != 0)
		futex_wait(addr, false, 2, FUTEX_BITSET_MATCH_ANY, NULL);
}

static void unlock(uint64_t addr)
{
	if (exchange(addr, 0) == 2)
		futex_wake(addr, false, 1, FUTEX_BITSET_MATCH_ANY);
}

static void pi_lock(uint64_t addr)
{
	if (cas(addr, 0, current->tid) != 0)
		expect(futex_lock_pi(addr, false, false, NULL) == 0);
}

static void pi_unlock(uint64_t addr)
{
	if (cas(addr, current->tid, 0) != (uint32_t)current->tid)
		expect(futex_unlock_pi(addr, false) == 0);
}

struct job {
	struct task *task;
	void (*fn)(void);
};

static void *thread_main(void *arg)
{
	struct job *j = arg;

	host_thread_init(NULL, NULL);
	current = j->task;
	j->fn();
	return NULL;
}

static void run_threads(void (*fn)(void))
{
	struct job jobs[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){&tasks[i + 1], fn};
		pthread_create(&threads[i], NULL, thread_main, &jobs[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void mutex_rounds(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		lock(base);
		counter++;
		unlock(base);
	}
}

static void pi_rounds(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pi_lock(base + 8);
		expect((word(base + 8) & FUTEX_TID_MASK) == (uint32_t)current->tid);
		counter++;
		pi_unlock(base + 8);
	}
}

static _Atomic int sleepers, awake;

static void sleep_once(void)
{
	atomic_fetch_add(&sleepers, 1);
	expect(futex_wait(base + 16, true, 0, 1, NULL) == 0);
	atomic_fetch_add(&awake, 1);
}

static void *waker(void *arg)
{
	long moved = 0, woken = 0;
	uint32_t zero = 0, one = 1;

	host_thread_init(NULL, NULL);
	current = &tasks[0];
	while (atomic_load(&sleepers) < THREADS)
		usleep(1000);
	expect(futex_requeue(base + 16, true, 1, 100, base + 20, &one) == -EAGAIN);
	/* Wakes one and moves the rest, as they arrive. */
	while (moved < THREADS) {
		long r = futex_requeue(base + 16, true, moved == 0, 100, base + 20, &zero);

		expect(r >= 0);
		moved += r;
	}
	expect(futex_wake(base + 16, true, 100, FUTEX_BITSET_MATCH_ANY) == 0);
	expect(futex_wake(base + 20, true, 100, 2) == 0);
	while (woken < THREADS - 1)
		woken += futex_wake(base + 20, true, 2, FUTEX_BITSET_MATCH_ANY);
	return NULL;
}

static void test_requeue(void)
{
	pthread_t t;

	pthread_create(&t, NULL, waker, NULL);
	run_threads(sleep_once);
	pthread_join(t, NULL);
	expect(atomic_load(&awake) == THREADS);
}

static void test_values(void)
{
	struct timespec soon = deadline_in_ns(2000000);
	uint32_t op = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GT, 10);

	expect(futex_wait(base + 24, false, 1, 1, NULL) == -EAGAIN);
	expect(futex_wait(base + 24, false, 0, 0, NULL) == -EINVAL);
	expect(futex_wait(base + 25, false, 0, 1, NULL) == -EINVAL);
	expect(futex_wait(0x1000, false, 0, 1, NULL) == -EFAULT);
	expect(futex_wait(base + 24, false, 0, 1, &soon) == -ETIMEDOUT);
	exchange(base + 28, 11);
	expect(futex_wake_op(base + 24, false, 1, 1, base + 28, op) == 0 && word(base + 28) == 16);
	expect(futex_unlock_pi(base + 24, false) == -EPERM);
	exchange(base + 24, 4711);
	expect(futex_lock_pi(base + 24, false, false, NULL) == -ESRCH);
	exchange(base + 24, current->tid);
	expect(futex_lock_pi(base + 24, false, false, NULL) == -EDEADLK);
	exchange(base + 24, tasks[1].tid);
	expect(futex_lock_pi(base + 24, false, true, NULL) == -EAGAIN);
	soon = deadline_in_ns(2000000);
	expect(futex_lock_pi(base + 24, false, false, &soon) == -ETIMEDOUT);
	expect(word(base + 24) == ((uint32_t)tasks[1].tid | FUTEX_WAITERS));
}

static _Atomic int taken;

static void take_after_death(void)
{
	if (current == &tasks[1]) {
		/* Owns a robust mutex and a PI lock, and dies. */
		uint64_t head[3] = {base + 256, 16, 0}, next = base + 512;

		expect(mm_copy_out(mm, base + 512, head, sizeof(head)) == 0);
		expect(mm_copy_out(mm, base + 256, &next, sizeof(next)) == 0);
		exchange(base + 256 + 16, current->tid | FUTEX_WAITERS);
		exchange(base + 32, current->tid);
		current->robust_list = base + 512;
		atomic_store(&taken, 1);
		while (!(word(base + 32) & FUTEX_WAITERS))
			usleep(1000);
		usleep(20000);
		futex_exit_robust(current);
		current->exited = true;
		return;
	}
	while (!atomic_load(&taken))
		usleep(1000);
	if (current == &tasks[2]) {
		expect(futex_lock_pi(base + 32, false, false, NULL) == 0);
		expect(word(base + 32) == ((uint32_t)current->tid | FUTEX_OWNER_DIED));
	}
	if (current == &tasks[3]) {
		uint32_t seen = word(base + 256 + 16);

		if (!(seen & FUTEX_OWNER_DIED))
			futex_wait(base + 256 + 16, true, seen, FUTEX_BITSET_MATCH_ANY, NULL);
		expect(word(base + 256 + 16) == (FUTEX_OWNER_DIED | FUTEX_WAITERS));
	}
}

int main(void)
{
	hostcall_init();
	safecopy_init();
	host_thread_init(NULL, NULL);
	if (mm_new(fake_platform(), &mm) != 0)
		return 1;
	base = mm_mmap(mm, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
	for (int i = 0; i <= THREADS; i++) {
		tasks[i].tid = 100 + i;
		tasks[i].mm = mm;
	}
	current = &tasks[0];
	alarm(60);
	test_values();
	run_threads(mutex_rounds);
	expect(counter == THREADS * ROUNDS);
	counter = 0;
	run_threads(pi_rounds);
	expect(counter == THREADS * ROUNDS && word(base + 8) == 0);
	test_requeue();
	run_threads(take_after_death);
	mm_put(mm);
	return failures != 0;
}
