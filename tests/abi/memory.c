/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mmap(2), mprotect(2), mremap(2), madvise(2), brk(2): memory, and files as memory. */
#include "abi.h"

#include <setjmp.h>
#include <sys/auxv.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf out_of_fault;
static volatile int fault_sig, fault_code;
static char *volatile fault_addr;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	fault_sig = sig;
	fault_code = si->si_code;
	fault_addr = si->si_addr;
	siglongjmp(out_of_fault, 1);
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static bool touch(volatile char *p, bool write, int sig, int code)
{
	fault_sig = 0;
	if (sigsetjmp(out_of_fault, 1) == 0) {
		if (write)
			*p = 'w';
		else
			(void)*p;
	}
	return fault_sig == sig && (!sig || (fault_code == code && fault_addr == p));
}
#define READS(p) CHECK(touch(p, false, 0, 0))
#define WRITES(p) CHECK(touch(p, true, 0, 0))

static char *anon(size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED);
	return p;
}

static int file_of(const char *text, size_t size)
{
	int fd = abi_tmpfile();

	REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	REQUIRE(ftruncate(fd, size) == 0);
	return fd;
}

CASE(anonymous, "anonymous memory is zero, private after fork, gone after munmap")
{
	char *p = anon(64 * PAGE, RW, MAP_PRIVATE);

	catch_faults();
	for (int i = 0; i < 64 * PAGE; i += 100)
		CHECK_EQ(p[i], 0);
	memset(p, 'a', 64 * PAGE);
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < 64; i++) {
			CHECK_EQ(p[i * PAGE], 'a');
			p[i * PAGE] = 'c';
		}
		CHILD_EXIT();
	}
	for (int i = 0; i < 64; i += 2)
		p[i * PAGE] = 'p';
	CHILD_OK(pid);
	for (int i = 0; i < 64; i++)
		CHECK_EQ(p[i * PAGE], i % 2 ? 'a' : 'p');
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK(touch(p + PAGE, false, SIGSEGV, SEGV_MAPERR));
	READS(p);
	READS(p + 2 * PAGE);
	CHECK_EQ(munmap(p, 64 * PAGE), 0);
	CHECK_EQ(munmap(p, PAGE), 0);
	CHECK_FAILS(munmap(p + 1, PAGE), EINVAL);
	CHECK_FAILS(munmap(p, 0), EINVAL);
}

CASE(shared_anonymous, "shared anonymous memory is one memory after fork, in both directions")
{
	volatile int *p = (void *)anon(PAGE, RW, MAP_SHARED);
	pid_t pid = fork();

	if (pid == 0) {
		while (p[0] != 1)
			;
		p[1] = 2;
		CHILD_EXIT();
	}
	p[0] = 1;
	CHILD_OK(pid);
	CHECK_EQ(p[1], 2);
}

CASE(protection, "mprotect: faults have SEGV_ACCERR and the address; splits and gaps")
{
	char *p = anon(8 * PAGE, RW, MAP_PRIVATE);

	catch_faults();
	p[0] = p[3 * PAGE] = 'x';
	CHECK_EQ(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ), 0);
	CHECK(touch(p + 3 * PAGE + 5, true, SIGSEGV, SEGV_ACCERR));
	READS(p + 3 * PAGE);
	WRITES(p + PAGE);
	WRITES(p + 4 * PAGE);
	CHECK_EQ(mprotect(p, 8 * PAGE, PROT_NONE), 0);
	CHECK(touch(p, false, SIGSEGV, SEGV_ACCERR));
	CHECK_EQ(mprotect(p, 8 * PAGE, RW), 0);
	CHECK_EQ(p[3 * PAGE], 'x');
	WRITES(p + 3 * PAGE);
	munmap(p + 4 * PAGE, PAGE);
	CHECK_FAILS(mprotect(p, 8 * PAGE, PROT_READ), ENOMEM);
	CHECK(touch(p, true, SIGSEGV, SEGV_ACCERR)); /* what was before the gap is changed */
	CHECK_FAILS(mprotect(p + 1, PAGE, RW), EINVAL);
}

CASE(execute, "code runs from PROT_EXEC memory only; new code is seen after a change")
{
	static const unsigned char ret7[] = {0xb8, 7, 0, 0, 0, 0xc3};
	char *p = anon(PAGE, RW, MAP_PRIVATE);
	int (*f)(void) = (void *)p;

	catch_faults();
	memcpy(p, ret7, sizeof(ret7));
	fault_sig = 0;
	if (sigsetjmp(out_of_fault, 1) == 0)
		f();
	CHECK_EQ(fault_sig, SIGSEGV);
	CHECK_EQ(fault_code, SEGV_ACCERR);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(f(), 7);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	p[1] = 8;
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(f(), 8);
}

