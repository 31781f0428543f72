/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AddressSpaceIO: rights, partial counts, exact fault addresses; atomics that the guest takes part
 * in; an unmapping that waits for nobody and is obeyed at once; files that shrink.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "guest.h"

#define PATIENCE_NS 4000000000UL /* for each race; they can be lost on a busy machine */
#define RW (ACCESS_READ | ACCESS_WRITE)

static uint8_t pattern(uint64_t i)
{
	return i * 37 + (i >> 8) + 1;
}

/* [DATA, +3 pages) writable, then one page read-only, then one without rights, then a hole. */
static void rights_and_counts(struct platform *p)
{
	enum { PAGES = 4 };
	static uint8_t buf[8 * 4096], back[8 * 4096];
	frame_t f = test_frames(p, PAGES);
	uint8_t *mem = test_ptr(p, f);
	uint64_t end = DATA + PAGES * PAGE_SIZE;
	struct address_space *as;
	struct address_fault fault;

	CHECK(platform_new_address_space(p, 0, &as) == 0);
	CHECK(address_space_map(as, DATA, f, 3, RW, false) == 0);
	CHECK(address_space_map(as, DATA + 3 * PAGE_SIZE, f + 3, 1, ACCESS_READ, false) == 0);
	CHECK(address_space_map(as, end, f, 1, 0, false) == 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(i);
	for (size_t at = 0; at < 3 * PAGE_SIZE; at += 509) {
		for (size_t n = 1; at + n <= 3 * PAGE_SIZE; n = n * 3 + 1) {
			memset(mem, 0, PAGES * PAGE_SIZE);
			CHECK(address_space_copy_out(as, DATA + at, buf, n, NULL) == n);
			CHECK(!memcmp(mem + at, buf, n) && !mem[at + n]);
			CHECK(at == 0 || !mem[at - 1]);
			CHECK(address_space_copy_in(as, back, DATA + at, n, &fault) == n);
			CHECK(!memcmp(back, buf, n));
			CHECK(address_space_zero_out(as, DATA + at, n, &fault) == n);
			CHECK(!mem[at] && !mem[at + n - 1]);
		}
	}
	memcpy(mem, buf, PAGES * PAGE_SIZE);
	for (size_t back_off = 1; back_off < 3 * PAGE_SIZE; back_off += 1013) {
		size_t can_write = back_off < PAGE_SIZE ? 0 : back_off - PAGE_SIZE;
		uint64_t at = end - back_off;

		CHECK(address_space_copy_in(as, back, at, sizeof(back), &fault) == back_off);
		CHECK(fault.addr == end && fault.signo == SIGSEGV, "%lx", fault.addr);
		CHECK(!memcmp(back, mem + (at - DATA), back_off));
		CHECK(address_space_copy_out(as, at, mem + (at - DATA), sizeof(buf), &fault) ==
		      can_write);
		CHECK(fault.addr == at + can_write && fault.signo == SIGSEGV);
		CHECK(address_space_zero_out(as, at, sizeof(buf), &fault) == can_write);
		CHECK(fault.addr == at + can_write);
		memcpy(mem, buf, PAGES * PAGE_SIZE);
	}
	CHECK(address_space_copy_in(as, back, DATA - 1, 2, &fault) == 0 && fault.addr == DATA - 1);
	CHECK(address_space_copy_in(as, back, DATA - 1, 0, NULL) == 0);
	address_space_unmap(as, DATA + PAGE_SIZE, PAGE_SIZE);
	CHECK(address_space_copy_in(as, back, DATA + 5, sizeof(back), &fault) == PAGE_SIZE - 5);
	CHECK(fault.addr == DATA + PAGE_SIZE);
	address_space_release(as, 0);
	memory_unref(platform_memory(p), f, PAGES);
}

static void outside(struct platform *p)
{
	const struct platform_caps *caps = platform_caps(p);
	const uint64_t bad[] = {0, 1, caps->min_user_address - 1, caps->max_user_address,
				caps->max_user_address + 1, 0x8000000000000000,
				0xffff800000000000, 0xffff800000002000, -4096UL, -4UL, -1UL};
	struct address_space *as;
	struct address_fault fault;
	frame_t f = test_frames(p, 1);
	uint64_t last = caps->max_user_address - PAGE_SIZE;
	char buf[64];
	uint32_t word;

	CHECK(platform_new_address_space(p, 0, &as) == 0);
	CHECK(address_space_map(as, last, f, 1, RW, false) == 0);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fault = (struct address_fault){0};
		CHECK(address_space_copy_in(as, buf, bad[i], sizeof(buf), &fault) == 0);
		CHECK(fault.addr == bad[i] && fault.signo == SIGSEGV);
		CHECK(address_space_copy_out(as, bad[i], buf, SIZE_MAX, &fault) == 0);
		CHECK(address_space_zero_out(as, bad[i], SIZE_MAX, &fault) == 0);
		CHECK(address_space_load_u32(as, bad[i] & ~3UL, &word, &fault) == -EFAULT);
		CHECK(fault.addr == (bad[i] & ~3UL));
	}
	CHECK(address_space_zero_out(as, last, SIZE_MAX, &fault) == PAGE_SIZE);
	CHECK(fault.addr == caps->max_user_address);
	address_space_release(as, 0);
	memory_unref(platform_memory(p), f, 1);
}

