/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the platform's tests share: a check that names what failed, a platform to test, and code
 * blobs to run in the guest.
 *
 * BLOB(name, "assembly") makes name[] and name_end[]; the code must be position-independent.
 */
#ifndef HUSK_TESTS_PLATFORM_GUEST_H
#define HUSK_TESTS_PLATFORM_GUEST_H

#include <cpuid.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/safecopy.h"
#include "platform/platform.h"

#define CHECK(cond, ...)                                                                           \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                 \
			fprintf(stderr, " " __VA_ARGS__);                                          \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define BLOB(name, code)                                                                           \
	extern const char name[], name##_end[];                                                    \
	__asm__(".pushsection .rodata\n.balign 64\n.globl " #name "\n" #name ":\n" code            \
		"\n.globl " #name "_end\n" #name "_end:\n.popsection\n")

#define CODE 0x400000UL
#define STACK 0x700000UL /* one page */
#define DATA 0x10000000UL

/* Which implementation is under test: HUSK_TEST_PLATFORM says, "kvm" (without it) or "ptrace". */
static inline bool test_on_ptrace(void)
{
	const char *name = getenv("HUSK_TEST_PLATFORM");

	CHECK(!name || !strcmp(name, "kvm") || !strcmp(name, "ptrace"), "no platform '%s'", name);
	return name && !strcmp(name, "ptrace");
}

#ifdef __SANITIZE_THREAD__
/* ThreadSanitizer allows mappings in a stretch that has no room for the usual reservation. */
#define TEST_MEMORY_MAX (16UL << 30)
#else
#define TEST_MEMORY_MAX 0
#endif

/* A platform on this host. Without /dev/kvm the tests of that one fail: they do not skip. */
static inline struct platform *test_platform_with(struct platform_config cfg)
{
	struct error err = ERROR_INIT;
	struct platform *p = NULL;

	hostcall_init();
	safecopy_init();
	if (test_on_ptrace()) {
		CHECK(platform_new(PLATFORM_PTRACE, &cfg, &p, &err) == 0, "%s", err.msg);
		return p;
	}
	cfg.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	CHECK(cfg.kvm_fd >= 0, "/dev/kvm is needed");
	if (!cfg.memory_max)
		cfg.memory_max = TEST_MEMORY_MAX;
	CHECK(platform_new(PLATFORM_KVM, &cfg, &p, &err) == 0, "%s", err.msg);
	close(cfg.kvm_fd);
	return p;
}

static inline struct platform *test_platform(unsigned vcpus_max)
{
	return test_platform_with((struct platform_config){.vcpus_max = vcpus_max});
}

static inline struct context *test_context(struct platform *p)
{
	struct context *c;

	CHECK(platform_new_context(p, &c) == 0);
	return c;
}

static inline frame_t test_frames(struct platform *p, unsigned n)
{
	frame_t f;

	CHECK(memory_alloc(platform_memory(p), n, MEMORY_ANONYMOUS, &f) == 0);
	return f;
}

static inline void *test_ptr(struct platform *p, frame_t f)
{
	return memory_ptr(platform_memory(p), f);
}

/* An address space with the blob at CODE and a page of stack. */
static inline struct address_space *test_space(struct platform *p, const char *code,
					       const char *code_end)
{
	struct address_space *as;
	frame_t f = test_frames(p, 1), stack = test_frames(p, 1);

	CHECK(platform_new_address_space(p, 0, &as) == 0);
	CHECK(code_end - code <= (long)PAGE_SIZE);
	memcpy(test_ptr(p, f), code, code_end - code);
	CHECK(address_space_map(as, CODE, f, 1, ACCESS_READ | ACCESS_EXEC, false) == 0);
	CHECK(address_space_map(as, STACK, stack, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	return as;
}
#define TEST_SPACE(p, blob) test_space(p, blob, blob##_end)

static inline struct user_regs_struct test_regs(void)
{
	return (struct user_regs_struct){
	    .rip = CODE, .rsp = STACK + PAGE_SIZE - 64, .eflags = 0x202};
}

/* Does this machine's processor exist in QEMU's software only? */
static inline bool test_on_tcg(void)
{
	unsigned a, sig[3];

	__cpuid(0x40000000, a, sig[0], sig[1], sig[2]);
	(void)a;
	return !memcmp(sig, "TCGTCGTCGTCG", 12);
}

/* How often to do something: there, a fiftieth, for it is that much slower. */
static inline unsigned test_rounds(unsigned n)
{
	return test_on_tcg() ? n / 50 : n;
}

/* Full counts, however long they take? (make check-long) */
static inline bool test_long(void)
{
	const char *s = getenv("HUSK_TEST_LONG");

	return s && *s && *s != '0';
}

/*
 * How often to do what is to be done `full` times: all of them with HUSK_TEST_LONG=1, else `usual`.
 * On an emulated processor a tenth, else a hundredth of them.
 */
static inline unsigned test_count(unsigned full, unsigned usual)
{
	if (test_on_tcg())
		return test_long() ? full / 10 : full / 100;
	return test_long() ? full : usual;
}

static inline uint64_t test_now(void)
{
	return clock_now_ns(CLOCK_MONOTONIC);
}

/*
 * The body of a loop that waits for the guest, the spins-th time. It is usually there in some
 * microseconds; if it has no CPU, it may have ours: asleep, for on a busy machine sched_yield() comes
 * back after everybody else's slice.
 */
static inline void test_let_others(unsigned spins)
{
	static const struct timespec t = {.tv_nsec = 20000};

	if (spins < 300)
		__builtin_ia32_pause();
	else
		nanosleep(&t, NULL);
}

#endif
