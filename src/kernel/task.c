/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task: its making, its host thread, and the loop that is its life.
 */
#include "kernel/task.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/internal.h"
#include "kernel/oom.h"
#include "kernel/seccomp.h"
#include "mm/gate.h"

#define TASK_STACK_SIZE (256 * 1024)

/* ---- counting ------------------------------------------------------------------------------------ */

struct task *task_new(void)
{
	struct task *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	list_init(&t->group_link);
	sigpending_init(&t->pending);
	t->altstack.ss_flags = SS_DISABLE;
	t->syscall_nr = -1;
	t->state = 'R';
	t->dumpable = true;
	t->timer_slack_ns = 50000;
	t->start_ns = clock_now_ns(CLOCK_BOOTTIME);
	if (platform_new_context(kernel.platform, &t->context) < 0) {
		free(t);
		return NULL;
	}
	return t;
}

struct thread_group *group_new(void)
{
	struct thread_group *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	atomic_init(&g->refs, 1);
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->stop_cond, NULL);
	list_init(&g->tasks);
	list_init(&g->children);
	list_init(&g->sibling);
	list_init(&g->pgrp_link);
	waitq_init(&g->child_wait);
	waitq_init(&g->signal_wait);
	waitq_init(&g->task_wait);
	waitq_init(&g->pidfd_wait);
	sigpending_init(&g->shared_pending);
	g->exit_signal = SIGCHLD;
	g->start_ns = clock_now_ns(CLOCK_BOOTTIME);
	return g;
}

