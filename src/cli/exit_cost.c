/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/exit_cost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/safecopy.h"

#define CODE 0x400000UL
#define ROUNDS 500

/* What the child says through the pipe. */
struct answer {
	int error;
	uint64_t ns;
	char message[200];
};

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int measure(struct platform *p, uint64_t *ns)
{
	static const uint8_t loop[] = {0x0f, 0x05, 0xeb, 0xfc}; /* 1: syscall; jmp 1b */
	struct user_regs_struct regs = {.rip = CODE, .eflags = 0x202};
	uint64_t took[ROUNDS];
	struct address_space *as;
	struct context *c;
	frame_t f;
	int r = memory_alloc(platform_memory(p), 1, MEMORY_SYSTEM, &f);

	if (r == 0)
		r = platform_new_address_space(p, 0, &as);
	if (r == 0)
		r = platform_new_context(p, &c);
	if (r < 0)
		return r;
	memcpy(memory_ptr(platform_memory(p), f), loop, sizeof(loop));
	r = address_space_map(as, CODE, f, 1, ACCESS_READ | ACCESS_EXEC, false);
	for (unsigned i = 0; r == 0 && i < ROUNDS; i++) {
		uint64_t begin = clock_now_ns(CLOCK_MONOTONIC);
		struct switch_event ev;

		context_switch(c, as, &regs, -1, &ev);
		took[i] = clock_now_ns(CLOCK_MONOTONIC) - begin;
		if (ev.reason != SWITCH_SYSCALL)
			r = -EIO;
	}
	if (r < 0)
		return r;
	qsort(took, ROUNDS, sizeof(*took), by_size);
	*ns = took[ROUNDS / 2];
	return 0;
}

_Noreturn static void child(enum platform_kind kind, int out)
{
	struct platform_config cfg = {.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC)};
	struct error err = ERROR_INIT;
	struct answer a = {0};
	struct platform *p;

	if (cfg.kvm_fd < 0)
		cfg.kvm_fd = -errno;
	hostcall_init();
	safecopy_init();
	a.error = platform_new(kind, &cfg, &p, &err);
	if (a.error == 0)
		a.error = measure(p, &a.ns);
	if (a.error < 0)
		strncpy(a.message, err.msg ? err.msg : "the measurement failed",
			sizeof(a.message) - 1);
	_exit(write(out, &a, sizeof(a)) == sizeof(a) ? 0 : 1);
}

int exit_cost(enum platform_kind kind, uint64_t *ns, struct error *err)
{
	cleanup_close int in = -1, out = -1;
	struct answer a = {0};
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(err, -errno, "pipe");
	in = fds[0], out = fds[1];
	pid = fork();
	if (pid < 0)
		return error_errno(err, -errno, "fork");
	if (pid == 0)
		child(kind, out);
	if (close(fds[1]) == 0)
		out = -1;
	if (read(in, &a, sizeof(a)) != sizeof(a))
		a.error = -EIO, strcpy(a.message, "the self-test ended without a result");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	a.message[sizeof(a.message) - 1] = '\0';
	if (a.error < 0)
		return error_set(err, a.error, "%s", a.message);
	*ns = a.ns;
	return 0;
}
