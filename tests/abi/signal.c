/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals: signal(7), sigaction(2), sigaltstack(2), sigsuspend(2), sigtimedwait(2), sigqueue(3). */
#include "abi.h"

#include <immintrin.h>
#include <setjmp.h>
#include <sys/ucontext.h>

static volatile sig_atomic_t got, got_code, got_value;
static void *volatile got_addr;
static volatile pid_t got_pid;

static void on_info(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	got = sig;
	got_code = si->si_code;
	got_pid = si->si_pid;
	got_addr = si->si_addr;
	got_value = si->si_value.sival_int;
}

static void on_count(int sig)
{
	(void)sig;
	got++;
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags};

	REQUIRE(sigaction(sig, &sa, NULL) == 0);
}

static void handle_count(int sig, int flags)
{
	struct sigaction sa = {.sa_handler = on_count, .sa_flags = flags};

	REQUIRE(sigaction(sig, &sa, NULL) == 0);
}

CASE(kill_self, "kill to oneself is delivered before it returns, with SI_USER and the pid")
{
	handle(SIGUSR1, on_info, 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(got, SIGUSR1);
	CHECK_EQ(got_code, SI_USER);
	CHECK_EQ(got_pid, getpid());
	got = 0;
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(got, SIGUSR1);
	CHECK_EQ(got_code, SI_TKILL);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_FAILS(kill(1 << 21, 0), ESRCH);
	CHECK_FAILS(kill(getpid(), 65), EINVAL);
	CHECK_FAILS(signal(SIGKILL, SIG_IGN) == SIG_ERR ? -1 : 0, EINVAL);
}

CASE(mask_and_pending, "a blocked signal is pending once, however often it is sent")
{
	sigset_t m, p, old;

	handle_count(SIGUSR1, 0);
	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &m, &old), 0);
	CHECK(!sigismember(&old, SIGUSR1));
	for (int i = 0; i < 3; i++)
		kill(getpid(), SIGUSR1);
	CHECK_EQ(got, 0);
	CHECK_EQ(sigpending(&p), 0);
	CHECK(sigismember(&p, SIGUSR1));
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(got, 1);
	CHECK_EQ(sigpending(&p), 0);
	CHECK(!sigismember(&p, SIGUSR1));
}

static int order[64], n_order;

static void on_queue(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	order[n_order++] = (sig - SIGRTMIN) * 100 + si->si_value.sival_int;
}

CASE(rt_queue, "real-time signals queue, in order, lowest number first, with their values")
{
	sigset_t m;
	int n = 0;

	handle(SIGRTMIN + 1, on_queue, 0);
	handle(SIGRTMIN + 2, on_queue, 0);
	sigemptyset(&m);
	sigaddset(&m, SIGRTMIN + 1);
	sigaddset(&m, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &m, NULL);
	/* one at a time: unmasked together, handlers would nest and run highest number first */
	for (int i = 0; i < 10; i++) {
		union sigval v = {.sival_int = i};

		CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 2, v), 0);
		CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 1, v), 0);
	}
	for (int i = 0; i < 20; i++) {
		siginfo_t si;
		int s = sigwaitinfo(&m, &si);

		CHECK_EQ(s, i < 10 ? SIGRTMIN + 1 : SIGRTMIN + 2);
		CHECK_EQ(si.si_code, SI_QUEUE);
		CHECK_EQ(si.si_value.sival_int, i % 10);
		n++;
	}
	CHECK_EQ(n, 20);
	for (int i = 0; i < 5; i++) {
		union sigval v = {.sival_int = i};

		sigqueue(getpid(), SIGRTMIN + 1, v);
	}
	sigprocmask(SIG_UNBLOCK, &m, NULL);
	CHECK_EQ(n_order, 5);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(order[i], 100 + i);
}

CASE(sigtimedwait_, "sigtimedwait: EAGAIN after its time, the signal with its sender, EINTR")
{
	sigset_t m;
	siginfo_t si;
	struct timespec t = {0, 30 * 1000 * 1000}, none = {0, 0};

	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	sigprocmask(SIG_BLOCK, &m, NULL);
	int64_t t0 = abi_now_us();

	CHECK_FAILS(sigtimedwait(&m, &si, &t), EAGAIN);
	CHECK(abi_now_us() - t0 >= 30000);
	CHECK_FAILS(sigtimedwait(&m, &si, &none), EAGAIN);
	pid_t me = getpid(), pid = fork();

	if (pid == 0) {
		abi_sleep_ms(20);
		kill(me, SIGUSR1);
		_exit(0);
	}
	t.tv_sec = 10;
	CHECK_EQ(sigtimedwait(&m, &si, &t), SIGUSR1);
	CHECK_EQ(si.si_pid, pid);
	CHILD_OK(pid);
}