CASE(file_private, "a private file mapping sees the file, writes to itself only")
{
	char buf[8] = "";
	int fd = file_of("hello", 3 * PAGE);
	char *p = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);

	CHECK(memcmp(p, "hello", 6) == 0);
	p[0] = 'J';
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK_STR(buf, "hello");
	CHECK_EQ(pwrite(fd, "z", 1, PAGE), 1); /* not copied yet: seen */
	CHECK_EQ(p[PAGE], 'z');
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(p[0], 'J');
		p[1] = 'E';
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(p[1], 'e');
}

CASE(file_shared, "a shared file mapping and read/write are coherent, between processes too")
{
	char buf[8] = "";
	int fd = file_of("hello", 2 * PAGE);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);

	p[0] = 'J';
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK_STR(buf, "Jello");
	CHECK_EQ(pwrite(fd, "M", 1, 0), 1);
	CHECK_EQ(p[0], 'M');
	pid_t pid = fork();

	if (pid == 0) {
		p[PAGE] = 'c';
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(p[PAGE], 'c');
	CHECK_EQ(q[0], 'c');
	CHECK_EQ(msync(p, 2 * PAGE, MS_SYNC), 0);
	int ro = open("/proc/self/exe", O_RDONLY);

	CHECK_FAILS((long)mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
	CHECK_FAILS((long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 1), EINVAL);
	CHECK_FAILS((long)mmap(NULL, PAGE, RW, MAP_SHARED, 99, 0), EBADF);
	CHECK_FAILS((long)mmap(NULL, 0, RW, MAP_SHARED, fd, 0), EINVAL);
	char *r = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);

	CHECK_FAILS(mprotect(r, PAGE, RW), EACCES);
	CHECK(memcmp(r, "\177ELF", 4) == 0);
}

CASE(beyond_eof, "beyond the last page of the file is SIGBUS; the tail of that page is zero")
{
	int fd = file_of("x", 100);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);

	catch_faults();
	CHECK_EQ(p[PAGE - 1], 0);
	CHECK(touch(p + PAGE, false, SIGBUS, BUS_ADRERR));
	CHECK(touch(q + 2 * PAGE + 3, true, SIGBUS, BUS_ADRERR));
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	WRITES(p + 2 * PAGE);
	CHECK(touch(p + 3 * PAGE, true, SIGBUS, BUS_ADRERR));
}

CASE(truncated, "a file truncated under a mapping: SIGBUS there, the rest goes on")
{
	int fd = file_of("x", 8 * PAGE);
	char *p = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);
	char *q = mmap(NULL, 8 * PAGE, RW, MAP_PRIVATE, fd, 0);

	catch_faults();
	for (int i = 0; i < 8; i++) {
		WRITES(p + i * PAGE);
		READS(q + i * PAGE);
	}
	WRITES(q);
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	READS(p + PAGE);
	CHECK(touch(p + 2 * PAGE, false, SIGBUS, BUS_ADRERR));
	CHECK(touch(p + 7 * PAGE + 9, true, SIGBUS, BUS_ADRERR));
	CHECK(touch(q + 5 * PAGE, false, SIGBUS, BUS_ADRERR));
	WRITES(p);
	CHECK_EQ(ftruncate(fd, 8 * PAGE), 0);
	CHECK_EQ(p[5 * PAGE], 0);
	/* the same by another process, while this one runs in the mapping */
	pid_t pid = fork();

	if (pid == 0) {
		abi_sleep_ms(30);
		CHECK_EQ(ftruncate(fd, 0), 0);
		CHILD_EXIT();
	}
	fault_sig = 0;
	if (sigsetjmp(out_of_fault, 1) == 0)
		for (;;)
			((volatile char *)p)[6 * PAGE]++;
	CHECK_EQ(fault_sig, SIGBUS);
	CHILD_OK(pid);
}