struct task *task_get(struct task *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void task_put(struct task *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	sigpending_flush(&t->pending);
	if (t->context)
		context_release(t->context);
	if (t->mm)
		mm_put(t->mm);
	if (t->files)
		fdtable_put(t->files);
	if (t->fs)
		fs_put(t->fs);
	if (t->cred)
		cred_put(t->cred);
	user_put(t->user);
	seccomp_put(t->seccomp);
	seccomp_put(atomic_load(&t->seccomp_offer));
	if (t->group)
		group_put(t->group);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

struct thread_group *group_get(struct thread_group *g)
{
	atomic_fetch_add(&g->refs, 1);
	return g;
}

void group_put(struct thread_group *g)
{
	if (!g || atomic_fetch_sub(&g->refs, 1) != 1)
		return;
	sigpending_flush(&g->shared_pending);
	if (g->sighand)
		sighand_put(g->sighand);
	pthread_cond_destroy(&g->stop_cond);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

/* ---- what others may hold of a task -------------------------------------------------------------- */

struct mm *task_get_mm(struct task *t)
{
	struct mm *mm;

	pthread_mutex_lock(&t->lock);
	mm = t->mm ? mm_get(t->mm) : NULL;
	pthread_mutex_unlock(&t->lock);
	return mm;
}

struct fdtable *task_get_files(struct task *t)
{
	struct fdtable *files;

	pthread_mutex_lock(&t->lock);
	files = t->files ? fdtable_get(t->files) : NULL;
	pthread_mutex_unlock(&t->lock);
	return files;
}

struct fs *task_get_fs(struct task *t)
{
	struct fs *fs;

	pthread_mutex_lock(&t->lock);
	fs = t->fs ? fs_get(t->fs) : NULL;
	pthread_mutex_unlock(&t->lock);
	return fs;
}

struct cred *task_get_cred(struct task *t)
{
	struct cred *c;

	pthread_mutex_lock(&t->lock);
	c = cred_get(t->cred);
	pthread_mutex_unlock(&t->lock);
	return c;
}

void task_set_files(struct fdtable *files)
{
	struct fdtable *old = current->files;

	pthread_mutex_lock(&current->lock);
	current->files = files;
	pthread_mutex_unlock(&current->lock);
	fdtable_use(files, &current->group->rlim_nofile);
	fdtable_put(old);
}

struct mm *task_set_mm(struct mm *mm)
{
	struct mm *old = current->mm;

	pthread_mutex_lock(&current->lock);
	current->mm = mm;
	pthread_mutex_unlock(&current->lock);
	user_memory_use(mm ? &mm->user : NULL);
	return old;
}

/* ---- CPU time ------------------------------------------------------------------------------------ */

static uint64_t timeval_ns(const struct timeval *t)
{
	return t->tv_sec * 1000000000ULL + t->tv_usec * 1000ULL;
}

void task_update_times(struct task *t)
{
	struct rusage u;

	if (getrusage(RUSAGE_THREAD, &u) < 0)
		return;
	if (t->context) /* else it is on its way out, and what it was is known */
		t->platform_ns = context_cpu_time(t->context);
	t->utime_ns = timeval_ns(&u.ru_utime) + t->platform_ns;
	t->stime_ns = timeval_ns(&u.ru_stime);
	t->minflt = u.ru_minflt;
	t->majflt = u.ru_majflt;
	t->nvcsw = u.ru_nvcsw;
	t->nivcsw = u.ru_nivcsw;
}

/*
 * The host thread's CPU time is the task's, and so is what its user code took elsewhere on a
 * platform that has threads of its own for it. The host gives the split into user and system time
 * to the thread itself only; for others what is new since it last looked counts as user time.
 */
void task_times(struct task *t, uint64_t *utime_ns, uint64_t *stime_ns)
{
	uint64_t total = 0;

	if (t == current) {
		task_update_times(t);
	} else {
		pthread_mutex_lock(&t->lock);
		if (t->host) {
			/* MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED) of the kernel's ABI. */
			clockid_t clock = (clockid_t)((~(unsigned)t->host_tid << 3) | 6);
			struct timespec ts;

			if (clock_gettime(clock, &ts) == 0)
				total = ts.tv_sec * 1000000000ULL + ts.tv_nsec +
					context_cpu_time(t->context);
		}
		pthread_mutex_unlock(&t->lock);
	}
	*stime_ns = t->stime_ns;
	*utime_ns = total > t->utime_ns + t->stime_ns ? total - t->stime_ns : t->utime_ns;
}

void group_times(struct thread_group *g, uint64_t *utime_ns, uint64_t *stime_ns)
{
	struct task *t;

	pthread_mutex_lock(&g->lock);
	*utime_ns = g->utime_ns;
	*stime_ns = g->stime_ns;
	list_for_each(t, &g->tasks, group_link) {
		uint64_t u, s;

		if (t->exited)
			continue; /* counted in the group already */
		task_times(t, &u, &s);
		*utime_ns += u;
		*stime_ns += s;
	}
	pthread_mutex_unlock(&g->lock);
}

char task_state(struct task *t)
{
	char state = t->state;

	if (state != 'R')
		return state;
	pthread_mutex_lock(&t->lock);
	if (t->stopped)
		state = 'T';
	else if (t->host && atomic_load(&t->host->in_call))
		state = 'S';
	pthread_mutex_unlock(&t->lock);
	return state;
}

pid_t group_ppid_locked(struct thread_group *g)
{
	return g->parent ? g->parent->tgid : 0;
}

pid_t task_host_tid(struct task *t)
{
	pid_t tid;

	pthread_mutex_lock(&t->lock);
	tid = t->host ? t->host_tid : 0;
	pthread_mutex_unlock(&t->lock);
	return tid;
}

/* ---- kicking ------------------------------------------------------------------------------------- */

void task_kick(struct task *t)
{
	/* Visible before the kick: whoever wakes up looks here. */
	atomic_store(&t->sigpending, true);
	pthread_mutex_lock(&t->lock);
	if (t->host) {
		context_interrupt(t->context);
		host_kick(t->host);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- the host thread ----------------------------------------------------------------------------- */

struct thread_start {
	struct task *task;
	int (*begin)(struct task *t);
	void (*enter)(struct task *t);
	struct parker done;
	int result;
};

void task_attach_thread(struct task *t)
{
	current = t;
	host_thread_init(signal_interrupted, t);
	t->thread = pthread_self();
	t->host_tid = host_self.tid;
	pthread_mutex_lock(&t->lock);
	t->host = &host_self;
	pthread_mutex_unlock(&t->lock);
	if (t->mm)
		user_memory_use(&t->mm->user);
	if (t->files)
		fdtable_use(t->files, &t->group->rlim_nofile);
}

static void *thread_main(void *arg)
{
	struct thread_start *start = arg;
	struct task *t = start->task;
	void (*enter)(struct task *t) = start->enter;
	int r = start->begin(t);

	start->result = r;
	unpark(&start->done); /* start is on the maker's stack: gone from here on */
	if (r == 0)
		enter(t);
	pthread_mutex_lock(&t->lock);
	t->host = NULL;
	pthread_mutex_unlock(&t->lock);
	user_memory_use(NULL);
	fdtable_use(NULL, NULL);
	current = NULL;
	task_put(t);
	return NULL;
}

/* Tasks are woken by the kick signal only; faults of husk's own must still kill it. */
static void thread_signal_mask(sigset_t *set)
{
	static const int open[] = {HOST_KICK_SIGNAL, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

	sigfillset(set);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		sigdelset(set, open[i]);
}

int task_start_thread(struct task *t, int (*begin)(struct task *t), void (*enter)(struct task *t))
{
	struct thread_start start = {.task = t, .begin = begin, .enter = enter};
	pthread_attr_t attr;
	sigset_t mask, old;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, TASK_STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	thread_signal_mask(&mask);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	task_get(t); /* the thread's own */
	r = pthread_create(&thread, &attr, thread_main, &start);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r) {
		task_put(t);
		return -EAGAIN;
	}
	/* start must stay until the thread has read it: this wait cannot be given up. */
	while (!atomic_exchange(&start.done.woken, 0))
		host_call(SYS_futex, (long)&start.done.woken, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0L, 0L);
	return start.result;
}

/* ---- the loop ------------------------------------------------------------------------------------ */

static void fault_signal(const struct switch_event *ev, int sig, int code)
{
	siginfo_t info = {.si_signo = sig, .si_code = code};

	info.si_addr = (void *)ev->addr;
	current->trapno = ev->trapno;
	current->error_code = ev->error_code;
	if (ev->page_fault)
		current->cr2 = ev->addr;
	signal_force(&info);
}

static void out_of_memory(void)
{
	if (oom_is_dying())
		return;
	log_warning("out of memory: pid %d (%s) is killed", current->group->tgid, current->comm);
	group_exit(current->group, SIGKILL);
}

static void handle_fault(const struct switch_event *ev)
{
	current->minflt++;
	switch (mm_fault(current->mm, ev->addr, ev->access)) {
	case FAULT_DONE:
		break;
	case FAULT_SEGV_MAPERR:
		fault_signal(ev, SIGSEGV, SEGV_MAPERR);
		break;
	case FAULT_SEGV_ACCERR:
		fault_signal(ev, SIGSEGV, SEGV_ACCERR);
		break;
	case FAULT_BUS_ADRERR:
		fault_signal(ev, SIGBUS, BUS_ADRERR);
		break;
	case FAULT_OOM:
		if (!memory_gate_wait())
			out_of_memory();
		break;
	}
}

/* A mapped file became shorter. The retry faults with an address, unless something else is wrong. */
static void handle_shrunk(const struct switch_event *ev, unsigned *in_a_row)
{
	if (++*in_a_row > 2)
		fault_signal(ev, SIGBUS, BUS_ADRERR);
	else
		mm_prune_shrunk_files(current->mm);
}

/* The machine is broken, for all of us: init goes, and with it everybody. */
static void handle_fatal(const struct switch_event *ev)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	if (!atomic_flag_test_and_set(&said)) /* the others only learn that it has failed */
		log_error("the sandbox ends, its machine failed under pid %d (%s): %s",
			  current->group->tgid, current->comm, ev->fatal);
	group_exit(current->group, SIGKILL);
	pthread_rwlock_rdlock(&kernel.tasklist);
	if (kernel.init && kernel.init != current->group)
		group_exit(kernel.init, SIGKILL);
	pthread_rwlock_unlock(&kernel.tasklist);
}

static void handle_event(const struct switch_event *ev, unsigned *shrunk)
{
	if (ev->reason != SWITCH_FILE_SHRUNK)
		*shrunk = 0;
	switch (ev->reason) {
	case SWITCH_SYSCALL:
		syscall_dispatch();
		break;
	case SWITCH_SIGNAL:
		if (ev->page_fault)
			handle_fault(ev);
		else
			fault_signal(ev, ev->signo, ev->si_code);
		break;
	case SWITCH_CPUID:
		fault_signal(ev, SIGSEGV, SI_KERNEL);
		break;
	case SWITCH_INTERRUPT:
	case SWITCH_PREEMPTED:
		break;
	case SWITCH_FILE_SHRUNK:
		handle_shrunk(ev, shrunk);
		break;
	case SWITCH_EXITED: /* the sandbox ends: so does everybody in it */
		group_exit(current->group, SIGKILL);
		break;
	case SWITCH_FATAL:
		handle_fatal(ev);
		break;
	}
}

/* Did a call end with one of the codes that must never reach the guest? */
static bool wants_restart(const struct task *t)
{
	long r = t->regs.rax;

	return t->syscall_nr >= 0 && r <= -ERESTARTSYS && r >= -ERESTART_RESTARTBLOCK;
}

/*T:320 A task's life
 * Run user code until something happens, do something about it, again. This host thread *is* the
 * task: while user code runs it sits in context_switch(), and when a system call sleeps it is this
 * thread that sleeps in the host's kernel. The next stops go down into that one call.
 */
void task_loop(void)
{
	struct task *t = current;
	struct switch_event ev;
	unsigned shrunk = 0;

	for (;;) {
		/*
		 * Forget kicks first, then look: one that comes later leaves its mark in the context,
		 * and the switch below returns at once.
		 */
		host_unkick();
		while ((atomic_load(&t->sigpending) || wants_restart(t)) && !atomic_load(&t->dying)) {
			signal_deliver(t->syscall_nr);
			t->syscall_nr = -1;
		}
		t->syscall_nr = -1;
		if (atomic_load(&t->dying))
			break;
		context_switch(t->context, t->mm->as, &t->regs, -1, &ev);
		handle_event(&ev, &shrunk);
	}
	task_do_exit();
}
