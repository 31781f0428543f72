/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A KVM that misbehaves: every ioctl of the start fails once, every answer that KVM_RUN can give is
 * given, descriptors and address space run out. Each has a defined result, and nothing leaks.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include "guest.h"
#include "base/log.h"
#include "platform/kvm/kvm.h"

BLOB(calls, "1: mov %rbx,%rax\n inc %rbx\n syscall\n jmp 1b");

/* ---- what must not leak ---------------------------------------------------------------------- */

struct holdings {
	unsigned fds, mappings;
};

/*
 * Our heap may grow or be given back as it likes, and the sanitizers map what they like: so only
 * mappings that a platform makes are counted: of its files, and (without them) reservations.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RESERVATION "no such line"
#else
#define RESERVATION " ---p 00000000 00:00 0 \n"
#endif

static struct holdings holdings(void)
{
	struct holdings h = {0};
	char line[512];
	DIR *d = opendir("/proc/self/fd");
	FILE *f = fopen("/proc/self/maps", "r");

	CHECK(d && f);
	while (readdir(d))
		h.fds++;
	while (fgets(line, sizeof(line), f))
		h.mappings += strstr(line, "husk-memory") || strstr(line, "kvm-vcpu") ||
			      strstr(line, RESERVATION);
	closedir(d);
	fclose(f);
	return h;
}

static void same(struct holdings a, const char *where, unsigned i)
{
	struct holdings b = holdings();

	CHECK(a.fds == b.fds, "%s %u: %u descriptors became %u", where, i, a.fds, b.fds);
	CHECK(a.mappings == b.mappings, "%s %u: %u mappings became %u", where, i, a.mappings,
	      b.mappings);
}

/* A working platform, or a refusal that says why. */
static bool try_platform(struct platform **out)
{
	struct platform_config cfg = {.kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC),
				      .memory_max = TEST_MEMORY_MAX};
	struct error err = ERROR_INIT;
	int r = cfg.kvm_fd < 0 ? -errno : platform_new(PLATFORM_KVM, &cfg, out, &err);

	if (cfg.kvm_fd >= 0)
		close(cfg.kvm_fd);
	if (r < 0 && cfg.kvm_fd >= 0)
		CHECK(err.msg && strlen(err.msg) > 10 && err.code == r, "%d without a reason", r);
	error_free(&err);
	return r == 0;
}

/* ---- the start ------------------------------------------------------------------------------- */

static unsigned seen, fail_at;
static int fail_with;
static unsigned long failed;
static bool failed_tsc_aux;

static int fails_once(int fd, unsigned long request, void *arg)
{
	if (seen++ == fail_at) {
		const struct kvm_msrs *msrs = arg;

		failed = request;
		failed_tsc_aux = request == KVM_SET_MSRS && msrs->entries[0].index == 0xc0000103;
		return fail_with;
	}
	return kvm_ioctl_host(fd, request, arg);
}

/* May platform_new() do without this? */
static bool optional(unsigned long request)
{
	return request == KVM_CHECK_EXTENSION || request == KVM_SET_TSS_ADDR ||
	       request == KVM_ENABLE_CAP || request == KVM_SET_SREGS ||
	       request == KVM_GET_VCPU_EVENTS || request == KVM_SET_VCPU_EVENTS ||
	       request == KVM_SET_DEVICE_ATTR || failed_tsc_aux;
}

static void start(int error)
{
	struct holdings before = holdings();
	unsigned refused = 0;
	struct platform *p;

	fail_with = error;
	for (fail_at = 0;; fail_at++) {
		bool ok;

		seen = 0;
		failed = 0;
		kvm_inject(fails_once);
		ok = try_platform(&p);
		kvm_inject(NULL);
		if (ok)
			platform_destroy(p);
		same(before, "ioctl", fail_at);
		if (!failed)
			break;
		CHECK(!ok || optional(failed), "ioctl %u (0x%lx) failed and nobody noticed",
		      fail_at, failed);
		refused += !ok;
	}
	CHECK(fail_at > 15 && refused > 8, "%u calls, %u refusals", fail_at, refused);
}

