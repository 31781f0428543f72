/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The start-up self-test: is a system call stopped before it is one, and is a fault what it was?
 * Some hosts forbid half of what this platform needs (a seccomp filter around us, a security
 * module), or are themselves machines that show exceptions differently.
 */
#include "platform/ptrace/ptrace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define CODE 0x400000UL
#define DATA 0x500000UL

/* mov $39,%eax; syscall; mov %al,(%rdi); mov (%rdi),%al; jmp *%rdi; int1 */
static const uint8_t program[] = {0xb8, 39, 0, 0, 0,	0x0f, 0x05, 0x88,
				  0x07, 0x8a, 0x07, 0xff, 0xe7, 0xf1};
enum { AFTER_CALL = 7, WRITE = 7, READ = 9, JUMP = 11, INT1 = 13 };

struct scene {
	struct traced *p;
	struct context *c;
	struct address_space *as;
	frame_t frame;
};

static void step(struct scene *s, unsigned at, struct user_regs_struct *u, struct switch_event *ev)
{
	*u = (struct user_regs_struct){.rip = CODE + at, .rsp = DATA, .rdi = DATA, .eflags = 0x202};
	context_switch(s->c, s->as, u, -1, ev);
}

static bool faults_as(struct scene *s, unsigned at, unsigned access)
{
	struct user_regs_struct u;
	struct switch_event ev;

	step(s, at, &u, &ev);
	return ev.reason == SWITCH_SIGNAL && ev.page_fault && ev.addr == DATA &&
	       ev.access == access && u.rip == (access == ACCESS_EXEC ? DATA : CODE + at);
}

static int play(struct scene *s, struct error *err)
{
	struct user_regs_struct u;
	struct switch_event ev;

	step(s, 0, &u, &ev);
	if (ev.reason != SWITCH_SYSCALL || u.orig_rax != 39 || u.rip != CODE + AFTER_CALL)
		return error_set(err, -ENOTSUP,
				 "ptrace: self-test: a system call is not stopped (%s)",
				 ev.fatal ? ev.fatal : "PTRACE_SYSEMU does something else");
	if (!faults_as(s, WRITE, ACCESS_WRITE) || !faults_as(s, READ, ACCESS_READ) ||
	    !faults_as(s, JUMP, ACCESS_EXEC))
		return error_set(err, -ENOTSUP, "ptrace: self-test: a fault is not what it was");
	step(s, INT1, &u, &ev);
	if (ev.reason != SWITCH_SIGNAL || ev.signo != SIGTRAP)
		return error_set(err, -ENOTSUP, "ptrace: self-test: INT1 is no trap");
	s->p->int1_stays = u.rip == CODE + INT1;
	return 0;
}

int traced_selftest(struct traced *p, struct error *err)
{
	struct scene s = {.p = p};
	int r = memory_alloc(p->base.memory, 1, MEMORY_SYSTEM, &s.frame);

	if (r == 0)
		r = platform_new_address_space(&p->base, 0, &s.as);
	if (r == 0)
		r = platform_new_context(&p->base, &s.c);
	if (r == 0) {
		memcpy(memory_ptr(p->base.memory, s.frame), program, sizeof(program));
		r = address_space_map(s.as, CODE, s.frame, 1, ACCESS_READ | ACCESS_EXEC, false);
	}
	r = r < 0 ? error_errno(err, r, "ptrace: self-test: make a stub") : play(&s, err);
	context_release(s.c);
	address_space_release(s.as, 0);
	if (s.frame)
		memory_unref(p->base.memory, s.frame, 1);
	return r;
}