/* ---- words ----------------------------------------------------------------------------------- */

BLOB(count, "1: lock incl (%rdi)\n dec %ecx\n jnz 1b\n syscall\n");

struct counting {
	struct platform *p;
	struct address_space *as;
	unsigned n;
};

static void *guest_counts(void *arg)
{
	struct counting *k = arg;
	struct context *c = test_context(k->p);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.rdi = DATA;
	regs.rcx = k->n;
	do
		context_switch(c, k->as, &regs, -1, &ev);
	while (ev.reason == SWITCH_PREEMPTED);
	CHECK(ev.reason == SWITCH_SYSCALL);
	context_release(c);
	return NULL;
}

/* Host and guest count in one word: none of it gets lost. */
static void words(struct platform *p)
{
	struct counting k = {p, TEST_SPACE(p, count), test_rounds(200000)};
	frame_t f = test_frames(p, 1);
	uint32_t *word = test_ptr(p, f), old, seen;
	struct address_fault fault;
	pthread_t t;

	CHECK(address_space_map(k.as, DATA, f, 1, RW, false) == 0);
	CHECK(address_space_swap_u32(k.as, DATA, 7, &old, NULL) == 0 && old == 0 && *word == 7);
	CHECK(address_space_cas_u32(k.as, DATA, 8, 9, &old, NULL) == 0 && old == 7 && *word == 7);
	CHECK(address_space_cas_u32(k.as, DATA, 7, 0, &old, NULL) == 0 && old == 7 && *word == 0);
	CHECK(address_space_load_u32(k.as, DATA + 4092, &seen, NULL) == 0 && seen == 0);
	CHECK(address_space_load_u32(k.as, DATA + 1, &seen, NULL) == -EINVAL);
	CHECK(address_space_swap_u32(k.as, DATA + 2, 1, &old, NULL) == -EINVAL);
	CHECK(address_space_cas_u32(k.as, DATA + 4094, 0, 1, &old, NULL) == -EINVAL);
	CHECK(address_space_swap_u32(k.as, CODE, 1, &old, &fault) == -EFAULT);
	CHECK(fault.addr == CODE && fault.signo == SIGSEGV);
	CHECK(address_space_cas_u32(k.as, DATA + PAGE_SIZE, 0, 1, &old, &fault) == -EFAULT);

	pthread_create(&t, NULL, guest_counts, &k);
	for (unsigned i = 0; i < k.n; i++) {
		CHECK(address_space_load_u32(k.as, DATA, &seen, NULL) == 0);
		do {
			old = seen;
			CHECK(address_space_cas_u32(k.as, DATA, old, old + 1, &seen, NULL) == 0);
		} while (seen != old);
	}
	pthread_join(t, NULL);
	CHECK(*word == 2 * k.n, "%u of %u", *word, 2 * k.n);
	address_space_release(k.as, 0);
}