CASE(sigsuspend_, "sigsuspend waits with another mask, gives EINTR and restores the mask")
{
	sigset_t m, none, now;

	handle_count(SIGUSR1, 0);
	sigemptyset(&m);
	sigemptyset(&none);
	sigaddset(&m, SIGUSR1);
	sigprocmask(SIG_BLOCK, &m, NULL);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(got, 0);
	CHECK_FAILS(sigsuspend(&none), EINTR);
	CHECK_EQ(got, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
}

static volatile char *stack_seen;

static void on_altstack(int sig, siginfo_t *si, void *uc)
{
	char here;
	stack_t ss;

	(void)sig, (void)si, (void)uc;
	stack_seen = &here;
	sigaltstack(NULL, &ss);
	got = ss.ss_flags == SS_ONSTACK;
}

CASE(altstack, "SA_ONSTACK runs on the alternate stack; errors of sigaltstack")
{
	static char mem[65536];
	stack_t ss = {.ss_sp = mem, .ss_size = sizeof(mem)}, old;

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	handle(SIGUSR1, on_altstack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(stack_seen >= mem && stack_seen < mem + sizeof(mem));
	CHECK_EQ(got, 1);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == mem && old.ss_size == sizeof(mem));
	ss.ss_size = 1024;
	CHECK_FAILS(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_flags = 0x1234;
	CHECK_FAILS(sigaltstack(&ss, NULL), EINVAL);
	handle(SIGUSR2, on_altstack, 0);
	raise(SIGUSR2);
	CHECK(!(stack_seen >= mem && stack_seen < mem + sizeof(mem)));
}

static sigjmp_buf overflowed;

static void on_overflow(int sig, siginfo_t *si, void *uc)
{
	(void)sig, (void)si, (void)uc;
	siglongjmp(overflowed, 1);
}

static volatile int depth;

__attribute__((noinline)) static int recurse(int n)
{
	volatile char big[4096];

	big[0] = n;
	depth = n;
	return n < 1 << 30 ? recurse(n + 1) + big[0] : 0;
}

CASE(stack_overflow, "a stack overflow is SIGSEGV, handled on the alternate stack")
{
	static char mem[65536];
	stack_t ss = {.ss_sp = mem, .ss_size = sizeof(mem)};

	sigaltstack(&ss, NULL);
	handle(SIGSEGV, on_overflow, SA_ONSTACK);
	if (sigsetjmp(overflowed, 1) == 0)
		recurse(0);
	CHECK(depth > 1000);
}

static sigjmp_buf out_of_fault;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	on_info(sig, si, uc);
	siglongjmp(out_of_fault, 1);
}

#define FAULT(code)                                                                                \
	do {                                                                                       \
		got = 0;                                                                           \
		if (sigsetjmp(out_of_fault, 1) == 0) {                                             \
			code;                                                                      \
		}                                                                                  \
	} while (0)

CASE(faults, "SIGSEGV, SIGFPE, SIGILL, SIGTRAP with the right si_code and si_addr")
{
	static const int sigs[] = {SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS};
	volatile int zero = 0, x = 0;
	volatile int *volatile near_null = (void *)0x10;
	volatile int *volatile odd = (void *)0x1234567800000000;

	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		handle(sigs[i], on_fault, 0);
	FAULT(*near_null = 1);
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(got_code, SEGV_MAPERR);
	CHECK_EQ((long)got_addr, 0x10);
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	FAULT(ro[123] = 1);
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(got_code, SEGV_ACCERR);
	CHECK_EQ((long)got_addr, (long)ro + 123);
	FAULT(((void (*)(void))ro)());
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(got_code, SEGV_ACCERR);
	CHECK_EQ((long)got_addr, (long)ro);
	/* not canonical: #GP, so no address */
	FAULT(*odd = 1);
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(got_code, SI_KERNEL);
	FAULT(x = 100 / zero);
	CHECK_EQ(got, SIGFPE);
	CHECK_EQ(got_code, FPE_INTDIV);
	FAULT(__asm__ volatile("ud2"));
	CHECK_EQ(got, SIGILL);
	CHECK_EQ(got_code, ILL_ILLOPN);
	FAULT(__asm__ volatile("int3"));
	CHECK_EQ(got, SIGTRAP);
	CHECK_EQ(got_code, SI_KERNEL);
	FAULT(__asm__ volatile("hlt"));
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(got_code, SI_KERNEL);
	CHECK_EQ(x, 0);
}

static void on_skip_ud2(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	CHECK_EQ((long)si->si_addr, uc->uc_mcontext.gregs[REG_RIP]);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_R12] = 4711;
	got = uc->uc_mcontext.gregs[REG_TRAPNO];
}