/* With so little that it cannot start, then with a bit more, until it does. */
static void without(int resource, rlim_t from, rlim_t step)
{
	struct rlimit old, tight;
	struct holdings before = holdings();
	unsigned refused = 0;
	struct platform *p;
	bool ok = false;

	CHECK(getrlimit(resource, &old) == 0);
	for (rlim_t n = from; !ok; n += step) {
		tight = (struct rlimit){n, old.rlim_max};
		CHECK(setrlimit(resource, &tight) == 0);
		ok = try_platform(&p);
		CHECK(setrlimit(resource, &old) == 0);
		if (ok)
			platform_destroy(p);
		refused += !ok;
		same(before, "limit", n);
		CHECK(refused < 500);
	}
	CHECK(refused > 0);
}

static rlim_t address_space_now(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return (rlim_t)pages << PAGE_SHIFT;
}

/* ---- KVM_RUN --------------------------------------------------------------------------------- */

#define FOREVER 1000000U

struct answer {
	const char *name;
	int error; /* what KVM_RUN returns, or 0 with: */
	unsigned exit, suberror;
	unsigned times;
	enum switch_reason reason;
	int signo, si_code;
	const char *says; /* what the line must have in it */
};

static const struct answer answers[] = {
    {"EINTR", -EINTR, 0, 0, 1, SWITCH_SYSCALL, 0, 0, NULL},
    {"EAGAIN", -EAGAIN, 0, 0, 3, SWITCH_SYSCALL, 0, 0, NULL},
    {"EAGAIN for ever", -EAGAIN, 0, 0, FOREVER, SWITCH_FATAL, 0, 0, "makes no progress"},
    {"EFAULT", -EFAULT, 0, 0, 1, SWITCH_FILE_SHRUNK, 0, 0, NULL},
    {"EFAULT and MEMORY_FAULT", -EFAULT, 39, 0, 1, SWITCH_FILE_SHRUNK, 0, 0, NULL},
    {"EHWPOISON", -EHWPOISON, 0, 0, 1, SWITCH_SIGNAL, SIGBUS, BUS_MCEERR_AR, NULL},
    {"ENOSYS", -ENOSYS, 0, 0, 1, SWITCH_FATAL, 0, 0, "Function not implemented"},
    {"EIO", -EIO, 0, 0, 1, SWITCH_FATAL, 0, 0, "error 5, Input/output error"},
    {"ENOMEM", -ENOMEM, 0, 0, 1, SWITCH_FATAL, 0, 0, "Cannot allocate memory"},
    {"EINVAL", -EINVAL, 0, 0, 1, SWITCH_FATAL, 0, 0, "Invalid argument"},
    {"EBADF", -EBADF, 0, 0, 1, SWITCH_FATAL, 0, 0, "Bad file descriptor"},
    {"EPERM", -EPERM, 0, 0, 1, SWITCH_FATAL, 0, 0, "not permitted"},

    {"INTR", 0, KVM_EXIT_INTR, 0, 3, SWITCH_SYSCALL, 0, 0, NULL},
    {"IRQ_WINDOW_OPEN", 0, KVM_EXIT_IRQ_WINDOW_OPEN, 0, 1, SWITCH_SYSCALL, 0, 0, NULL},
    {"X86_BUS_LOCK", 0, KVM_EXIT_X86_BUS_LOCK, 0, 1, SWITCH_SYSCALL, 0, 0, NULL},
    {"NOTIFY", 0, KVM_EXIT_NOTIFY, 0, 2000, SWITCH_SYSCALL, 0, 0, NULL},
    {"HYPERCALL", 0, KVM_EXIT_HYPERCALL, 0, 1, SWITCH_SIGNAL, SIGILL, ILL_ILLOPN, NULL},
    {"DEBUG", 0, KVM_EXIT_DEBUG, 0, 1, SWITCH_SIGNAL, SIGTRAP, TRAP_BRKPT, NULL},
    {"IO", 0, KVM_EXIT_IO, 0, 1, SWITCH_SIGNAL, SIGSEGV, SI_KERNEL, NULL},
    {"MEMORY_FAULT", 0, 39, 0, 1, SWITCH_FILE_SHRUNK, 0, 0, NULL},
    {"INTERNAL_ERROR emulation", 0, KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_EMULATION, 1,
     SWITCH_SIGNAL, SIGILL, ILL_ILLOPN, NULL},
    {"INTERNAL_ERROR simul", 0, KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_SIMUL_EX, 1,
     SWITCH_FATAL, 0, 0, "internal error (exit 17, INTERNAL_ERROR, detail 0x2)"},
    {"INTERNAL_ERROR delivery", 0, KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_DELIVERY_EV, 1,
     SWITCH_FATAL, 0, 0, "detail 0x3"},
    {"INTERNAL_ERROR exit", 0, KVM_EXIT_INTERNAL_ERROR, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
     1, SWITCH_FATAL, 0, 0, "detail 0x4"},
    {"HLT in user code", 0, KVM_EXIT_HLT, 0, 1, SWITCH_FATAL, 0, 0, "HLT outside the stubs"},
    {"MMIO", 0, KVM_EXIT_MMIO, 0, 1, SWITCH_FATAL, 0, 0, "MMIO"},
    {"SHUTDOWN", 0, KVM_EXIT_SHUTDOWN, 0, 1, SWITCH_FATAL, 0, 0, "triple fault (exit 8, SHUTDOWN"},
    {"FAIL_ENTRY", 0, KVM_EXIT_FAIL_ENTRY, 0, 1, SWITCH_FATAL, 0, 0, "exit 9, FAIL_ENTRY"},
    {"SYSTEM_EVENT", 0, KVM_EXIT_SYSTEM_EVENT, 0, 1, SWITCH_FATAL, 0, 0, "SYSTEM_EVENT"},
    {"UNKNOWN", 0, KVM_EXIT_UNKNOWN, 0, 1, SWITCH_FATAL, 0, 0, "exit 0, UNKNOWN"},
    {"EXCEPTION", 0, KVM_EXIT_EXCEPTION, 0, 1, SWITCH_FATAL, 0, 0, "EXCEPTION"},
    {"SET_TPR", 0, KVM_EXIT_SET_TPR, 0, 1, SWITCH_FATAL, 0, 0, "SET_TPR"},
    {"TPR_ACCESS", 0, KVM_EXIT_TPR_ACCESS, 0, 1, SWITCH_FATAL, 0, 0, "TPR_ACCESS"},
    {"NMI", 0, KVM_EXIT_NMI, 0, 1, SWITCH_FATAL, 0, 0, "NMI"},
    {"WATCHDOG", 0, KVM_EXIT_WATCHDOG, 0, 1, SWITCH_FATAL, 0, 0, "WATCHDOG"},
    {"IOAPIC_EOI", 0, KVM_EXIT_IOAPIC_EOI, 0, 1, SWITCH_FATAL, 0, 0, "IOAPIC_EOI"},
    {"HYPERV", 0, KVM_EXIT_HYPERV, 0, 1, SWITCH_FATAL, 0, 0, "HYPERV"},
    {"X86_RDMSR", 0, KVM_EXIT_X86_RDMSR, 0, 1, SWITCH_FATAL, 0, 0, "X86_RDMSR"},
    {"X86_WRMSR", 0, KVM_EXIT_X86_WRMSR, 0, 1, SWITCH_FATAL, 0, 0, "X86_WRMSR"},
    {"DIRTY_RING_FULL", 0, KVM_EXIT_DIRTY_RING_FULL, 0, 1, SWITCH_FATAL, 0, 0, "DIRTY_RING"},
    {"AP_RESET_HOLD", 0, KVM_EXIT_AP_RESET_HOLD, 0, 1, SWITCH_FATAL, 0, 0, "AP_RESET_HOLD"},
    {"XEN", 0, KVM_EXIT_XEN, 0, 1, SWITCH_FATAL, 0, 0, "XEN"},
    {"the future", 0, 54, 0, 1, SWITCH_FATAL, 0, 0, "exit 54, of an unknown kind"},
    {"nonsense", 0, 0xfffffff0, 0, 1, SWITCH_FATAL, 0, 0, "of an unknown kind"},
};