/* ---- against an unmapping -------------------------------------------------------------------- */

static struct address_space *contested;
static _Atomic bool stop;

/* The source's pages are not there, which holds the copy up in the middle of a page. */
static void *copies(void *arg)
{
	const size_t size = 4 * PAGE_SIZE;
	struct address_fault fault;
	_Atomic uint64_t *n = arg;
	char *zeros = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(zeros != MAP_FAILED);
	while (!stop) {
		size_t done;

		madvise(zeros, size, MADV_DONTNEED);
		done = address_space_copy_out(contested, DATA, zeros, size, &fault);
		CHECK(done == size || (done == 2 * PAGE_SIZE && fault.signo == SIGSEGV &&
				       fault.addr == DATA + 2 * PAGE_SIZE));
		++*n;
	}
	munmap(zeros, size);
	return NULL;
}

/* When the unmapping has returned the frame is ours alone: what we write there stays. */
static void against_unmapping(struct platform *p)
{
	uint64_t deadline = test_now() + PATIENCE_NS;
	frame_t f = test_frames(p, 4);
	uint8_t *third = test_ptr(p, f + 2);
	unsigned overwritten = 0;
	_Atomic uint64_t copied = 0;
	pthread_t t;

	CHECK(platform_new_address_space(p, 0, &contested) == 0);
	CHECK(address_space_map(contested, DATA, f, 4, RW, false) == 0);
	pthread_create(&t, NULL, copies, (void *)&copied);
	while (copied == 0)
		sched_yield();
	for (unsigned i = 0; i < test_rounds(50000) && test_now() < deadline; i++) {
		address_space_unmap(contested, DATA + 2 * PAGE_SIZE, PAGE_SIZE);
		memset(third, 0x11, PAGE_SIZE);
		for (unsigned k = 0; k < PAGE_SIZE; k += 64)
			overwritten += ((volatile uint8_t *)third)[k] != 0x11;
		CHECK(address_space_map(contested, DATA + 2 * PAGE_SIZE, f + 2, 1, RW, false) == 0);
	}
	stop = true;
	pthread_join(t, NULL);
	stop = false;
	CHECK(overwritten == 0, "%u late writes", overwritten);
	address_space_release(contested, 0);
	memory_unref(platform_memory(p), f, 4);
}

/* ---- against a file that shrinks ------------------------------------------------------------- */

static int file;

static void *shrinks(void *arg)
{
	(void)arg;
	while (!stop) {
		CHECK(ftruncate(file, 5000) == 0);
		CHECK(ftruncate(file, 4 * PAGE_SIZE) == 0);
	}
	return NULL;
}

