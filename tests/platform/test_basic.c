/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls, registers both ways, access rights, interruption: the everyday paths. */
#include "guest.h"

#include <pthread.h>
#include <signal.h>

BLOB(loop, "1: mov %rbx,%rax\n inc %rbx\n syscall\n jmp 1b");

static void syscalls_and_registers(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, loop);
	struct context *c = test_context(p);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	regs.r12 = 0x1122334455667788;
	regs.fs_base = 0x12345000;
	regs.gs_base = 0x7ffffffde000;
	for (unsigned i = 0; i < 1000; i++) {
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == i && regs.rbx == i + 1,
		      "reason %d signal %d rip %llx", ev.reason, ev.signo, regs.rip);
		CHECK(regs.rip == CODE + 8 && regs.rcx == regs.rip && regs.rsp == STACK + 4032);
		CHECK(regs.r12 == 0x1122334455667788 && regs.fs_base == 0x12345000);
		CHECK(regs.gs_base == 0x7ffffffde000 && regs.cs == 0x33 && regs.ss == 0x2b);
		regs.rax = 0;
	}
	context_release(c);
	address_space_release(as, 0);
}

BLOB(touch, "mov (%rdi),%rax\n syscall\n"
	    ".balign 64\n mov %rax,(%rdi)\n syscall\n"
	    ".balign 64\n jmp *%rdi\n");

struct touch_result {
	bool fault;
	struct switch_event ev;
};

static struct touch_result run_touch(struct context *c, struct address_space *as, unsigned access,
				     uint64_t addr)
{
	struct user_regs_struct regs = test_regs();
	struct touch_result t = {0};

	regs.rip = CODE + (access == ACCESS_READ ? 0 : access == ACCESS_WRITE ? 64 : 128);
	regs.rdi = addr;
	regs.rax = 0x050f; /* what is written is a SYSCALL instruction */
	context_switch(c, as, &regs, -1, &t.ev);
	CHECK(t.ev.reason == SWITCH_SYSCALL || t.ev.reason == SWITCH_SIGNAL, "%d", t.ev.reason);
	t.fault = t.ev.reason == SWITCH_SIGNAL;
	if (t.fault) {
		CHECK(t.ev.page_fault && t.ev.signo == SIGSEGV && t.ev.trapno == 14);
		CHECK(t.ev.addr == addr && t.ev.access == access, "addr %lx access %u", t.ev.addr,
		      t.ev.access);
		CHECK(regs.rip == (access == ACCESS_EXEC ? addr : CODE + (access - 1) * 64));
	}
	return t;
}

static void access_rights(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, touch);
	struct context *c = test_context(p);
	frame_t f = test_frames(p, 1);
	static const unsigned set[] = {0,
				       ACCESS_READ,
				       ACCESS_READ | ACCESS_WRITE,
				       ACCESS_READ | ACCESS_EXEC,
				       ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC};

	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 5; i++) {
			/* From any set of rights to any other, and through 'nothing' or not. */
			unsigned k = (i * (round % 4 + 1)) % 5;

			memcpy(test_ptr(p, f), "\x0f\x05", 2);
			CHECK(address_space_map(as, DATA, f, 1, set[k], false) == 0);
			for (unsigned a = 1; a <= 4; a <<= 1) {
				struct touch_result t = run_touch(c, as, a, DATA);

				CHECK(t.fault == !(set[k] & a), "rights %u access %u", set[k], a);
			}
			if (round & 1)
				address_space_unmap(as, 0, platform_caps(p)->max_user_address);
			if (round & 1) {
				CHECK(run_touch(c, as, ACCESS_EXEC, CODE + 128).fault);
				address_space_release(as, 0);
				as = TEST_SPACE(p, touch);
			}
		}
	}
	CHECK(run_touch(c, as, ACCESS_READ, 0xffff800000000000).fault);
	CHECK(run_touch(c, as, ACCESS_WRITE, 0xffff800000010000).fault);
	CHECK(run_touch(c, as, ACCESS_EXEC, 0xffff800000003000).fault);
	/* Where Linux has its vsyscall page, the host's must not be seen. */
	for (uint64_t k = 0; k < 3; k++)
		CHECK(run_touch(c, as, ACCESS_EXEC, 0xffffffffff600000 + k * 1024).fault);
	CHECK(run_touch(c, as, ACCESS_READ, 0xffffffffff600000).fault);
	context_release(c);
	address_space_release(as, 0);
}