static const struct answer *current_answer;
static unsigned answers_left;

/* KVM takes the registers, as it would, but then nothing runs and it says something else. */
static int answers_run(int fd, unsigned long request, void *arg)
{
	struct kvm_run *run = arg;
	uint8_t immediate;

	if (request != KVM_RUN || answers_left == 0)
		return kvm_ioctl_host(fd, request, arg);
	answers_left--;
	immediate = run->immediate_exit;
	run->immediate_exit = 1;
	CHECK(kvm_ioctl_host(fd, request, arg) == -EINTR);
	run->immediate_exit = immediate;
	if (current_answer->error && !current_answer->exit)
		return current_answer->error;
	run->exit_reason = current_answer->exit;
	memset(&run->hw, 0, sizeof(run->hw));
	if (current_answer->exit == KVM_EXIT_INTERNAL_ERROR)
		run->internal.suberror = current_answer->suberror;
	return current_answer->error;
}

static void one_answer(const struct answer *a)
{
	struct platform *p = test_platform(0);
	struct address_space *as = TEST_SPACE(p, calls);
	struct context *c = test_context(p), *other = test_context(p);
	struct user_regs_struct regs = test_regs(), before;
	struct platform_stats stats;
	struct switch_event ev;

	regs.r14 = 0x1414;
	context_switch(c, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL);
	regs.rax = 0;
	before = regs;
	current_answer = a;
	answers_left = a->times;
	kvm_inject(answers_run);
	context_switch(c, as, &regs, -1, &ev);
	kvm_inject(NULL);
	CHECK(ev.reason == a->reason, "%s: reason %d, %s", a->name, ev.reason,
	      ev.fatal ? ev.fatal : "");
	CHECK(regs.r14 == 0x1414 && regs.rsp == before.rsp, "%s", a->name);
	if (a->reason == SWITCH_SIGNAL)
		CHECK(ev.signo == a->signo && ev.si_code == a->si_code && !ev.page_fault &&
			  regs.rip == before.rip,
		      "%s: %d %d", a->name, ev.signo, ev.si_code);
	if (a->reason == SWITCH_SYSCALL)
		CHECK(regs.orig_rax == 1, "%s: %llx", a->name, regs.orig_rax);
	if (a->reason == SWITCH_FATAL) {
		CHECK(ev.fatal && strstr(ev.fatal, a->says) && strstr(ev.fatal, "rip 40") &&
			  strstr(ev.fatal, "rsp 700f") && !strchr(ev.fatal, '\n'),
		      "%s: %s", a->name, ev.fatal);
		/* From now on the machine is broken, for everybody. */
		regs = test_regs();
		context_switch(other, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_FATAL && strstr(ev.fatal, "has failed"), "%s", a->name);
	} else {
		/* And the program goes on as if nothing had been. */
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL && regs.r14 == 0x1414, "%s", a->name);
	}
	platform_stats(p, &stats);
	CHECK(stats.fatal == (a->reason == SWITCH_FATAL), "%s", a->name);
	CHECK(stats.shrunk == (a->reason == SWITCH_FILE_SHRUNK));
	context_release(c);
	context_release(other);
	address_space_release(as, 0);
	platform_destroy(p);
}