static void against_shrinking(struct platform *p)
{
	uint64_t deadline = test_now() + PATIENCE_NS;
	char path[] = "/tmp/test_access.XXXXXX";
	static char buf[4 * 4096];
	struct address_fault fault;
	struct address_space *as;
	struct window *w, *ro;
	unsigned partial = 0;
	struct stat st;
	uint32_t word;
	pthread_t t;

	file = mkstemp(path);
	CHECK(file >= 0 && unlink(path) == 0);
	memset(buf, 'x', sizeof(buf));
	CHECK(write(file, buf, sizeof(buf)) == sizeof(buf) && fstat(file, &st) == 0);
	CHECK(platform_window_get(p, file, st.st_dev, st.st_ino, 0, true, &w) == 0);
	CHECK(platform_window_get(p, file, st.st_dev, st.st_ino, 0, false, &ro) == 0);
	CHECK(platform_new_address_space(p, 0, &as) == 0);
	CHECK(address_space_map_window(as, DATA, w, 0, 4, RW) == 0);
	CHECK(address_space_map_window(as, DATA + CHUNK_SIZE, ro, 0, 4, ACCESS_READ) == 0);
	CHECK(address_space_copy_out(as, DATA, "hello", 5, NULL) == 5);
	CHECK(address_space_copy_in(as, buf, DATA + CHUNK_SIZE, 6, NULL) == 6);
	CHECK(!memcmp(buf, "hellox", 6));
	CHECK(address_space_copy_out(as, DATA + CHUNK_SIZE, "no", 2, &fault) == 0);
	CHECK(fault.signo == SIGSEGV && fault.addr == DATA + CHUNK_SIZE);

	CHECK(ftruncate(file, 5000) == 0);
	CHECK(address_space_copy_in(as, buf, DATA + 100, sizeof(buf), &fault) == 8192 - 100);
	CHECK(fault.signo == SIGBUS && fault.addr == DATA + 8192, "%d %lx", fault.signo, fault.addr);
	CHECK(address_space_zero_out(as, DATA + 8000, 1000, &fault) == 192);
	CHECK(fault.signo == SIGBUS && fault.addr == DATA + 8192);
	CHECK(address_space_load_u32(as, DATA + 8196, &word, &fault) == -EFAULT);
	CHECK(fault.signo == SIGBUS && fault.addr == DATA + 8196);
	CHECK(address_space_cas_u32(as, DATA + 8200, 0, 1, &word, &fault) == -EFAULT);
	CHECK(address_space_swap_u32(as, DATA + 8200, 0, &word, &fault) == -EFAULT);

	pthread_create(&t, NULL, shrinks, NULL);
	for (unsigned i = 0; i < test_rounds(20000) && test_now() < deadline; i++) {
		size_t n = i % 2 ? address_space_copy_in(as, buf, DATA, sizeof(buf), &fault)
				 : address_space_copy_out(as, DATA, buf, sizeof(buf), &fault);

		CHECK(n == sizeof(buf) || (fault.signo == SIGBUS && fault.addr == DATA + n));
		CHECK(n >= 8192, "%zu", n);
		partial += n < sizeof(buf);
	}
	stop = true;
	pthread_join(t, NULL);
	stop = false;
	fprintf(stderr, "%u copies met the file's end\n", partial);
	address_space_release(as, 0);
	window_put(w);
	window_put(ro);
	close(file);
}

static void host_pages(struct platform *p)
{
	char *own = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct address_space *as;
	struct window *w;
	char buf[8];

	CHECK(own != MAP_FAILED);
	strcpy(own + PAGE_SIZE - 2, "both");
	if (test_on_ptrace()) { /* that maps files only */
		CHECK(platform_window_host(p, own, 2, &w) == -ENODEV);
		munmap(own, 2 * PAGE_SIZE);
		return;
	}
	CHECK(platform_window_host(p, own, 2, &w) == 0);
	CHECK(platform_new_address_space(p, 0, &as) == 0);
	CHECK(address_space_map_window(as, DATA, w, 0, 2, ACCESS_READ) == 0);
	CHECK(address_space_copy_in(as, buf, DATA + PAGE_SIZE - 2, 5, NULL) == 5);
	CHECK(!strcmp(buf, "both"));
	CHECK(address_space_zero_out(as, DATA, 1, NULL) == 0);
	address_space_release(as, 0);
}

int main(void)
{
	struct platform *p = test_platform(0);

	CHECK(platform_caps(p)->supports_address_space_io);
	rights_and_counts(p);
	outside(p);
	words(p);
	against_unmapping(p);
	against_shrinking(p);
	host_pages(p);
	platform_destroy(p);
	return 0;
}
