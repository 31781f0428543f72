/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks as /proc shows them: snapshots taken under kernel.tasklist. Also asked by the control thread
 * (`husk ps`), which is no task and may see everything.
 */
#include "kernel/procinfo.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "kernel/task.h"
#include "vfs/procfs.h"

static uint64_t memory_limit;

void procinfo_set_memory_limit(uint64_t bytes)
{
	memory_limit = bytes;
}

/* ---- who there is ------------------------------------------------------------------------------ */

static pid_t next_tgid(pid_t from)
{
	pid_t id;

	pthread_rwlock_rdlock(&kernel.tasklist);
	id = group_next_locked(from);
	pthread_rwlock_unlock(&kernel.tasklist);
	return id;
}

static pid_t next_tid(pid_t tgid, pid_t from)
{
	struct thread_group *g;
	pid_t best = -1;
	struct task *t;

	pthread_rwlock_rdlock(&kernel.tasklist);
	g = group_find_locked(tgid);
	if (g) {
		list_for_each(t, &g->tasks, group_link) {
			/* A dead leader stays to be seen, as long as its group does. */
			if (t->tid < from || (t->exited && t != g->leader))
				continue;
			if (best < 0 || t->tid < best)
				best = t->tid;
		}
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return best;
}

static pid_t current_tgid(void)
{
	return current ? current->group->tgid : 0;
}

static pid_t current_tid(void)
{
	return current ? current->tid : 0;
}

/* ---- one task ---------------------------------------------------------------------------------- */

/* Asleep is who is inside an interruptible host call; everybody else runs, or wants to. */
static char state_of(struct task *t)
{
	char state = 'R';

	if (t->exited || t->group->zombie)
		return 'Z';
	if (t->stopped)
		return 'T';
	pthread_mutex_lock(&t->lock);
	if (t->host && atomic_load(&t->host->in_call))
		state = t->unkillable_sleep ? 'D' : 'S';
	pthread_mutex_unlock(&t->lock);
	return state;
}

static void fill_cred(struct task *t, struct proc_task *p)
{
	struct cred *c = task_get_cred(t);

	p->ruid = c->ruid;
	p->euid = c->euid;
	p->suid = c->suid;
	p->fsuid = c->fsuid;
	p->rgid = c->rgid;
	p->egid = c->egid;
	p->sgid = c->sgid;
	p->fsgid = c->fsgid;
	p->ngroups = c->ngroups < 64 ? c->ngroups : 64;
	for (unsigned i = 0; i < p->ngroups; i++)
		p->groups[i] = c->groups[i];
	p->cap_inh = c->cap_inheritable;
	p->cap_prm = c->cap_permitted;
	p->cap_eff = c->cap_effective;
	p->cap_bnd = c->cap_bounding;
	p->cap_amb = c->cap_ambient;
	p->no_new_privs = c->no_new_privs;
	cred_put(c);
}

static void fill_signals(struct task *t, struct proc_task *p)
{
	struct thread_group *g = t->group;
	struct sighand *s;
	struct list *l;

	pthread_mutex_lock(&g->lock);
	p->sig_pending = t->pending.set;
	p->shared_pending = g->shared_pending.set;
	p->sig_blocked = t->blocked;
	for (l = t->pending.queue.next; l && l != &t->pending.queue; l = l->next)
		p->sigq_used++;
	for (l = g->shared_pending.queue.next; l && l != &g->shared_pending.queue; l = l->next)
		p->sigq_used++;
	s = g->sighand;
	if (s) {
		pthread_mutex_lock(&s->lock);
		for (int sig = 1; sig <= NSIG_GUEST; sig++) {
			if (s->action[sig].handler == 1)
				p->sig_ignored |= SIGMASK(sig);
			else if (s->action[sig].handler != 0)
				p->sig_caught |= SIGMASK(sig);
		}
		pthread_mutex_unlock(&s->lock);
	}
	for (int i = 0; i < RLIM_COUNT; i++) {
		p->rlimits[i][0] = g->rlimits[i].rlim_cur;
		p->rlimits[i][1] = g->rlimits[i].rlim_max;
	}
	p->oom_score_adj = g->oom_score_adj;
	p->exit_code = g->exit_code;
	p->cutime_ns = g->cutime_ns;
	p->cstime_ns = g->cstime_ns;
	p->minflt = g->minflt;
	p->majflt = g->majflt;
	pthread_mutex_unlock(&g->lock);
}

static void fill_job(struct thread_group *g, struct proc_task *p)
{
	struct session *s = g->pgrp ? g->pgrp->session : NULL;
	struct tty *tty = s ? s->tty : NULL;

	p->pgrp = g->pgrp ? g->pgrp->pgid : 0;
	p->session = s ? s->sid : 0;
	p->tpgid = -1;
	if (!tty)
		return;
	p->tty = tty->rdev;
	pthread_mutex_lock(&tty->lock);
	if (tty->pgrp)
		p->tpgid = tty->pgrp;
	pthread_mutex_unlock(&tty->lock);
}

static int get_task(pid_t tid, struct proc_task *p)
{
	struct thread_group *g;
	struct task *t;

	memset(p, 0, sizeof(*p));
	pthread_rwlock_rdlock(&kernel.tasklist);
	t = task_find_locked(tid);
	if (!t) {
		pthread_rwlock_unlock(&kernel.tasklist);
		return -ESRCH;
	}
	g = t->group;
	p->tid = t->tid;
	p->tgid = g->tgid;
	p->ppid = group_ppid_locked(g);
	memcpy(p->comm, t->comm, sizeof(p->comm));
	p->comm[sizeof(p->comm) - 1] = '\0';
	p->state = state_of(t);
	fill_job(g, p);
	fill_cred(t, p);
	fill_signals(t, p);
	task_times(t, &p->thread_utime_ns, &p->thread_stime_ns);
	group_times(g, &p->utime_ns, &p->stime_ns);
	p->exit_signal = t == g->leader ? g->exit_signal : -1;
	p->start_ns = t->start_ns;
	p->minflt += t->minflt;
	p->majflt += t->majflt;
	p->vctxt = t->nvcsw;
	p->ivctxt = t->nivcsw;
	p->nice = t->nice;
	p->policy = t->policy;
	p->rt_priority = t->rt_priority;
	p->threads = g->ntasks ? g->ntasks : 1;
	p->dumpable = t->dumpable;
	p->rchar = t->rchar;
	p->wchar = t->wchar;
	p->syscr = t->syscr;
	p->syscw = t->syscw;
	p->host_tid = task_host_tid(t);
	pthread_rwlock_unlock(&kernel.tasklist);
	return 0;
}

/* ptrace_may_access(PTRACE_MODE_READ_FSCREDS): ptrace(2), "Ptrace access mode checking". */
static bool may_access(pid_t tid)
{
	struct cred *me, *it;
	struct task *t;
	bool yes;

	if (!current)
		return true;
	t = task_find(tid);
	if (!t)
		return false;
	if (t->group == current->group) {
		task_put(t);
		return true;
	}
	me = current->cred;
	it = task_get_cred(t);
	yes = me->fsuid == it->euid && me->fsuid == it->suid && me->fsuid == it->ruid &&
	      me->fsgid == it->egid && me->fsgid == it->sgid && me->fsgid == it->rgid &&
	      t->dumpable && (it->cap_permitted & ~me->cap_effective) == 0;
	yes = yes || cred_capable(me, CAP_SYS_PTRACE);
	cred_put(it);
	task_put(t);
	return yes;
}

/* ---- objects of a task ------------------------------------------------------------------------- */

static struct mm *get_mm(pid_t tid)
{
	struct task *t = task_find(tid);
	struct mm *mm;

	if (!t)
		return NULL;
	mm = task_get_mm(t);
	task_put(t);
	return mm;
}

static struct fdtable *get_files(pid_t tid)
{
	struct task *t = task_find(tid);
	struct fdtable *files;

	if (!t)
		return NULL;
	files = task_get_files(t);
	task_put(t);
	return files;
}

static struct fs *get_fs(pid_t tid)
{
	struct task *t = task_find(tid);
	struct fs *fs;

	if (!t)
		return NULL;
	fs = task_get_fs(t);
	task_put(t);
	return fs;
}

static int open_exe(pid_t tid, struct file **out)
{
	struct mm *mm = get_mm(tid);
	int r = -ESRCH;

	if (!mm)
		return r;
	pthread_rwlock_rdlock(&mm->lock);
	if (mm->exe) {
		*out = file_get(mm->exe);
		r = 0;
	}
	pthread_rwlock_unlock(&mm->lock);
	mm_put(mm);
	return r;
}

static int show_exe(pid_t tid, struct ptext *out)
{
	cleanup_free char *path = malloc(PATH_MAX);
	struct file *exe;
	int r;

	if (!path)
		return -ENOMEM;
	r = open_exe(tid, &exe);
	if (r < 0)
		return r;
	r = file_path(exe, path, PATH_MAX);
	file_put(exe);
	if (r >= 0)
		ptext_printf(out, "%s", path);
	return r < 0 ? r : 0;
}

static int show(pid_t tid, const char *name, struct ptext *out)
{
	struct task *t;
	struct mm *mm;
	int r = 0;

	if (strcmp(name, "exe") == 0)
		return show_exe(tid, out);
	t = task_find(tid);
	if (!t)
		return -ESRCH;
	if (strcmp(name, "personality") == 0 || strcmp(name, "timerslack_ns") == 0) {
		if (name[0] == 'p')
			ptext_printf(out, "%08lx\n", t->personality);
		else
			ptext_printf(out, "%lu\n", t->timer_slack_ns);
		task_put(t);
		return 0;
	}
	mm = task_get_mm(t);
	task_put(t);
	if (mm) {
		r = procinfo_show_mm(mm, name, out);
		mm_put(mm);
	} else if (strcmp(name, "statm") == 0) {
		ptext_printf(out, "0 0 0 0 0 0 0\n");
	}
	return r;
}

static ssize_t access_mem(pid_t tid, uint64_t addr, void *buf, size_t n, bool write)
{
	struct mm *mm = get_mm(tid);
	ssize_t r;

	if (!mm)
		return -ESRCH;
	r = mm_access_force(mm, addr, buf, n, write);
	mm_put(mm);
	return r;
}

/* Only threads of one process name each other (proc(5)). */
static int set_comm(pid_t tid, const char *comm)
{
	struct task *t = task_find(tid);
	int r = -EINVAL;

	if (!t)
		return -ESRCH;
	if (current && t->group == current->group) {
		pthread_mutex_lock(&t->lock);
		memset(t->comm, 0, sizeof(t->comm));
		strncpy(t->comm, comm, sizeof(t->comm) - 1);
		pthread_mutex_unlock(&t->lock);
		r = 0;
	}
	task_put(t);
	return r;
}

static int set_oom_score_adj(pid_t tid, int value)
{
	struct thread_group *g;
	struct task *t;
	int r = 0;

	t = task_find(tid);
	if (!t)
		return -ESRCH;
	g = t->group;
	pthread_mutex_lock(&g->lock);
	if (value < g->oom_score_adj && !capable(CAP_SYS_RESOURCE))
		r = -EACCES;
	else
		g->oom_score_adj = value;
	pthread_mutex_unlock(&g->lock);
	task_put(t);
	return r;
}

/* ---- the whole sandbox ------------------------------------------------------------------------- */

static const char *hostname(void)
{
	static __thread struct utsname u;

	return uname(&u) == 0 ? u.nodename : "";
}

static unsigned processes_created(void)
{
	return atomic_load(&kernel.forks);
}

static unsigned tasks_running(unsigned *total)
{
	unsigned running = 0, all = 0;
	struct thread_group *g;
	struct task *t;

	pthread_rwlock_rdlock(&kernel.tasklist);
	for (pid_t id = group_next_locked(1); id > 0; id = group_next_locked(id + 1)) {
		g = group_find_locked(id);
		if (!g)
			continue;
		list_for_each(t, &g->tasks, group_link) {
			all++;
			running += state_of(t) == 'R';
		}
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	if (total)
		*total = all;
	return running;
}

static pid_t last_pid(void)
{
	pid_t pid;

	pthread_rwlock_rdlock(&kernel.tasklist);
	pid = kernel.last_pid;
	pthread_rwlock_unlock(&kernel.tasklist);
	return pid;
}

static uint64_t get_memory_limit(void)
{
	return memory_limit;
}

void procinfo_init(void)
{
	proc_ops = (struct proc_ops){
		.next_tgid = next_tgid,
		.next_tid = next_tid,
		.task = get_task,
		.current_tgid = current_tgid,
		.current_tid = current_tid,
		.mm = get_mm,
		.files = get_files,
		.fs = get_fs,
		.may_access = may_access,
		.show = show,
		.open_exe = open_exe,
		.access_mem = access_mem,
		.set_comm = set_comm,
		.set_oom_score_adj = set_oom_score_adj,
		.hostname = hostname,
		.processes_created = processes_created,
		.tasks_running = tasks_running,
		.last_pid = last_pid,
		.memory_limit = get_memory_limit,
	};
}