/* Bad memory: the program hears where it has it, if KVM tells which page it is. */
static uint64_t bad_page;

static int hits_bad_page(int fd, unsigned long request, void *arg)
{
	struct kvm_run *run = arg;
	uint64_t fault[3] = {0, bad_page, PAGE_SIZE};

	if (request != KVM_RUN)
		return kvm_ioctl_host(fd, request, arg);
	run->exit_reason = bad_page ? 39 : KVM_EXIT_UNKNOWN;
	memcpy(&run->hw, fault, sizeof(fault));
	return -EHWPOISON;
}

static void bad_memory(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, calls);
	struct context *c = test_context(p);
	uint64_t high = DATA + (3UL << 39) + 77 * PAGE_SIZE;
	frame_t f = test_frames(p, 2);
	const struct {
		uint64_t page, addr;
	} cases[] = {
	    {GPA_MEMORY + ((uint64_t)f << PAGE_SHIFT), DATA},
	    {GPA_MEMORY + ((uint64_t)f + 1) * PAGE_SIZE, high},
	    {GPA_MEMORY + ((uint64_t)f + 2) * PAGE_SIZE, 0},
	    {0, 0},
	};

	CHECK(address_space_map(as, DATA, f, 1, ACCESS_READ, false) == 0);
	CHECK(address_space_map(as, high, f + 1, 1, ACCESS_READ | ACCESS_WRITE, false) == 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct user_regs_struct regs = test_regs();
		struct switch_event ev;

		bad_page = cases[i].page;
		kvm_inject(hits_bad_page);
		context_switch(c, as, &regs, -1, &ev);
		kvm_inject(NULL);
		CHECK(ev.reason == SWITCH_SIGNAL && ev.signo == SIGBUS &&
			  ev.si_code == BUS_MCEERR_AR && !ev.page_fault,
		      "%d", ev.reason);
		CHECK(ev.addr == cases[i].addr, "case %u: %lx", i, ev.addr);
	}
	context_release(c);
	address_space_release(as, 0);
	memory_unref(platform_memory(p), f, 2);
}

