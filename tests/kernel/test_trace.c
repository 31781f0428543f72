/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a traced system call looks like, and that nothing which the guest writes looks like more. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/trace_text.h"
#include "tests/base/check.h"

/* ---- a guest's memory ---------------------------------------------------------------------------- */

#define BASE 0x10000UL

static struct {
	struct user_memory user;
	char bytes[4096]; /* at BASE; there is nothing else */
	size_t used;
} guest;

static int guest_copy_in(struct user_memory *u, void *dst, uint64_t src, size_t n)
{
	if (src < BASE || src - BASE > sizeof(guest.bytes) ||
	    n > sizeof(guest.bytes) - (src - BASE))
		return -EFAULT;
	memcpy(dst, guest.bytes + (src - BASE), n);
	return 0;
}

static ssize_t guest_copy_in_str(struct user_memory *u, char *dst, uint64_t src, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		if (guest_copy_in(u, dst + i, src + i, 1) < 0)
			return -EFAULT;
		if (!dst[i])
			return i;
	}
	return -ENAMETOOLONG;
}

static const struct user_memory_ops guest_ops = {.copy_in = guest_copy_in,
						 .copy_in_str = guest_copy_in_str};

static uint64_t put(const void *data, size_t n)
{
	uint64_t addr = BASE + guest.used;

	memcpy(guest.bytes + guest.used, data, n);
	guest.used += n;
	return addr;
}

static uint64_t put_string(const char *s)
{
	return put(s, strlen(s) + 1);
}

/* ---- one line ------------------------------------------------------------------------------------ */

static struct trace_text line;

static const char *trace(long nr, long result, bool returns, const uint64_t args[6])
{
	trace_text_begin(&line, nr, args);
	trace_text_end(&line, result, returns, 1002003);
	guest.used = 0;
	return line.text;
}

#define TRACE(nr, result, ...) trace(nr, result, true, (const uint64_t[6]){__VA_ARGS__})

/* What it is must be what it should be, and both are said if it is not. */
static bool is(const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fprintf(stderr, "got:  %s\nwant: %s\n", got, want);
	return strcmp(got, want) == 0;
}

