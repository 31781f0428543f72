/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mm on the fake platform: one case after the other, each with its expectation. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/safecopy.h"
#include "fake_platform.h"
#include "fake_vfs.h"
#include "mm/mm.h"

static int failures;

#define expect(cond)                                                                               \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("%s:%d: not so: %s\n", __func__, __LINE__, #cond);                  \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct mm *new_mm(void)
{
	struct mm *mm = NULL;

	if (mm_new(fake_platform(), &mm) != 0)
		abort();
	return mm;
}

/* A guest's load or store of one byte: -1 is a fault that mm refuses, *why the reason. */
static int touch(struct mm *mm, uint64_t addr, int value, enum fault_result *why)
{
	unsigned access = value >= 0 ? ACCESS_WRITE : ACCESS_READ;
	enum fault_result r = FAULT_DONE;

	for (int tries = 0; tries < 3; tries++) {
		uint8_t *p = fake_translate(mm->as, addr, access);

		if (p) {
			p += addr % PAGE_SIZE;
			if (value >= 0)
				*p = value;
			return *p;
		}
		r = mm_fault(mm, addr, access);
		if (r != FAULT_DONE)
			break;
	}
	if (why)
		*why = r;
	return -1;
}

static int load(struct mm *mm, uint64_t addr)
{
	return touch(mm, addr, -1, NULL);
}

static int store(struct mm *mm, uint64_t addr, int value)
{
	return touch(mm, addr, value, NULL);
}

static enum fault_result fault_at(struct mm *mm, uint64_t addr, bool write)
{
	enum fault_result why = FAULT_DONE;

	touch(mm, addr, write ? 1 : -1, &why);
	return why;
}

static struct file *temp_file(size_t size, unsigned flags)
{
	int fd = memfd_create("t", MFD_CLOEXEC);

	for (size_t i = 0; i < size; i++) {
		uint8_t b = i / PAGE_SIZE + 1;

		if (pwrite(fd, &b, 1, i) != 1)
			abort();
	}
	return fake_file(fd, flags);
}

static void test_anonymous(void)
{
	struct mm *mm = new_mm();
	uint64_t a = mm_mmap(mm, 0, 5 << 20, RW, ANON, NULL, 0);

	expect((int64_t)a > 0 && fake_mapped(mm->as) == 0);
	expect(store(mm, a + 12345, 7) == 7 && load(mm, a + 12345) == 7 && load(mm, a + 4096) == 0);
	expect(fault_at(mm, a - 1, false) == FAULT_SEGV_MAPERR);
	expect(mm_mprotect(mm, a, 4096, PROT_READ) == 0);
	expect(fault_at(mm, a, true) == FAULT_SEGV_ACCERR && load(mm, a) == 0);
	expect(mm_mprotect(mm, a + 8192, 4096, PROT_NONE) == 0);
	expect(fault_at(mm, a + 8192, false) == FAULT_SEGV_ACCERR);
	expect(mm_munmap(mm, a, 5 << 20) == 0 && fake_mapped(mm->as) == 0);
	expect(fake_frames_used() == 0);
	expect(mm->total_vm == 0);
	mm_put(mm);
}

static void test_terabytes(void)
{
	struct mm *mm = new_mm();
	uint64_t a = mm_mmap(mm, 0, 16UL << 40, PROT_NONE, ANON | MAP_NORESERVE, NULL, 0);

	expect((int64_t)a > 0);
	expect(mm_mprotect(mm, a + (7UL << 40), 4096, RW) == 0);
	expect(store(mm, a + (7UL << 40), 3) == 3);
	expect(fake_frames_used() == 1);
	expect(mm_munmap(mm, a, 16UL << 40) == 0);
	expect(mm_mmap(mm, 0, 1UL << 47, PROT_NONE, ANON, NULL, 0) == -ENOMEM);
	mm_put(mm);
}

static void test_fork(void)
{
	struct mm *mm = new_mm(), *child = NULL;
	uint64_t a = mm_mmap(mm, 0, 4 << 20, RW, ANON, NULL, 0);
	uint64_t s = mm_mmap(mm, 0, 8192, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);

	store(mm, a, 1);
	store(mm, a + 4096, 2);
	store(mm, s, 9);
	expect(mm_fork(mm, &child) == 0);
	expect(load(child, a) == 1 && store(mm, a, 5) == 5 && load(child, a) == 1);
	expect(store(child, a + 4096, 6) == 6 && load(mm, a + 4096) == 2);
	expect(store(child, s, 10) == 10 && load(mm, s) == 10);
	expect(load(child, a + (3 << 20)) == 0);
	mm_put(mm);
	expect(load(child, a) == 1 && store(child, a, 8) == 8);
	mm_put(child);
	expect(fake_frames_used() == 0);
}