/* ---- other calls while it runs --------------------------------------------------------------- */

static unsigned long fails_always_request;

static int fails_always(int fd, unsigned long request, void *arg)
{
	return request == fails_always_request ? -EIO : kvm_ioctl_host(fd, request, arg);
}

/* No slot for more memory: the mapping is refused, and works when there is one. */
static void no_slot(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, calls);
	frame_t f[64];
	int r = 0;

	fails_always_request = KVM_SET_USER_MEMORY_REGION;
	for (unsigned i = 0; i < 64; i++)
		f[i] = test_frames(p, CHUNK_PAGES);
	kvm_inject(fails_always);
	for (unsigned i = 0; i < 64 && r == 0; i++)
		r = address_space_map(as, DATA + i * CHUNK_SIZE, f[i], CHUNK_PAGES, ACCESS_READ,
				      false);
	CHECK(r == -ENOMEM);
	kvm_inject(NULL);
	for (unsigned i = 0; i < 64; i++) {
		CHECK(address_space_map(as, DATA + i * CHUNK_SIZE, f[i], CHUNK_PAGES, ACCESS_READ,
					false) == 0);
		memory_unref(platform_memory(p), f[i], CHUNK_PAGES);
	}
	address_space_release(as, 0);
}

/* The second vCPU cannot be made, or not be given its state: the first one serves both. */
static void no_second_vcpu(unsigned long request)
{
	struct platform *p = test_platform(0);
	struct address_space *as = TEST_SPACE(p, calls);
	struct context *c[3];
	struct platform_stats st;
	struct switch_event ev;

	fails_always_request = request;
	kvm_inject(fails_always);
	for (unsigned i = 0; i < 3; i++)
		c[i] = test_context(p);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 3; i++) {
			struct user_regs_struct regs = test_regs();

			context_switch(c[i], as, &regs, -1, &ev);
			CHECK(ev.reason == SWITCH_SYSCALL, "reason %d %s", ev.reason,
			      ev.fatal ? ev.fatal : "");
		}
	}
	kvm_inject(NULL);
	platform_stats(p, &st);
	CHECK(st.vcpus == 1 && st.vcpu_stolen > 20);
	for (unsigned i = 0; i < 3; i++)
		context_release(c[i]);
	address_space_release(as, 0);
	platform_destroy(p);
}

BLOB(breakpoint, "int3");
BLOB(spin, "1: jmp 1b");

/* What one call broke, after another context had the vCPU: SWITCH_FATAL that says so. */
static void broken_by(unsigned long request, const char *code, const char *end, const char *says)
{
	struct platform *p = test_platform(1);
	struct address_space *as = TEST_SPACE(p, calls), *next = test_space(p, code, end);
	struct context *c = test_context(p), *other = test_context(p);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	context_switch(c, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL);
	fails_always_request = request;
	kvm_inject(fails_always);
	regs = test_regs();
	context_switch(other, next, &regs, -1, &ev);
	kvm_inject(NULL);
	CHECK(ev.reason == SWITCH_FATAL && strstr(ev.fatal, says), "%s: reason %d %s", says,
	      ev.reason, ev.fatal ? ev.fatal : "");
	regs = test_regs();
	context_switch(c, as, &regs, -1, &ev);
	CHECK(ev.reason == SWITCH_FATAL);
	context_release(c);
	context_release(other);
	address_space_release(as, 0);
	address_space_release(next, 0);
	platform_destroy(p);
}

/* KVM_RUN comes back as if it had been kicked, and then KVM does not say what is pending. */
static int kicked_and_dumb(int fd, unsigned long request, void *arg)
{
	struct kvm_run *run = arg;

	if (request == KVM_RUN)
		run->immediate_exit = 1;
	return request == KVM_GET_VCPU_EVENTS ? -EIO : kvm_ioctl_host(fd, request, arg);
}

static void no_events(void)
{
	struct platform *p = test_platform(1);
	struct address_space *as = TEST_SPACE(p, spin);
	struct context *c = test_context(p);
	struct user_regs_struct regs = test_regs();
	struct switch_event ev;

	kvm_inject(kicked_and_dumb);
	context_switch(c, as, &regs, -1, &ev);
	kvm_inject(NULL);
	CHECK(ev.reason == SWITCH_FATAL && strstr(ev.fatal, "what is pending"), "%d", ev.reason);
	context_release(c);
	address_space_release(as, 0);
	platform_destroy(p);
}