static void arguments(void)
{
	CHECK(is(TRACE(SYS_openat, 3, (uint32_t)AT_FDCWD, put_string("/etc/passwd"), 0x80241, 0644),
		 "openat(AT_FDCWD, \"/etc/passwd\", 0x80241, 0644) = 3 <0.001002>"));
	CHECK(is(TRACE(SYS_openat, -ENOENT, 5, put_string(""), 0, 0),
		 "openat(5, \"\", 0, 0) = -1 ENOENT <0.001002>"));
	CHECK(is(TRACE(SYS_lseek, -EINVAL, -1, -7, 2), "lseek(-1, -7, 2) = -1 EINVAL <0.001002>"));
	CHECK(is(TRACE(SYS_kill, 0, 7, 15), "kill(7, SIGTERM) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_kill, 0, -1, 0), "kill(-1, 0) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_kill, 0, 7, 35), "kill(7, SIG35) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_getpid, 1, 9, 9), "getpid() = 1 <0.001002>"));
	/* Only 32 bits of an int count. */
	CHECK(is(TRACE(SYS_close, 0, 0x100000003), "close(3) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_munmap, 0, 0x7f0000001000, 1UL << 40),
		 "munmap(0x7f0000001000, 1099511627776) = 0 <0.001002>"));
	/* No letters: rseq is not implemented, 511 is no system call at all, nor is -1. */
	CHECK(is(TRACE(SYS_rseq, -ENOSYS, 1, 0, 3, 4, 5, 6),
		 "rseq(0x1, NULL, 0x3, 0x4, 0x5, 0x6) = -1 ENOSYS <0.001002>"));
	CHECK(is(TRACE(511, -ENOSYS, 0),
		 "syscall_511(NULL, NULL, NULL, NULL, NULL, NULL) = -1 ENOSYS <0.001002>"));
	CHECK(is(TRACE(-1, -ENOSYS, 0),
		 "syscall_-1(NULL, NULL, NULL, NULL, NULL, NULL) = -1 ENOSYS <0.001002>"));
}

static void results(void)
{
	CHECK(is(TRACE(SYS_brk, 0x555500000000, 0), "brk(NULL) = 0x555500000000 <0.001002>"));
	CHECK(is(TRACE(SYS_mmap, -ENOMEM, 0, 4096, 3, 0x22, -1, 0),
		 "mmap(NULL, 4096, 0x3, 0x22, -1, 0) = -1 ENOMEM <0.001002>"));
	CHECK(is(TRACE(SYS_umask, 022, 077), "umask(077) = 022 <0.001002>"));
	CHECK(is(TRACE(SYS_pause, -ERESTARTNOHAND, 0), "pause() = ? ERESTARTNOHAND <0.001002>"));
	CHECK(is(trace(SYS_exit_group, 0, false, (const uint64_t[6]){3}),
		 "exit_group(3) = ? <0.001002>"));
	/* An errno that no libc knows is still a number. */
	CHECK(is(TRACE(SYS_getpid, -4000, 0), "getpid() = -4000 <0.001002>"));
	/* Nor is a register that a handler's return brings back one, whatever its lower half is. */
	CHECK(is(TRACE(SYS_rt_sigreturn, -0x100000002, 0),
		 "rt_sigreturn() = -4294967298 <0.001002>"));
}

static void strings(void)
{
	char many[TRACE_STRING_MAX + 2], want[256];
	uint64_t end = BASE + sizeof(guest.bytes) - 3;

	/* No line, no quote and no terminal sequence of the guest's gets out. */
	CHECK(is(TRACE(SYS_chdir, 0, put_string("a\nb\"c\\d\t\033[1m\177\377")),
		 "chdir(\"a\\nb\\\"c\\\\d\\011\\033[1m\\177\\377\") = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_chdir, -EFAULT, 0), "chdir(NULL) = -1 EFAULT <0.001002>"));
	CHECK(is(TRACE(SYS_chdir, -EFAULT, 0xdead), "chdir(0xdead) = -1 EFAULT <0.001002>"));
	CHECK(is(TRACE(SYS_chdir, -EFAULT, ~0UL),
		 "chdir(0xffffffffffffffff) = -1 EFAULT <0.001002>"));
	/* At the end of what is mapped: with its NUL, and without. */
	memcpy(guest.bytes + sizeof(guest.bytes) - 3, "xy", 3);
	CHECK(is(TRACE(SYS_chdir, 0, end), "chdir(\"xy\") = 0 <0.001002>"));
	memcpy(guest.bytes + sizeof(guest.bytes) - 3, "xyz", 3);
	CHECK(is(TRACE(SYS_chdir, -EFAULT, end), "chdir(0x10ffd) = -1 EFAULT <0.001002>"));
	/* As long as is shown, and one more. */
	memset(many, 'm', sizeof(many));
	many[TRACE_STRING_MAX] = '\0';
	snprintf(want, sizeof(want), "chdir(\"%.64s\") = 0 <0.001002>", many);
	CHECK(is(TRACE(SYS_chdir, 0, put_string(many)), want));
	many[TRACE_STRING_MAX] = 'm';
	many[TRACE_STRING_MAX + 1] = '\0';
	snprintf(want, sizeof(want), "chdir(\"%.64s\"...) = 0 <0.001002>", many);
	CHECK(is(TRACE(SYS_chdir, 0, put_string(many)), want));
}

static void data(void)
{
	char many[100], want[256];

	CHECK(is(TRACE(SYS_write, 3, 1, put("a\0b", 3), 3),
		 "write(1, \"a\\000b\", 3) = 3 <0.001002>"));
	CHECK(is(TRACE(SYS_write, -EFAULT, 1, 0xdead, 3),
		 "write(1, 0xdead, 3) = -1 EFAULT <0.001002>"));
	CHECK(is(TRACE(SYS_write, 0, 1, 0, 0), "write(1, NULL, 0) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_read, 2, 0, put("hi, but not this", 17), 17),
		 "read(0, \"hi\", 17) = 2 <0.001002>"));
	CHECK(is(TRACE(SYS_read, 0, 0, put("no", 3), 3), "read(0, \"\", 3) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_read, -EIO, 0, BASE, 3), "read(0, 0x10000, 3) = -1 EIO <0.001002>"));
	/* More than the buffer has, as MSG_TRUNC and a getxattr() of size 0 answer. */
	CHECK(is(TRACE(SYS_recvfrom, 9, 4, BASE, 3, 0x20),
		 "recvfrom(4, 0x10000, 3, 0x20, NULL, NULL) = 9 <0.001002>"));
	memset(many, 'd', sizeof(many));
	snprintf(want, sizeof(want), "write(1, \"%.64s\"..., 100) = 100 <0.001002>", many);
	CHECK(is(TRACE(SYS_write, 100, 1, put(many, 100), 100), want));
}

/* What a call answers is looked at behind it, and what it is given, before. */
static void order(void)
{
	const uint64_t read_args[6] = {0, BASE, 4}, chdir_args[6] = {BASE};

	memcpy(guest.bytes, "old", 4);
	trace_text_begin(&line, SYS_read, read_args);
	memcpy(guest.bytes, "new", 4);
	trace_text_end(&line, 3, true, 0);
	CHECK(is(line.text, "read(0, \"new\", 4) = 3 <0.000000>"));
	trace_text_begin(&line, SYS_chdir, chdir_args);
	memcpy(guest.bytes, "bad", 4);
	trace_text_end(&line, 0, true, 2 * 1000000000UL);
	CHECK(is(line.text, "chdir(\"new\") = 0 <2.000000>"));
}

static void vectors(void)
{
	uint64_t path = put_string("/bin/a"), b = put_string("b\n");
	uint64_t v[TRACE_VECTOR_MAX + 2] = {path, b};

	CHECK(is(TRACE(SYS_execve, 0, path, put(v, 3 * sizeof(v[0])), 0xe0),
		 "execve(\"/bin/a\", [\"/bin/a\", \"b\\n\"], 0xe0) = 0 <0.001002>"));
	v[0] = 0;
	guest.used = 64; /* behind the strings */
	CHECK(is(TRACE(SYS_execve, 0, 0xdead, put(v, sizeof(v[0])), 0),
		 "execve(0xdead, [], NULL) = 0 <0.001002>"));
	CHECK(is(TRACE(SYS_execve, -EFAULT, 0, 0xbad, 0),
		 "execve(NULL, 0xbad, NULL) = -1 EFAULT <0.001002>"));
	/* No end: at the end of memory, and at all. */
	memcpy(guest.bytes + sizeof(guest.bytes) - sizeof(b), &b, sizeof(b));
	memcpy(guest.bytes + (b - BASE), "b", 2);
	CHECK(is(TRACE(SYS_execve, -EFAULT, 0, BASE + sizeof(guest.bytes) - sizeof(b), 0),
		 "execve(NULL, [\"b\", 0x11000], NULL) = -1 EFAULT <0.001002>"));
	for (unsigned i = 0; i < TRACE_VECTOR_MAX + 1; i++)
		v[i] = b;
	guest.used = 64;
	CHECK(is(TRACE(SYS_execve, 0, 0, put(v, sizeof(v)), 0),
		 "execve(NULL, [\"b\", \"b\", \"b\", \"b\", \"b\", \"b\", \"b\", \"b\", ...], NULL)"
		 " = 0 <0.001002>"));
}

/* The longest there can be: a string is never cut in two, and the result is always there. */
static void longest(void)
{
	static const char tail[] = "\"..., ...) = -1 E2BIG <0.001002>";
	uint64_t v[TRACE_VECTOR_MAX], s;
	char controls[TRACE_STRING_MAX + 2];

	memset(controls, '\001', sizeof(controls) - 1);
	controls[sizeof(controls) - 1] = '\0';
	s = put_string(controls);
	for (unsigned i = 0; i < TRACE_VECTOR_MAX; i++)
		v[i] = s;
	TRACE(SYS_execve, -E2BIG, s, put(v, sizeof(v)), 0);
	CHECK(line.len == strlen(line.text));
	CHECK(line.len > sizeof(tail) && is(line.text + line.len - (sizeof(tail) - 1), tail));
}

/* However much room the arguments leave. */
static void nearly_longest(void)
{
	static const char tail[] = ") = -1 E2BIG <0.001002>";
	char controls[TRACE_STRING_MAX + 1] = "", path[] = "123";
	uint64_t v[5] = {0};

	memset(controls, '\001', TRACE_STRING_MAX);
	for (unsigned n = 0; n < 4 * TRACE_STRING_MAX; n++) {
		v[0] = v[1] = v[2] = put_string(controls);
		v[3] = put_string(controls + n / 4);
		TRACE(SYS_execve, -E2BIG, put_string(path + n % 4), put(v, sizeof(v)), 0);
		CHECK(is(line.text + line.len - (sizeof(tail) - 1), tail));
	}
}

#define LETTERS "dflmpzxgsvio"

/* Each letter of the table is one that is documented, and 'i' and 'o' have a size behind them. */
static void table(void)
{
	for (long nr = 0; nr < SYSCALL_LIMIT; nr++) {
		const char *letters = syscall_arguments(nr);
		size_t n = letters ? strcspn(letters, "=") : 0;
		bool good;

		if (!letters)
			continue;
		good = n <= 6 && strspn(letters, LETTERS) == n &&
		       (!letters[n] || strlen(letters + n) == 2);
		if (!good)
			fprintf(stderr, "%s: \"%s\"\n", syscall_name(nr), letters);
		CHECK(good);
		for (size_t i = 0; i < n; i++)
			CHECK((letters[i] != 'i' && letters[i] != 'o') || letters[i + 1] == 'z');
		CHECK(syscall_number(syscall_name(nr)) == nr);
	}
	CHECK(syscall_number("no_such_call") == -ENOENT);
	CHECK(syscall_number("") == -ENOENT);
}

int main(void)
{
	guest.user.ops = &guest_ops;
	user_memory_use(&guest.user);
	arguments();
	results();
	strings();
	data();
	order();
	vectors();
	longest();
	nearly_longest();
	table();
	return check_done();
}
