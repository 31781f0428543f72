/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * execve(2): the other threads die, and the caller becomes the new program under the group's pid.
 */
#include "kernel/exec.h"

#include <errno.h>
#include <string.h>
#include <sys/personality.h>

#include "base/cleanup.h"

#include "kernel/action.h"
#include "kernel/internal.h"
#include "kernel/timer.h"

/* Personality bits that a set-id program must not inherit (PER_CLEAR_ON_SETID). */
#define PERSONALITY_CLEAR_ON_SETID                                                                 \
	(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO)

/* ---- the other threads --------------------------------------------------------------------------- */

static bool alone(struct thread_group *g)
{
	bool others = false;
	struct task *t;

	pthread_mutex_lock(&g->lock);
	list_for_each(t, &g->tasks, group_link)
		others |= t != current && !t->exited;
	pthread_mutex_unlock(&g->lock);
	return !others;
}

/* The group's pid is ours now; the old leader, dead already, gives up its number. */
static void become_leader(struct thread_group *g)
{
	struct thread_group *child;
	struct task *old = g->leader;

	pthread_rwlock_wrlock(&kernel.tasklist);
	pthread_mutex_lock(&g->lock);
	list_del(&old->group_link);
	pthread_mutex_unlock(&g->lock);
	list_for_each(child, &g->children, sibling)
		if (child->parent_task == old)
			child->parent_task = current;
	pid_detach_locked(current);
	current->tid = g->tgid;
	current->start_ns = old->start_ns;
	pid_detach_locked(old);
	pid_attach_locked(current);
	g->leader = current;
	pthread_rwlock_unlock(&kernel.tasklist);
}

static int de_thread(void)
{
	struct thread_group *g = current->group;
	struct task *t;
	int r = 0;

	pthread_mutex_lock(&g->lock);
	if (g->exiting || g->exec_task) {
		pthread_mutex_unlock(&g->lock);
		return -EAGAIN; /* we die anyway */
	}
	g->exec_task = current;
	list_for_each(t, &g->tasks, group_link) {
		if (t == current || t->exited)
			continue;
		t->exit_code = SIGKILL;
		atomic_store(&t->dying, true);
		task_kick(t);
	}
	pthread_cond_broadcast(&g->stop_cond);
	pthread_mutex_unlock(&g->lock);

	atomic_store(&current->unkillable_sleep, true);
	if (waitq_wait_event(&g->task_wait, NULL, alone(g)) < 0)
		r = -EAGAIN;
	atomic_store(&current->unkillable_sleep, false);
	if (r == 0 && g->leader != current)
		become_leader(g);
	pthread_mutex_lock(&g->lock);
	g->exec_task = NULL;
	pthread_mutex_unlock(&g->lock);
	return r;
}

/* ---- the new program ----------------------------------------------------------------------------- */

static void install_signals(struct task *t)
{
	struct thread_group *g = t->group;

	/* Handlers are addresses in the old program: shared with another process, we need our own. */
	if (atomic_load(&g->sighand->refs) > 1) {
		struct sighand *own = sighand_copy(g->sighand), *old = g->sighand;

		if (own) {
			pthread_mutex_lock(&g->lock);
			g->sighand = own;
			pthread_mutex_unlock(&g->lock);
			sighand_put(old);
		}
	}
	action_reset_for_exec(g->sighand);
	memset(&t->altstack, 0, sizeof(t->altstack));
	t->altstack.ss_flags = SS_DISABLE;
	t->restart_nr = 0;
}

static void install_files(struct task *t)
{
	struct fdtable *own = fdtable_shared(t->files) ? fdtable_copy(t->files) : NULL;

	if (own)
		task_set_files(own);
	fdtable_close_on_exec(t->files);
}

static void install_registers(struct task *t, const struct program *p)
{
	memset(&t->regs, 0, sizeof(t->regs));
	t->regs.rip = p->entry;
	t->regs.rsp = p->sp;
	t->regs.eflags = 0x202;
	t->regs.orig_rax = -1;
	t->syscall_nr = -1;
	context_reset_fpstate(t->context);
}

int program_install(struct program *p)
{
	struct task *t = current;
	struct mm *old;
	int r = cred_commit(steal_ptr(&p->cred));

	if (r < 0)
		return r;
	if (t->mm)
		task_mm_release(t);
	old = task_set_mm(steal_ptr(&p->mm));
	if (old)
		mm_put(old);
	timers_exec(t->group);
	install_signals(t);
	install_files(t);
	install_registers(t, p);
	if (p->secure)
		t->personality &= ~PERSONALITY_CLEAR_ON_SETID;
	t->dumpable = !p->secure;
	t->keep_caps = false;
	t->clear_child_tid = t->robust_list = t->robust_list_len = 0;
	memcpy(t->comm, p->comm, sizeof(t->comm));
	t->group->did_exec = true;
	t->group->exit_signal = SIGCHLD;
	return 0;
}

long task_execve(struct file *at, int at_fd, const char *path, uint64_t argv, uint64_t env,
		 unsigned flags)
{
	struct exec_strings args = {
	    .limit = exec_strings_limit(group_rlimit(current->group, RLIMIT_STACK))};
	struct program p;
	int r = exec_strings_from_guest(&args, argv, env);

	if (r == 0) {
		r = program_load(at, at_fd, path, flags, &args, &p);
		/* Linux has given the old program up by now, and kills what is left of it. */
		if (r < 0 && p.past_no_return)
			group_exit(current->group, SIGSEGV);
	}
	exec_strings_free(&args);
	if (r < 0)
		return r;
	r = de_thread();
	if (r == 0) {
		r = program_install(&p);
		if (r < 0)
			group_exit(current->group, SIGKILL);
	}
	program_free(&p);
	return r;
}