/* Old translations cannot be taken from the others: then they do not run on. */
static int no_dummy_slot(int fd, unsigned long request, void *arg)
{
	const struct kvm_userspace_memory_region *slot = arg;

	if (request == KVM_SET_USER_MEMORY_REGION && slot->slot == 0)
		return -ENOMEM;
	return kvm_ioctl_host(fd, request, arg);
}

struct spinner {
	struct context *context;
	struct address_space *space;
	struct switch_event ev;
	_Atomic bool done;
};

BLOB(counter, "1: incq (%rdi)\n jmp 1b");

static void *spins(void *arg)
{
	struct spinner *s = arg;
	struct user_regs_struct regs = test_regs();

	regs.rdi = DATA;
	do
		context_switch(s->context, s->space, &regs, -1, &s->ev);
	while (s->ev.reason == SWITCH_PREEMPTED || s->ev.reason == SWITCH_SIGNAL);
	s->done = true;
	return NULL;
}

static void no_purge(void)
{
	enum { PAGES = 40 };
	struct platform *p = test_platform(0);
	struct spinner s = {.context = test_context(p), .space = TEST_SPACE(p, counter)};
	struct address_range ranges[PAGES];
	volatile uint64_t *word = NULL;
	uint64_t seen;
	pthread_t t;

	for (unsigned i = 0; i < PAGES; i++) {
		frame_t f = test_frames(p, 2); /* every other one: no two are neighbours */

		if (i == 0)
			word = test_ptr(p, f);
		ranges[i] = (struct address_range){DATA + i * 2 * PAGE_SIZE, PAGE_SIZE};
		CHECK(address_space_map(s.space, ranges[i].addr, f, 1, ACCESS_READ | ACCESS_WRITE,
					false) == 0);
	}
	pthread_create(&t, NULL, spins, &s);
	while (*word < 1000)
		sched_yield();
	CHECK(!s.done);
	kvm_inject(no_dummy_slot);
	address_space_restrict(s.space, ranges, PAGES, 0);
	seen = *word;
	pthread_join(t, NULL);
	kvm_inject(NULL);
	CHECK(s.ev.reason == SWITCH_FATAL && strstr(s.ev.fatal, "has failed"), "%d %s",
	      s.ev.reason, s.ev.fatal);
	CHECK(*word == seen, "it ran on after the unmapping");
	context_release(s.context);
	address_space_release(s.space, 0);
	platform_destroy(p);
}

static void state_calls(void)
{
	struct platform *p = test_platform(1);
	bool xsave2 = ((struct kvm *)p)->machine.xsave2;

	platform_destroy(p);
	/* A context's state does not go into the vCPU, or does not come out. */
	broken_by(KVM_SET_XSAVE, calls, calls_end, "Input/output error");
	broken_by(xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, calls, calls_end, "has failed");
	/* An exception that KVM keeps would look like one to come at the next kick. */
	broken_by(KVM_SET_VCPU_EVENTS, breakpoint, breakpoint_end, "does not forget");
	broken_by(KVM_GET_VCPU_EVENTS, breakpoint, breakpoint_end, "does not forget");
	no_events();
}

int main(void)
{
	struct holdings before;
	struct platform *p;

	log_open(open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	p = test_platform(0); /* whatever is made once is made now */
	platform_destroy(p);
	before = holdings();

	start(-EIO);
	if (!test_on_tcg()) {
		start(-ENOMEM);
		start(-EINVAL);
	}
	without(RLIMIT_NOFILE, before.fds - 2, 1);
	without(RLIMIT_AS, address_space_now() + (1UL << 20), 1UL << 36);
	for (unsigned i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		one_answer(&answers[i]);
	p = test_platform(0);
	bad_memory(p);
	no_slot(p);
	platform_destroy(p);
	no_second_vcpu(KVM_CREATE_VCPU);
	no_second_vcpu(KVM_SET_CPUID2);
	no_second_vcpu(KVM_SET_MSRS);
	state_calls();
	same(before, "all", 0);
	no_purge(); /* whose thread's stack stays for the next one */
	return 0;
}
