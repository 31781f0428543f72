/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vDSO's code: vdso(7). It runs in the guest, in user mode, on the program's stack, and is
 * linked alone, without a libc, into vdso.so (vdso.lds).
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "platform/tsc_clock.h"

#define NSEC 1000000000UL

/*
 * Right below this image's ELF header (vdso.lds). Read-only here, and yet not const, or the
 * compiler would believe that it does not change.
 */
extern struct clock_page vvar __attribute__((visibility("hidden")));

static inline long syscall2(long nr, long a, long b)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return r;
}

/* Waits for the loads before it, so it is inside of what seq brackets. */
static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* Clock `id`, ns; false: ask with a system call. */
static bool read_page(clockid_t id, uint64_t *ns)
{
	const struct clock_page *p = &vvar;
	uint32_t seq;
	bool known;

	if (!clock_page_has(id))
		return false;
	do {
		seq = __atomic_load_n(&p->seq, __ATOMIC_ACQUIRE);
		if (seq & 1)
			return false; /* its writer may have lost the CPU: do not spin */
		known = clock_page_ns(p, rdtsc(), ns);
		*ns += clock_page_offset(p, id);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (__atomic_load_n(&p->seq, __ATOMIC_RELAXED) != seq);
	return known;
}

int __vdso_clock_gettime(clockid_t id, struct timespec *ts);
int __vdso_clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ns = 0;

	if (!read_page(id, &ns))
		return syscall2(SYS_clock_gettime, id, (long)ts);
	ts->tv_sec = ns / NSEC;
	ts->tv_nsec = ns % NSEC;
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	uint64_t ns = 0;

	if (!read_page(CLOCK_REALTIME, &ns))
		return syscall2(SYS_gettimeofday, (long)tv, (long)tz);
	if (tv) {
		tv->tv_sec = ns / NSEC;
		tv->tv_usec = ns % NSEC / 1000;
	}
	if (tz)
		tz->tz_minuteswest = tz->tz_dsttime = 0;
	return 0;
}

time_t __vdso_time(time_t *t);
time_t __vdso_time(time_t *t)
{
	uint64_t ns = 0;

	if (!read_page(CLOCK_REALTIME, &ns))
		return syscall2(SYS_time, (long)t, 0);
	if (t)
		*t = ns / NSEC;
	return ns / NSEC;
}

int __vdso_clock_getres(clockid_t id, struct timespec *ts);
int __vdso_clock_getres(clockid_t id, struct timespec *ts)
{
	if (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME)
		return syscall2(SYS_clock_getres, id, (long)ts);
	if (ts) {
		ts->tv_sec = 0;
		ts->tv_nsec = 1;
	}
	return 0;
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	uint32_t low, high, aux;

	(void)unused;
	if (!vvar.rdtscp_cpu)
		return syscall2(SYS_getcpu, (long)cpu, (long)node);
	__asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
	if (cpu)
		*cpu = aux & 0xfff;
	if (node)
		*node = aux >> 12;
	return 0;
}

/* The names without prefix are as old as the vDSO. */
int clock_gettime(clockid_t id, struct timespec *ts)
    __attribute__((weak, alias("__vdso_clock_gettime")));
int clock_getres(clockid_t id, struct timespec *ts)
    __attribute__((weak, alias("__vdso_clock_getres")));
time_t time(time_t *t) __attribute__((weak, alias("__vdso_time")));
long getcpu(unsigned *cpu, unsigned *node, void *unused)
    __attribute__((weak, alias("__vdso_getcpu")));
int gettimeofday(struct timeval *tv, void *tz) __attribute__((weak, alias("__vdso_gettimeofday")));
