/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies into and out of memory that vanishes answer how far they got. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/safecopy.h"
#include "tests/base/check.h"

static char *two_pages_one_gone(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p + 4096, 4096);
	memset(p, 'x', 4096);
	return p;
}

static char *beyond_end_of_file(void)
{
	int fd = memfd_create("short", 0);
	char *p;

	if (ftruncate(fd, 8192) < 0)
		return NULL;
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ftruncate(fd, 4096) < 0)
		return NULL;
	close(fd);
	return p;
}

static void test_edges(char *p)
{
	static char buf[8192];
	uint32_t v = 0, old = 0;

	CHECK(safe_copy(buf, p + 4000, 200) == 104);
	CHECK(safe_copy(p + 4000, buf, 200) == 104);
	CHECK(safe_copy(buf, p + 4096, 16) == 16);
	CHECK(safe_zero(p + 4090, 10) == 4);
	CHECK(safe_copy(buf, p, 4096) == 0);
	CHECK(safe_load_u32((uint32_t *)(p + 4096), &v) == -EFAULT);
	CHECK(safe_swap_u32((uint32_t *)(p + 4096), 1, &old) == -EFAULT);
	CHECK(safe_cas_u32((uint32_t *)(p + 4096), 0, 1, &old) == -EFAULT);
}

static void test_atomics(void)
{
	uint32_t word = 5, v = 0, old = 0;

	CHECK(safe_load_u32(&word, &v) == 0 && v == 5);
	CHECK(safe_swap_u32(&word, 7, &old) == 0 && old == 5 && word == 7);
	CHECK(safe_cas_u32(&word, 6, 9, &old) == 0 && old == 7 && word == 7);
	CHECK(safe_cas_u32(&word, 7, 9, &old) == 0 && old == 7 && word == 9);
}

int main(void)
{
	safecopy_init();
	test_edges(two_pages_one_gone());
	test_edges(beyond_end_of_file());
	test_atomics();
	return check_done();
}