CASE(fixed, "MAP_FIXED replaces, MAP_FIXED_NOREPLACE refuses, a hint is only a hint")
{
	char *p = anon(4 * PAGE, RW, MAP_PRIVATE);

	memset(p, 'a', 4 * PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[2 * PAGE], 'a');
	CHECK_FAILS((long)mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		    EEXIST);
	CHECK(mmap(p, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != p);
	CHECK_FAILS((long)mmap(p + 1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		    EINVAL);
	CHECK_FAILS((long)mmap((void *)(1ul << 47), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			       -1, 0),
		    ENOMEM);
}

CASE(remap, "mremap grows in place or moves, keeps content, shrinks; MREMAP_FIXED")
{
	char *p = anon(4 * PAGE, RW, MAP_PRIVATE), *q, *at;

	catch_faults();
	memset(p, 'a', 4 * PAGE);
	q = mremap(p, 4 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(q != MAP_FAILED);
	CHECK_EQ(q[4 * PAGE - 1], 'a');
	CHECK_EQ(q[4 * PAGE], 0);
	WRITES(q + 599 * PAGE);
	CHECK(mremap(q, 600 * PAGE, PAGE, 0) == q);
	CHECK(touch(q + PAGE, false, SIGSEGV, SEGV_MAPERR));
	at = anon(8 * PAGE, PROT_NONE, MAP_PRIVATE);
	CHECK(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at);
	CHECK_EQ(at[5], 'a');
	CHECK(touch(q, false, SIGSEGV, SEGV_MAPERR));
	char *full = anon(2 * PAGE, RW, MAP_PRIVATE);

	CHECK_FAILS((long)mremap(full, PAGE, 2 * PAGE, 0), ENOMEM);
	int fd = file_of("file", 4 * PAGE);
	char *f = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);

	f = mremap(f, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	REQUIRE(f != MAP_FAILED);
	CHECK(memcmp(f, "file", 4) == 0);
	f[3 * PAGE] = 'e';
	char c;

	CHECK_EQ(pread(fd, &c, 1, 3 * PAGE), 1);
	CHECK_EQ(c, 'e');
}

CASE(advise, "MADV_DONTNEED gives zeros, and the file again where one is mapped")
{
	char *p = anon(4 * PAGE, RW, MAP_PRIVATE);
	int fd = file_of("file", PAGE);
	char *f = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);

	memset(p, 'a', 4 * PAGE);
	CHECK_EQ(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(p[0], 'a');
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(p[3 * PAGE], 'a');
	f[0] = 'X';
	CHECK_EQ(madvise(f, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(f[0], 'f');
	char *s = anon(PAGE, RW, MAP_SHARED);

	s[0] = 's';
	CHECK_EQ(madvise(s, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(s[0], 's');
	CHECK_FAILS(madvise(p, PAGE, 9999), EINVAL);
	munmap(p, 4 * PAGE);
	CHECK_FAILS(madvise(p, PAGE, MADV_DONTNEED), ENOMEM);
}

CASE(terabyte, "a terabyte is reserved, and a page of it used")
{
	size_t len = 1ul << 40;
	char *p = mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	REQUIRE(p != MAP_FAILED);
	p[len / 2] = 'x';
	p[len - 1] = 'y';
	CHECK_EQ(p[0], 0);
	CHECK_EQ(p[len / 2], 'x');
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(p[len - 1], 'y');
		CHILD_EXIT();
	}
	CHILD_OK(pid);
	CHECK_EQ(munmap(p, len), 0);
}

static int pipe_fds[2];
static char *landing;

static void *blocked_read(void *arg)
{
	CHECK_EQ(read(pipe_fds[0], landing, 5), 5);
	return arg;
}

CASE(read_across_fork, "a thread blocked in read while its process forks: the child gets no data")
{
	pthread_t t;
	char *shared = anon(PAGE, RW, MAP_SHARED);

	for (int round = 0; round < 20; round++) {
		landing = anon(PAGE, RW, MAP_PRIVATE);
		memcpy(landing, "old", 4);
		REQUIRE(pipe(pipe_fds) == 0);
		shared[0] = 0;
		pthread_create(&t, NULL, blocked_read, NULL);
		abi_sleep_ms(5);
		pid_t pid = fork();

		if (pid == 0) {
			while (!((volatile char *)shared)[0])
				abi_sleep_ms(1);
			CHECK_STR(landing, "old");
			CHILD_EXIT();
		}
		CHECK_EQ(write(pipe_fds[1], "data", 5), 5);
		pthread_join(t, NULL);
		CHECK_STR(landing, "data");
		shared[0] = 1;
		CHILD_OK(pid);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
	}
}

static void *read_into_gap(void *arg)
{
	errno = 0;
	*(long *)arg = read(pipe_fds[0], landing, 5);
	return NULL;
}

CASE(read_across_munmap, "memory unmapped under a blocked read: EFAULT or 5, never elsewhere")
{
	pthread_t t;
	long r = 0;

	landing = anon(PAGE, RW, MAP_PRIVATE);
	REQUIRE(pipe(pipe_fds) == 0);
	landing[0] = 1;
	pthread_create(&t, NULL, read_into_gap, &r);
	abi_sleep_ms(30);
	munmap(landing, PAGE);
	char *other = anon(64 * PAGE, RW, MAP_PRIVATE);

	for (int i = 0; i < 64; i++)
		other[i * PAGE] = 'o';
	if (other <= landing && landing < other + 64 * PAGE)
		SKIP("the new mapping covers the old address");
	CHECK_EQ(write(pipe_fds[1], "data", 5), 5);
	pthread_join(t, NULL);
	CHECK(r == 5 || r == -1);
	for (int i = 0; i < 64; i++)
		CHECK_EQ(other[i * PAGE], 'o');
}

CASE(read_into_cow, "read into memory shared by fork copies it first; into read-only is EFAULT")
{
	char *p = anon(2 * PAGE, RW, MAP_PRIVATE);
	int fd = file_of("data", PAGE);

	memset(p, 'o', 2 * PAGE);
	pid_t pid = fork();

	if (pid == 0) {
		abi_sleep_ms(50);
		CHECK_EQ(p[0], 'o');
		CHILD_EXIT();
	}
	CHECK_EQ(pread(fd, p, 4, 0), 4);
	CHECK(memcmp(p, "data", 4) == 0);
	CHILD_OK(pid);
	mprotect(p, PAGE, PROT_READ);
	CHECK_FAILS(pread(fd, p, 4, 0), EFAULT);
	CHECK_EQ(pread(fd, p + PAGE, 4, 0), 4);
}

CASE(break_, "brk grows and shrinks; a new page is zero")
{
	char *p = sbrk(0);

	CHECK(sbrk(3 * PAGE) == p);
	memset(p, 'b', 3 * PAGE);
	CHECK(sbrk(0) == p + 3 * PAGE);
	CHECK_EQ(brk(p + PAGE), 0);
	CHECK_EQ(brk(p + 3 * PAGE), 0);
	CHECK_EQ(p[PAGE + PAGE], 0);
	CHECK_FAILS(brk((void *)-PAGE), ENOMEM);
}

static char *shared_page;
static volatile bool stop_writing;

static void *keep_writing(void *arg)
{
	while (!stop_writing)
		++*(volatile long *)shared_page;
	return arg;
}

CASE(fork_under_writers, "fork while a thread writes: parent and child part cleanly, 50 times")
{
	pthread_t t;

	shared_page = anon(PAGE, RW, MAP_PRIVATE);
	pthread_create(&t, NULL, keep_writing, NULL);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0) { /* no writer here: the value stands still */
			long a = *(volatile long *)shared_page;

			for (volatile int j = 0; j < 20000; j++)
				;
			CHECK_EQ(*(volatile long *)shared_page, a);
			CHILD_EXIT();
		}
		CHILD_OK(pid);
	}
	stop_writing = true;
	pthread_join(t, NULL);
}

static void *remap_loop(void *arg)
{
	while (!stop_writing) {
		char *p = mmap(shared_page, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		if (p != shared_page)
			_exit(3);
	}
	return arg;
}

CASE(stale_translations, "after munmap by one thread another never reads the old page")
{
	pthread_t t;

	catch_faults();
	shared_page = anon(PAGE, RW, MAP_PRIVATE);
	pthread_create(&t, NULL, remap_loop, NULL);
	for (int i = 0; i < 3000; i++) {
		volatile long *v = (void *)shared_page;

		*v = i;
		long got = *v;

		if (got != i && got != 0) {
			CHECK_EQ(got, i);
			break;
		}
	}
	stop_writing = true;
	pthread_join(t, NULL);
	for (int i = 0; i < 500; i++) { /* and alone: exactly zero after each replacement */
		char *p = anon(PAGE, RW, MAP_PRIVATE);

		p[0] = 'x';
		munmap(p, PAGE);
		p = anon(PAGE, RW, MAP_PRIVATE);
		if (!CHECK_EQ(p[0], 0))
			break;
		p[0] = 'y';
		munmap(p, PAGE);
		CHECK(touch(p, false, SIGSEGV, SEGV_MAPERR));
	}
}

CASE(grows_down, "the stack grows by itself; mincore and mlock answer; getauxval tells the vDSO")
{
	volatile char big[512 * 1024];
	unsigned char vec[2];
	char *p = anon(2 * PAGE, RW, MAP_PRIVATE);

	big[0] = 1;
	p[0] = big[0];
	CHECK_EQ(mincore(p, 2 * PAGE, vec), 0);
	CHECK_EQ(vec[0] & 1, 1);
	CHECK_EQ(mlock(p, PAGE), 0);
	CHECK_EQ(munlock(p, PAGE), 0);
	CHECK_EQ(getauxval(AT_PAGESZ), PAGE);
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);

	CHECK(vdso && memcmp(vdso, "\177ELF", 4) == 0);
	CHECK(getauxval(AT_RANDOM) != 0);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
}

CASE(memfd, "memfd_create: a file without a name, shared by mapping; seals hold")
{
	int fd = memfd_create("husk", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0);
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), buf[4] = "";

	memcpy(p, "abc", 3);
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
	CHECK_STR(buf, "abc");
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	CHECK_FAILS(ftruncate(fd, 0), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
}