CASE(frame_registers, "a handler sees and changes the interrupted registers")
{
	long r12;

	handle(SIGILL, on_skip_ud2, 0);
	__asm__ volatile("mov $1, %%r12; ud2; mov %%r12, %0" : "=r"(r12)::"r12", "memory");
	CHECK_EQ(r12, 4711);
	CHECK_EQ(got, 6);
}

static void on_clobber(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;
	/* the interrupted xmm7, as the frame shows it */
	memcpy((void *)&got_value, uc->uc_mcontext.fpregs->_xmm[7].element, sizeof(int));
	(void)sig, (void)si;
	__asm__ volatile("pxor %%xmm7, %%xmm7; pxor %%xmm0, %%xmm0; fninit; fldz" ::
				 : "xmm7", "xmm0");
}

CASE(fpu_preserved, "SSE and x87 registers survive a handler and are in the frame")
{
	int in = 0x12345678, out = 0;
	double fp;

	handle(SIGUSR1, on_clobber, 0);
	__asm__ volatile("movd %2, %%xmm7\n"
			 "fldpi\n"
			 "mov %3, %%edi\n"
			 "mov %4, %%esi\n"
			 "mov %5, %%eax\n"
			 "syscall\n" /* kill(getpid(), SIGUSR1): handled on the way out */
			 "movd %%xmm7, %0\n"
			 "fstpl %1\n"
			 : "=r"(out), "=m"(fp)
			 : "r"(in), "r"(getpid()), "i"(SIGUSR1), "i"(SYS_kill)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "memory");
	CHECK_EQ(out, in);
	CHECK_EQ(got_value, in);
	CHECK(fp > 3.14159 && fp < 3.1416);
}

__attribute__((target("avx"))) static void avx_case(void)
{
	float in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];

	__asm__ volatile("vmovups %1, %%ymm7\n"
			 "mov %2, %%edi\n"
			 "mov %3, %%esi\n"
			 "mov %4, %%eax\n"
			 "syscall\n"
			 "vmovups %%ymm7, %0\n"
			 : "=m"(out)
			 : "m"(in), "r"(getpid()), "i"(SIGUSR1), "i"(SYS_kill)
			 : "rax", "rdi", "rsi", "rcx", "r11", "xmm7", "memory");
	CHECK(memcmp(in, out, sizeof(in)) == 0);
}

static void on_zero_ymm(int sig, siginfo_t *si, void *uc)
{
	struct _fpstate *fp = (void *)((ucontext_t *)uc)->uc_mcontext.fpregs;
	uint32_t magic = *(uint32_t *)((char *)fp + 464); /* sw_reserved: FP_XSTATE_MAGIC1 */

	(void)sig, (void)si;
	got = magic == 0x46505853;
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall" ::: "xmm7");
}

CASE(avx_preserved, "AVX registers survive a handler; the frame carries the XSAVE magic")
{
	if (!__builtin_cpu_supports("avx"))
		SKIP("no AVX");
	handle(SIGUSR1, on_zero_ymm, 0);
	avx_case();
	CHECK_EQ(got, 1);
}

static void send_later(pid_t to, int sig, int ms)
{
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (pid == 0) {
		abi_sleep_ms(ms);
		kill(to, sig);
		_exit(0);
	}
}