static void test_fork_pinned(void)
{
	struct mm *mm = new_mm(), *child = NULL;
	uint64_t a = mm_mmap(mm, 0, 65536, RW, ANON, NULL, 0);
	struct iovec guest = {(void *)(a + 100), 9000}, host[8];
	size_t bytes;
	int n;

	store(mm, a + 200, 1);
	user_memory_use(&mm->user);
	n = user_pin(&guest, 1, true, host, 8, &bytes);
	expect(n == 1 && bytes == 9000);
	expect(mm_fork(mm, &child) == 0);
	memset(host[0].iov_base, 0x55, 9000); /* the data arrives in a read(2) under way */
	expect(load(mm, a + 200) == 0x55 && load(child, a + 200) == 1);
	store(mm, a + 300, 2);
	expect(((uint8_t *)host[0].iov_base)[200] == 2);
	expect(mm_munmap(mm, a, 65536) == 0);
	user_unpin(host, n);
	user_memory_use(NULL);
	mm_put(child);
	mm_put(mm);
	expect(fake_frames_used() == 0);
}

static void test_private_file(void)
{
	struct mm *mm = new_mm(), *child = NULL;
	struct file *f = temp_file(3 * 4096 + 100, O_RDONLY);
	uint64_t a = mm_mmap(mm, 0, 6 * 4096, RW, MAP_PRIVATE, f, 0);

	expect((int64_t)a > 0);
	expect(load(mm, a) == 1 && load(mm, a + 4096) == 2 && load(mm, a + 3 * 4096 + 200) == 0);
	expect(fault_at(mm, a + 4 * 4096, false) == FAULT_BUS_ADRERR);
	expect(fault_at(mm, a + 5 * 4096, true) == FAULT_BUS_ADRERR);
	expect(store(mm, a + 4097, 99) == 99 && load(mm, a + 4096) == 2);
	expect(mm_fork(mm, &child) == 0 && load(child, a + 4097) == 99 && load(child, a) == 1);
	expect(mm_madvise(child, a, 6 * 4096, MADV_DONTNEED) == 0 && load(child, a + 4097) == 2);
	expect(load(mm, a + 4097) == 99);
	expect(mm_mmap(mm, 0, 4096, RW, MAP_SHARED, f, 0) == -EACCES);
	expect(mm_mmap(mm, 0, 4096, PROT_READ, MAP_SHARED, f, 1) == -EINVAL);
	mm_put(child);
	mm_put(mm);
	file_put(f);
	expect(fake_frames_used() == 0 && fake_windows_used() == 0 && fake_files == 0);
}

static void test_shared_file(void)
{
	struct mm *mm = new_mm();
	struct file *f = temp_file(2 * 4096, O_RDWR), *ro = temp_file(4096, O_RDONLY);
	uint64_t a = mm_mmap(mm, 0, 2 * 4096, RW, MAP_SHARED, f, 0);
	uint64_t r = mm_mmap(mm, 0, 4096, PROT_READ, MAP_SHARED, ro, 0);
	uint8_t b = 0;

	expect(store(mm, a + 4096 + 7, 42) == 42);
	expect(pread(f->fd, &b, 1, 4096 + 7) == 1 && b == 42);
	expect(mm_msync(mm, a, 2 * 4096, MS_SYNC) == 0);
	expect(mm_mprotect(mm, r, 4096, RW) == -EACCES && load(mm, r) == 1);
	expect(ftruncate(f->fd, 4096) == 0);
	mm_prune_shrunk_files(mm);
	expect(fault_at(mm, a + 4096, false) == FAULT_BUS_ADRERR && load(mm, a) == 1);
	expect(mm_copy_in(mm, &b, a + 4096, 1) == -EFAULT);
	mm_put(mm);
	file_put(f);
	file_put(ro);
	expect(fake_windows_used() == 0 && fake_files == 0);
}