static void bad_rip(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, touch);
	struct context *c = test_context(p);
	static const uint64_t bad[] = {0x7ffffffff000, 0x800000000000, 0xffff800000002000, -1UL};

	for (unsigned i = 0; i < 4; i++) {
		struct user_regs_struct regs = test_regs();
		struct switch_event ev;

		regs.rip = bad[i];
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == SIGSEGV && !ev.page_fault);
	}
	context_release(c);
	address_space_release(as, 0);
}

static void interrupt_before(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, loop);
	struct context *c = test_context(p);
	struct user_regs_struct regs = test_regs(), before = regs;
	struct switch_event ev;

	for (int i = 0; i < 100; i++) {
		context_interrupt(c);
		context_interrupt(c);
		before = regs;
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_INTERRUPT && regs.rip == before.rip);
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == (unsigned)i);
	}
	context_release(c);
	address_space_release(as, 0);
}

/* ---- counters -------------------------------------------------------------------------------- */

static void exact_counters(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, loop), *t = TEST_SPACE(p, touch);
	struct platform_stats before, after;
	struct context *c = test_context(p);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;
	uint64_t reasons = 0;
	char want[64], *json;

	platform_stats(p, &before);
	for (unsigned i = 0; i < 100; i++)
		context_switch(c, as, &regs, -1, &ev);
	for (unsigned i = 0; i < 7; i++)
		CHECK(run_touch(c, t, ACCESS_READ, DATA).fault);
	context_interrupt(c);
	context_switch(c, as, &regs, -1, &ev);
	address_space_unmap(as, CODE, PAGE_SIZE);
	platform_stats(p, &after);
	CHECK(after.syscalls - before.syscalls == 100);
	CHECK(after.faults - before.faults == 7 && after.page_faults - before.page_faults == 7);
	CHECK(after.interrupts - before.interrupts == 1);
	CHECK(after.unmaps - before.unmaps == 1 && after.maps == before.maps);
	CHECK(after.spaces == 2 && after.fatal == 0);
	for (unsigned i = 0; i < PLATFORM_REASONS; i++) {
		CHECK(!after.reason[i] || platform_reason_name(p, i), "reason %u has no name", i);
		reasons += after.reason[i];
	}
	CHECK(platform_reason_name(p, PLATFORM_REASONS) == NULL);
	CHECK(test_on_ptrace() || reasons == after.exits, "%lu reasons for %lu exits", reasons,
	      after.exits);

	json = platform_stats_json(p);
	CHECK(json && json[0] == '{' && !strcmp(strchr(json, '\0') - 2, "}}"));
	snprintf(want, sizeof(want), "\"syscalls\":%lu,", after.syscalls);
	CHECK(strstr(json, want), "%s", json);
	snprintf(want, sizeof(want), "{\"platform\":\"%s\",", platform_caps(p)->name);
	CHECK(!strncmp(json, want, strlen(want)), "%s", json);
	free(json);
	context_release(c);
	address_space_release(as, 0);
	address_space_release(t, 0);
}

struct counted {
	struct platform *platform;
	struct address_space *space;
	unsigned calls;
};

static void *makes_calls(void *arg)
{
	struct counted *k = arg;
	struct context *c = test_context(k->platform);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	for (unsigned i = 0; i < k->calls; i++) {
		context_switch(c, k->space, &regs, -1, &ev);
		i -= ev.reason != SWITCH_SYSCALL;
	}
	context_unbind(c);
	context_release(c);
	return NULL;
}

/* They can be read while it runs: each only grows, and in the end nothing is missing. */
static void counters_while_running(struct platform *p)
{
	struct counted k = {p, TEST_SPACE(p, loop), test_on_tcg() ? 200 : 2000};
	struct platform_stats first, last, now;
	pthread_t t[3];

	platform_stats(p, &first);
	for (unsigned i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, makes_calls, &k);
	last = first;
	do {
		platform_stats(p, &now);
		CHECK(now.exits >= last.exits && now.syscalls >= last.syscalls);
		CHECK(now.syscalls - first.syscalls <= 3 * k.calls);
		last = now;
	} while (now.syscalls - first.syscalls < 3 * k.calls);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	platform_stats(p, &now);
	CHECK(now.syscalls - first.syscalls == 3 * k.calls);
	address_space_release(k.space, 0);
}

int main(void)
{
	struct platform *p = test_platform(0);
	const struct platform_caps *caps = platform_caps(p);

	CHECK(!strcmp(caps->name, test_on_ptrace() ? "ptrace" : "kvm"));
	CHECK(caps->detects_cpu_preemption);
	syscalls_and_registers(p);
	access_rights(p);
	bad_rip(p);
	interrupt_before(p);
	exact_counters(p);
	counters_while_running(p);
	platform_destroy(p);
	return 0;
}