CASE(restart, "read is restarted after a handler with SA_RESTART and gives EINTR without")
{
	int p[2];
	char c = 0;
	pid_t me = getpid();

	REQUIRE(pipe(p) == 0);
	handle_count(SIGUSR1, 0);
	send_later(me, SIGUSR1, 20);
	CHECK_FAILS(read(p[0], &c, 1), EINTR);
	CHECK_EQ(got, 1);
	wait(NULL);

	handle_count(SIGUSR1, SA_RESTART);
	pid_t pid = fork();

	if (pid == 0) {
		abi_sleep_ms(20);
		kill(me, SIGUSR1);
		abi_sleep_ms(20);
		CHECK_EQ(write(p[1], "x", 1), 1);
		_exit(0);
	}
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_EQ(got, 2);
	CHILD_OK(pid);
	/* poll and nanosleep are never restarted after a handler */
	send_later(me, SIGUSR1, 20);
	struct pollfd pf = {p[0], POLLIN, 0};

	CHECK_FAILS(poll(&pf, 1, 5000), EINTR);
	wait(NULL);
	send_later(me, SIGUSR1, 20);
	struct timespec t = {5, 0}, rem = {0, 0};

	CHECK_FAILS(nanosleep(&t, &rem), EINTR);
	CHECK(rem.tv_sec == 4 && rem.tv_nsec > 0);
	wait(NULL);
}

CASE(stop_restarts, "SIGSTOP and SIGCONT do not disturb a sleeping read or nanosleep")
{
	int p[2], st;
	char c;

	REQUIRE(pipe(p) == 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct timespec t = {0, 100 * 1000 * 1000};

		CHECK_EQ(nanosleep(&t, NULL), 0);
		CHECK_EQ(read(p[0], &c, 1), 1);
		CHILD_EXIT();
	}
	for (int i = 0; i < 2; i++) {
		abi_sleep_ms(i ? 150 : 30);
		kill(pid, SIGSTOP);
		CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
		CHECK(WIFSTOPPED(st));
		kill(pid, SIGCONT);
	}
	abi_sleep_ms(100);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHILD_OK(pid);
}

CASE(sigchld, "SIGCHLD carries pid, status and code; SA_NOCLDWAIT, SA_NOCLDSTOP")
{
	sigset_t m;
	siginfo_t si;
	struct timespec t = {5, 0}, shortly = {0, 50 * 1000 * 1000};

	handle(SIGCHLD, on_info, 0);
	sigemptyset(&m);
	sigaddset(&m, SIGCHLD);
	sigprocmask(SIG_BLOCK, &m, NULL);
	pid_t pid = fork();

	if (pid == 0)
		_exit(33);
	CHECK_EQ(sigtimedwait(&m, &si, &t), SIGCHLD);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 33);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	CHECK_EQ(sigtimedwait(&m, &si, &t), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK_EQ(si.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	CHECK_EQ(sigtimedwait(&m, &si, &t), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_CONTINUED);
	handle(SIGCHLD, on_info, SA_NOCLDSTOP);
	kill(pid, SIGSTOP);
	CHECK_FAILS(sigtimedwait(&m, &si, &shortly), EAGAIN);
	kill(pid, SIGKILL);
	CHECK_EQ(sigtimedwait(&m, &si, &t), SIGCHLD);
	CHECK_EQ(si.si_code, CLD_KILLED);
	CHECK_EQ(si.si_status, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	handle(SIGCHLD, on_info, SA_NOCLDWAIT);
	if (fork() == 0)
		_exit(0);
	CHECK_FAILS(wait(NULL), ECHILD);
}

static void on_nested(int sig, siginfo_t *si, void *uc)
{
	sigset_t m;

	(void)si, (void)uc;
	sigprocmask(SIG_BLOCK, NULL, &m);
	if (sig == SIGUSR1) {
		got |= sigismember(&m, SIGUSR1) << 0;
		got |= sigismember(&m, SIGUSR2) << 1;
		kill(getpid(), SIGUSR2); /* blocked by sa_mask: comes after this handler */
		got |= (got_code == 0) << 2;
	} else {
		got_code = 1;
	}
}

CASE(handler_mask, "sa_mask and the signal itself are blocked in a handler; SA_NODEFER, RESETHAND")
{
	struct sigaction sa = {.sa_sigaction = on_nested, .sa_flags = SA_SIGINFO}, old;
	sigset_t m;

	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGUSR2, &sa, NULL);
	raise(SIGUSR1);
	CHECK_EQ(got, 7);
	CHECK_EQ(got_code, 1);
	sigprocmask(SIG_BLOCK, NULL, &m);
	CHECK(!sigismember(&m, SIGUSR1) && !sigismember(&m, SIGUSR2));
	got = 0;
	sa.sa_flags |= SA_NODEFER;
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK_EQ(got & 1, 0);
	handle_count(SIGUSR1, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler == SIG_DFL);
}

static volatile pid_t handled_by;

static void on_thread(int sig)
{
	(void)sig;
	handled_by = gettid();
}

static volatile pid_t thread_tid;

static void *thread_waits(void *arg)
{
	sigset_t m;

	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &m, NULL);
	thread_tid = gettid();
	while (!handled_by)
		abi_sleep_ms(1);
	return arg;
}