static void test_mremap(void)
{
	struct mm *mm = new_mm();
	uint64_t a = mm_mmap(mm, 0, 3 << 20, RW, ANON, NULL, 0), b, s;

	store(mm, a, 1);
	store(mm, a + (3 << 20) - 1, 2);
	b = mm_mremap(mm, a, 3 << 20, 9 << 20, MREMAP_MAYMOVE, 0);
	expect((int64_t)b > 0 && load(mm, b) == 1 && load(mm, b + (3 << 20) - 1) == 2);
	expect(load(mm, b + (8 << 20)) == 0);
	expect(b == a || fault_at(mm, a, false) == FAULT_SEGV_MAPERR);
	expect(mm_mremap(mm, b, 9 << 20, 4096, 0, 0) == (int64_t)b);
	expect(fault_at(mm, b + 4096, false) == FAULT_SEGV_MAPERR && load(mm, b) == 1);
	expect(mm_mremap(mm, b, 4096, 8192, MREMAP_FIXED | MREMAP_MAYMOVE, 0x20000000) ==
	       0x20000000);
	expect(load(mm, 0x20000000) == 1);
	expect(mm_mremap(mm, 0x20000000, 0, 4096, MREMAP_MAYMOVE, 0) == -EINVAL);
	s = mm_mmap(mm, 0, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	store(mm, s, 77);
	b = mm_mremap(mm, s, 0, 4096, MREMAP_MAYMOVE, 0);
	expect(b != s && load(mm, b) == 77 && store(mm, b, 78) == 78 && load(mm, s) == 78);
	expect(mm_mremap(mm, 0x30000000, 4096, 4096, 0, 0) == -EFAULT);
	mm_put(mm);
	expect(fake_frames_used() == 0);
}

static void test_stack(void)
{
	struct mm *mm = new_mm();
	uint64_t top = 0x7ffff0000000, low = top - 0x21000;

	mm->rlimit_stack = 1 << 20;
	expect(mm_mmap(mm, low, 0x21000, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, NULL, 0) ==
	       (int64_t)low);
	expect(store(mm, low - 8, 1) == 1);
	expect(store(mm, top - (1 << 20), 2) == 2);
	expect(fault_at(mm, top - (1 << 20) - 1, true) == FAULT_SEGV_MAPERR);
	expect(mm_copy_out(mm, low - 0x8000, "x", 1) == 0);
	mm_put(mm);
}

static void test_brk(void)
{
	struct mm *mm = new_mm();

	mm->brk = mm->brk_start = 0x1000100;
	expect(mm_brk(mm, 0) == 0x1000100);
	expect(mm_brk(mm, 0x1010000) == 0x1010000 && store(mm, 0x1001000, 3) == 3);
	expect(mm_brk(mm, 0x1020000) == 0x1020000 && store(mm, 0x101ffff, 4) == 4);
	expect(mm_brk(mm, 0x1010000) == 0x1010000);
	expect(fault_at(mm, 0x101ffff, false) == FAULT_SEGV_MAPERR);
	expect(mm_brk(mm, 0x1020000) == 0x1020000 && load(mm, 0x101ffff) == 0);
	mm->rlimit_data = 0x30000;
	expect(mm_brk(mm, 0x1100000) == 0x1020000);
	mm_put(mm);
}

static void test_arguments(void)
{
	struct mm *mm = new_mm();
	uint8_t vec[4];
	uint64_t a = mm_mmap(mm, 0x40000000, 3 * 4096, RW, ANON | MAP_FIXED, NULL, 0);

	expect(a == 0x40000000);
	expect(mm_mmap(mm, 0, 0, RW, ANON, NULL, 0) == -EINVAL);
	expect(mm_mmap(mm, 1, 4096, RW, ANON | MAP_FIXED, NULL, 0) == -EINVAL ||
	       mm_mmap(mm, 1, 4096, RW, ANON | MAP_FIXED, NULL, 0) == -EPERM);
	expect(mm_mmap(mm, a, 4096, RW, ANON | MAP_FIXED_NOREPLACE, NULL, 0) == -EEXIST);
	expect(mm_mmap(mm, 0, 4096, RW, ANON | MAP_HUGETLB, NULL, 0) == -ENOMEM);
	expect(mm_mmap(mm, 0, 4096, RW, MAP_ANONYMOUS, NULL, 0) == -EINVAL);
	expect((uint64_t)mm_mmap(mm, 0, 4096, RW, ANON | MAP_32BIT, NULL, 0) < 0x80000000);
	expect(mm_mmap(mm, 0x50000123, 4096, RW, ANON, NULL, 0) == 0x50000000);
	expect(mm_munmap(mm, a + 4096, 4096) == 0 && mm_munmap(mm, a + 4096, 4096) == 0);
	expect(mm_munmap(mm, a + 1, 4096) == -EINVAL && mm_munmap(mm, a, 0) == -EINVAL);
	expect(mm_mprotect(mm, a, 3 * 4096, PROT_READ) == -ENOMEM);
	expect(fault_at(mm, a, true) == FAULT_SEGV_ACCERR && store(mm, a + 8192, 1) == 1);
	expect(mm_mprotect(mm, a, 4096, 0x100) == -EINVAL);
	expect(mm_mincore(mm, a, 3 * 4096, vec) == -ENOMEM && vec[0] == 0);
	expect(mm_mincore(mm, a + 8192, 4096, vec) == 0 && vec[0] == 1);
	expect(mm_madvise(mm, a, 3 * 4096, MADV_DONTNEED) == -ENOMEM && load(mm, a + 8192) == 0);
	expect(mm_madvise(mm, a, 4096, 12345) == -EINVAL);
	expect(mm_copy_in(mm, vec, UINT64_MAX - 1, 4) == -EFAULT);
	expect(mm_copy_out(mm, a, vec, 1) == -EFAULT);
	expect(mm_access_force(mm, a, "hello", 5, true) == 5 && load(mm, a + 1) == 'e');
	mm_put(mm);
}

static void test_vma_limit(void)
{
	struct mm *mm = new_mm();
	uint64_t a = mm_mmap(mm, 0, 80000UL * 8192, PROT_NONE, ANON, NULL, 0);
	int r = 0, n = 0;

	for (uint64_t p = a; r == 0 && n < 80000; p += 8192, n++)
		r = mm_mprotect(mm, p, 4096, PROT_READ);
	expect(r == -ENOMEM && n > 30000 && n < 33000);
	expect(mm_munmap(mm, a + 4096, 4096) == 0);
	expect((int64_t)mm_mmap(mm, 0, 4096, RW, ANON, NULL, 0) > 0);
	mm_put(mm);
}

static void test_words(void)
{
	struct mm *mm = new_mm(), *child = NULL;
	uint64_t a = mm_mmap(mm, 0, 8192, RW, ANON, NULL, 0);
	uint64_t s = mm_mmap(mm, 0, 8192, RW, MAP_SHARED | MAP_ANONYMOUS, NULL, 0);
	struct futex_key k1, k2;
	uint32_t v;

	expect(mm_load_u32(mm, a + 4, &v) == 0 && v == 0);
	expect(mm_cas_u32(mm, a + 4, 0, 17, &v) == 0 && v == 0);
	expect(mm_cas_u32(mm, a + 4, 0, 18, &v) == 0 && v == 17);
	expect(mm_load_u32(mm, a + 2, &v) == -EINVAL && mm_load_u32(mm, 0x1000, &v) == -EFAULT);
	expect(mm_fork(mm, &child) == 0);
	expect(mm_futex_key(mm, s, true, &k1) == 0 && mm_futex_key(child, s, true, &k2) == 0);
	expect(memcmp(&k1, &k2, sizeof(k1)) == 0);
	expect(mm_futex_key(mm, a, true, &k1) == 0 && mm_futex_key(child, a, true, &k2) == 0);
	expect(memcmp(&k1, &k2, sizeof(k1)) != 0);
	mm_put(child);
	mm_put(mm);
}

static void test_out_of_memory(void)
{
	struct mm *mm = new_mm();
	uint64_t a = mm_mmap(mm, 0, 8 << 20, RW, ANON, NULL, 0);

	fake_set_limit(600);
	expect(store(mm, (a & ~(CHUNK_SIZE - 1)) + CHUNK_SIZE, 1) == 1);
	for (unsigned i = 0; i < 80; i++)
		store(mm, a + (6 << 20) + i * 4096, 1);
	expect(fake_frames_used() <= 600);
	fake_set_limit(fake_frames_used());
	expect(fault_at(mm, a + (7 << 20) + 4096 * 100, true) == FAULT_OOM ||
	       fake_frames_used() <= 600);
	fake_set_limit(1 << 17);
	expect(store(mm, a + (7 << 20) + 4096 * 100, 1) == 1);
	mm_put(mm);
	expect(fake_frames_used() == 0);
}

/* The platform has no address space left: fork says so, with nothing changed and nothing kept. */
static void test_no_address_space(void)
{
	struct mm *mm = new_mm(), *child = NULL, *other = NULL;
	uint64_t a = mm_mmap(mm, 0, 1 << 20, RW, ANON, NULL, 0);

	expect(store(mm, a, 5) == 5);
	fake_set_spaces(1);
	expect(mm_fork(mm, &child) == -EAGAIN && !child);
	expect(mm_new(fake_platform(), &other) == -EAGAIN && !other);
	expect(load(mm, a) == 5 && store(mm, a, 6) == 6);
	fake_set_spaces(2);
	expect(mm_fork(mm, &child) == 0);
	expect(load(child, a) == 6 && store(mm, a, 7) == 7 && load(child, a) == 6);
	expect(mm_new(fake_platform(), &other) == -EAGAIN && !other);
	mm_put(child);
	expect(mm_new(fake_platform(), &other) == 0);
	mm_put(other);
	mm_put(mm);
	fake_set_spaces(UINT32_MAX);
	expect(fake_frames_used() == 0);
}

/* A platform with less user space: everything is placed in there. */
static void test_task_size(void)
{
	const uint64_t end = 0x500000000000;
	struct mm *mm;
	uint64_t a, b;

	fake_set_user_space(0x1000, 1UL << 40);
	expect(mm_init(fake_platform()) == -ENOTSUP);
	fake_set_user_space(0x20000, 0x7ffffffff000);
	expect(mm_init(fake_platform()) == -ENOTSUP && TASK_SIZE == 0x7ffffffff000);
	fake_set_user_space(0x1000, end);
	expect(mm_init(fake_platform()) == 0 && TASK_SIZE == end);
	mm = new_mm();
	a = mm_mmap(mm, 0, 1 << 20, RW, ANON, NULL, 0);
	b = mm_mmap(mm, 0x7ffff0000000, 1 << 20, RW, ANON, NULL, 0);
	expect(a < end && end - a < 1UL << 42 && b < end);
	expect(store(mm, a, 3) == 3 && store(mm, b, 4) == 4);
	expect(mm_mmap(mm, end, 4096, RW, ANON | MAP_FIXED, NULL, 0) == -ENOMEM);
	expect(mm_mmap(mm, end - 4096, 8192, RW, ANON | MAP_FIXED, NULL, 0) == -ENOMEM);
	expect(mm_mmap(mm, end - 4096, 4096, RW, ANON | MAP_FIXED, NULL, 0) ==
	       (int64_t)end - 4096);
	expect(store(mm, end - 1, 5) == 5 && fault_at(mm, end, false) == FAULT_SEGV_MAPERR);
	mm_put(mm);
	fake_set_user_space(0x1000, 0x7ffffffff000);
	expect(mm_init(fake_platform()) == 0);
}

static void test_wipe_and_dontfork(void)
{
	struct mm *mm = new_mm(), *child = NULL;
	uint64_t a = mm_mmap(mm, 0, 3 * 4096, RW, ANON, NULL, 0);

	store(mm, a, 1);
	store(mm, a + 4096, 2);
	store(mm, a + 8192, 3);
	expect(mm_madvise(mm, a, 4096, MADV_WIPEONFORK) == 0);
	expect(mm_madvise(mm, a + 8192, 4096, MADV_DONTFORK) == 0);
	expect(mm_fork(mm, &child) == 0);
	expect(load(child, a) == 0 && load(child, a + 4096) == 2);
	expect(fault_at(child, a + 8192, false) == FAULT_SEGV_MAPERR);
	expect(load(mm, a) == 1 && load(mm, a + 8192) == 3);
	mm_put(child);
	mm_put(mm);
}

int main(void)
{
	safecopy_init();
	test_anonymous();
	test_terabytes();
	test_fork();
	test_fork_pinned();
	test_private_file();
	test_shared_file();
	test_mremap();
	test_stack();
	test_brk();
	test_arguments();
	test_vma_limit();
	test_words();
	test_out_of_memory();
	test_wipe_and_dontfork();
	test_no_address_space();
	test_task_size();
	if (fake_frames_used() || fake_windows_used() || fake_files) {
		printf("left over: %u frames, %u windows, %u files\n", fake_frames_used(),
		       fake_windows_used(), fake_files);
		failures++;
	}
	return failures != 0;
}