CASE(thread_signals, "a process signal goes to a thread that does not block it; tgkill is exact")
{
	pthread_t t;
	sigset_t m;

	signal(SIGUSR1, on_thread);
	sigemptyset(&m);
	sigaddset(&m, SIGUSR1);
	sigprocmask(SIG_BLOCK, &m, NULL);
	pthread_create(&t, NULL, thread_waits, NULL);
	while (!thread_tid)
		sched_yield();
	kill(getpid(), SIGUSR1);
	pthread_join(t, NULL);
	CHECK_EQ(handled_by, thread_tid);
	handled_by = 0;
	sigprocmask(SIG_UNBLOCK, &m, NULL);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1), 0);
	CHECK_EQ(handled_by, gettid());
	CHECK_FAILS(syscall(SYS_tgkill, 1, gettid(), SIGUSR1), ESRCH);
}

CASE(compute_loop, "a signal reaches a process that makes no system call")
{
	handle_count(SIGUSR1, 0);
	send_later(getpid(), SIGUSR1, 20);
	while (!got)
		;
	CHECK_EQ(got, 1);
	wait(NULL);
}

CASE(many_signals, "20,000 signals between two processes, none lost that queue")
{
	enum { N = 20000 };
	sigset_t m;
	pid_t me = getpid();

	sigemptyset(&m);
	sigaddset(&m, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &m, NULL);
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < N; i++) {
			union sigval v = {.sival_int = i};

			while (sigqueue(me, SIGRTMIN, v) < 0 && errno == EAGAIN)
				sched_yield();
		}
		_exit(0);
	}
	for (int i = 0; i < N; i++) {
		siginfo_t si;
		struct timespec t = {10, 0};

		if (sigtimedwait(&m, &si, &t) != SIGRTMIN || si.si_value.sival_int != i) {
			CHECK_EQ(si.si_value.sival_int, i);
			break;
		}
	}
	CHILD_OK(pid);
}

CASE(storm, "a handler that is hit at every moment disturbs no computation")
{
	pid_t me = getpid(), pid;
	unsigned long sum = 0, want = 0;

	handle_count(SIGUSR1, SA_RESTART);
	pid = fork();
	if (pid == 0) {
		for (;;)
			if (kill(me, SIGUSR1) < 0)
				_exit(0);
	}
	while (got == 0)
		getppid(); /* on a busy machine the computation would be over before the storm */
	for (int round = 0; round < 200; round++) {
		double d = 0;

		for (int i = 0; i < 20000; i++)
			d += i * 0.5;
		sum += (unsigned long)d;
		want += 99995000;
		getppid();
	}
	CHECK_EQ(sum, want);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(got > 0);
}

CASE(group_kill, "kill(0) and kill(-pgid) reach the whole group")
{
	pid_t pids[3];

	signal(SIGUSR1, SIG_IGN);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			signal(SIGUSR1, SIG_DFL);
			for (;;)
				pause();
		}
	}
	abi_sleep_ms(50);
	CHECK_EQ(kill(0, SIGUSR1), 0);
	for (int i = 0; i < 3; i++) {
		int st;

		waitpid(pids[i], &st, 0);
		CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGUSR1);
	}
	CHECK_FAILS(kill(-(1 << 21), SIGTERM), ESRCH);
}

CASE(sigpipe, "a write to a pipe without reader is SIGPIPE, or EPIPE when it is ignored")
{
	int p[2];

	REQUIRE(pipe(p) == 0);
	close(p[0]);
	handle_count(SIGPIPE, 0);
	CHECK_FAILS(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(got, 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_FAILS(write(p[1], "x", 1), EPIPE);
}
