/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks, thread groups, process groups and sessions, as Linux has them, one host thread a task.
 *
 * A task's host thread runs task_loop(): switch to the guest, handle what comes back, deliver
 * signals, again. Everything a task sleeps for is interruptible by task_kick().
 *
 * Locks, outer to inner (docs/LOCKING.md has the whole order):
 *   kernel.tasklist   who exists and who is whose parent, pids, groups, sessions (a rwlock: walkers
 *                     take it shared; fork, exit, setsid, setpgid, reparenting exclusively)
 *   thread_group.lock signals, stop and exit state, timers, rlimits of one thread group
 *   sighand.lock      signal actions (CLONE_SIGHAND without CLONE_THREAD shares them between groups)
 *   task.lock         a leaf: the pointers of one task that others may want (mm, files, fs, host …)
 *   task fields without a lock note belong to the task's own thread; others read them only where
 *   the comment says how.
 */
#ifndef HUSK_KERNEL_TASK_H
#define HUSK_KERNEL_TASK_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/user.h>

#include "base/hostcall.h"
#include "base/list.h"
#include "base/waitq.h"
#include "kernel/cred.h"
#include "kernel/signal.h"
#include "mm/mm.h"
#include "platform/platform.h"
#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/tty.h"

#define TASK_COMM_LEN 16
#define RLIM_COUNT 16

struct task;
struct trace_calls;
struct user_count;

/* A session; its id is the leader's pid. Counted by the thread groups in it. */
struct session {
	atomic_uint refs;
	pid_t sid;
	struct list pgrps;
	struct tty *tty; /* controlling terminal with a reference, or NULL; guarded by tasklist */
};

/* A process group; counted by the thread groups in it. */
struct pgrp {
	struct list link; /* in session->pgrps */
	struct session *session;
	struct list groups; /* thread_group.pgrp_link */
	pid_t pgid;
	unsigned count;
};

struct thread_group {
	atomic_uint refs;
	pthread_mutex_t lock;
	pid_t tgid;
	struct task *leader; /* guarded by tasklist; NULL once the group is reaped */
	/* task.group_link; changed with tasklist and lock held, so either is enough to walk it. */
	struct list tasks;
	unsigned ntasks; /* live ones; as tasks */
	struct thread_group *parent; /* NULL: came from outside (init, exec); guarded by tasklist */
	struct task *parent_task;    /* which thread of the parent made it (__WNOTHREAD) */
	struct list children;	     /* thread groups; guarded by tasklist */
	struct list sibling;
	struct pgrp *pgrp; /* guarded by tasklist */
	struct list pgrp_link;
	struct waitq child_wait;  /* wait4() of this group's tasks sleeps here */
	struct waitq signal_wait; /* signalfd readers: a signal was queued */
	struct waitq task_wait;	  /* a task of the group ended (de_thread) */
	struct waitq pidfd_wait;  /* the group has become a zombie */
	bool child_subreaper, did_exec;

	/* Signals: guarded by lock. */
	struct sigpending shared_pending;
	struct sighand *sighand; /* CLONE_SIGHAND shares it */
	int exit_signal;	 /* to the parent on death, usually SIGCHLD */

	/* Death and job control: guarded by lock. */
	bool exiting;	 /* exit_group or a fatal signal: every task must go */
	int exit_code;	 /* wait status */
	bool core_dumped;
	bool zombie, reaped, autoreap;
	int stop_signal; /* != 0: all tasks are to stop, or have */
	unsigned stopped_tasks;
	int stop_code;	     /* the signal that stopped it, while all are stopped and none has waited */
	bool continued;	     /* SIGCONT ended a stop, not yet told by wait4 */
	bool tell_continued; /* the first task to run again tells the parent (CLD_CONTINUED) */
	pthread_cond_t stop_cond;      /* stopped tasks sleep here; with lock */
	struct task *exec_task;	       /* de_thread: the one that survives */

	_Atomic uint64_t rlim_nofile; /* = rlimits[RLIMIT_NOFILE].rlim_cur, for fdtable_use */
	struct rlimit rlimits[RLIM_COUNT];

	/* Times of dead threads and reaped children, ns. */
	uint64_t utime_ns, stime_ns, cutime_ns, cstime_ns;
	uint64_t minflt, majflt, nvcsw, nivcsw, cminflt, cmajflt;
	uint64_t start_ns; /* CLOCK_BOOTTIME at fork */
	int oom_score_adj;
	struct posix_timers *timers; /* kernel/timer.c: POSIX timers and itimers of the group */

	/* A process that came in by exec (sandbox/control.c): told when it is gone. */
	void (*on_exit)(void *arg, int wait_status);
	void *on_exit_arg;
};

struct task {
	atomic_uint refs;
	pid_t tid;
	struct thread_group *group;
	struct list group_link; /* guarded by tasklist */
	pthread_t thread;
	/*
	 * The leaf lock of the pointers below: the owner changes them with it, others read them with
	 * it (task_get_mm() and friends). NULL once the task has let go of them.
	 */
	pthread_mutex_t lock;
	struct host_thread *host;
	pid_t host_tid;

	struct context *context;
	struct mm *mm;
	struct fdtable *files;
	struct fs *fs;
	struct user_regs_struct regs; /* user state while outside the guest */
	struct cred *cred; /* replaced as a whole; never NULL */
	struct user_count *user; /* counts it against RLIMIT_NPROC; the real uid's. Own thread */
	char comm[TASK_COMM_LEN];

	/* Signals: guarded by group->lock, but for `blocked`, which only the owner writes (with it). */
	struct sigpending pending;
	ksigset_t blocked;
	ksigset_t saved_blocked; /* sigsuspend, ppoll, … : restored unless a handler runs */
	bool restore_blocked;
	stack_t altstack;
	ksigset_t waited;	 /* rt_sigtimedwait() waits for these: do not drop them as ignored */
	_Atomic bool sigpending; /* something may be deliverable: look */
	_Atomic bool dying;
	_Atomic bool unkillable_sleep; /* only death may interrupt (vfork, de_thread) */
	bool stopped;
	bool fatal_fault; /* a forced signal is queued that even init dies of. With group->lock */
	bool leaving; /* task_do_exit() is under way: never a target again. With group->lock */
	/*
	 * restart_syscall(2): a call that returns -ERESTART_RESTARTBLOCK leaves here what to do again:
	 * its number, its arguments, and its deadline (CLOCK_MONOTONIC). It is then called with these
	 * arguments, and knows by syscall_nr == SYS_restart_syscall that the deadline is to be kept.
	 */
	long restart_nr;
	uint64_t restart_deadline_ns;
	uint64_t restart_args[6];
	unsigned trapno, error_code; /* of the last exception, for sigcontext */
	uint64_t cr2;

	uint64_t clear_child_tid; /* CLONE_CHILD_CLEARTID, set_tid_address */
	uint64_t robust_list, robust_list_len;
	_Atomic bool vfork_waiting; /* the parent is parked below until we exec or exit */
	struct parker vfork_done;
	int exit_code;
	char state; /* for /proc: R S D T Z X */
	bool exited;

	/* seccomp(2): the own thread's, but for the offer, which a sibling's TSYNC leaves here. */
	struct seccomp_filter *seccomp;
	struct seccomp_filter *_Atomic seccomp_offer;
	bool seccomp_strict;

	int nice, policy, rt_priority;
	unsigned long personality;
	unsigned long timer_slack_ns;
	int pdeath_signal;
	bool dumpable, keep_caps, thp_disable;
	uint64_t start_ns, utime_ns, stime_ns;
	uint64_t platform_ns; /* of utime_ns: not the host thread's */
	uint64_t minflt, majflt, nvcsw, nivcsw;
	uint64_t rchar, wchar, syscr, syscw;
	long syscall_nr; /* being executed, -1: none; for `husk trace` and /proc/PID/syscall */
};

/* The task of the calling host thread; NULL on threads that are none. */
extern __thread struct task *current;

struct kernel {
	struct platform *platform;
	pthread_rwlock_t tasklist;
	struct thread_group *init;
	bool debug; /* log unimplemented system calls */
	const struct trace_calls *trace; /* kernel/trace.h; NULL: no trace */
	atomic_uint forks;
	atomic_uint live_tasks; /* with a host thread that still works for them */
	struct waitq last_task; /* init's last thread waits for the others to go */
	_Atomic bool shutdown;	/* init is going: no new tasks */
	pid_t last_pid;		/* guarded by tasklist */
};
extern struct kernel kernel;

/* ---- identity ----------------------------------------------------------------------------------- */

/* Each returns a counted object or NULL; put with task_put()/group_put(). */
struct task *task_find(pid_t tid);
struct thread_group *group_find(pid_t tgid);
/* The caller holds kernel.tasklist; not counted. */
struct task *task_find_locked(pid_t tid);
struct thread_group *group_find_locked(pid_t tgid);
struct pgrp *pgrp_find_locked(pid_t pgid);
/* The smallest used tgid ≥ from, -1 none; the caller holds kernel.tasklist. */
pid_t group_next_locked(pid_t from);
struct task *task_get(struct task *t);
void task_put(struct task *t);
struct thread_group *group_get(struct thread_group *g);
void group_put(struct thread_group *g);
/* A counted mm of any task, or NULL (kernel threads, the dead). */
struct mm *task_get_mm(struct task *t);
/* A counted descriptor table, a counted struct fs, counted credentials (never NULL) of any task. */
struct fdtable *task_get_files(struct task *t);
struct fs *task_get_fs(struct task *t);
struct cred *task_get_cred(struct task *t);
/* Gives current another descriptor table (consumed) and puts the old one. */
void task_set_files(struct fdtable *files);
/*
 * CPU time of a task, ns, running or dead; of a group with its dead threads (its reaped children
 * are apart, in cutime_ns and cstime_ns). The caller holds a reference.
 */
void task_times(struct task *t, uint64_t *utime_ns, uint64_t *stime_ns);
void group_times(struct thread_group *g, uint64_t *utime_ns, uint64_t *stime_ns);
/* What /proc shows as the state: R, S, D, T, Z. The caller holds a reference. */
char task_state(struct task *t);
/* The parent's tgid as getppid(2) answers it; 0: came from outside. Caller holds tasklist. */
pid_t group_ppid_locked(struct thread_group *g);

/* ---- life --------------------------------------------------------------------------------------- */

struct clone_args_k {
	uint64_t flags; /* CLONE_* without the signal byte */
	int exit_signal;
	uint64_t stack, stack_size; /* stack: the new stack pointer, 0: the parent's */
	uint64_t tls, parent_tid, child_tid;
	pid_t set_tid;
	uint64_t pidfd;
};
/* clone(2) by current: the child's tid as the caller sees it, or a negative errno. */
long task_clone(const struct clone_args_k *args);

/*
 * A process from outside: the container's init, an exec. It starts with the given program, and is a
 * child of nobody (pid 0). Runs on the calling thread's descendants: see kernel/spawn.c.
 */
struct spawn_args {
	const char *path;	 /* the program; NULL: argv[0] is */
	const char *const *argv; /* argv[0] is looked up in env's PATH unless it has a slash */
	const char *const *env;
	const char *cwd;
	struct cred *cred;	/* consumed */
	struct fdtable *files;	/* consumed */
	struct tty *tty;	/* controlling terminal of the new session, or NULL; not consumed */
	struct seccomp_filter *seccomp; /* or NULL; not consumed */
	struct rlimit rlimits[RLIM_COUNT];
	mode_t umask;
	int oom_score_adj, nice;
	int policy, rt_priority;	   /* SCHED_…, as the guest sees them; see sched.c */
	unsigned long personality;
	const unsigned char *cpus;	   /* affinity mask of the first thread; NULL: as kthreadd's */
	size_t cpus_size;		   /* bytes */
	const int *cgroups;		   /* files that the first thread enters cgroups by; not consumed */
	unsigned ncgroups;
	bool is_init;
	void (*on_exit)(void *arg, int wait_status); /* called once, on some thread */
	void *arg;
};
struct error;
/*
 * Looks the program up, loads it and makes the task, which waits for spawn_start(). Errors are
 * worded as runc words them ("exec: \"foo\": executable file not found in $PATH").
 */
int spawn_prepare(const struct spawn_args *args, struct task **out, struct error *err);
void spawn_start(struct task *t);
/* Gives a prepared process up again. */
void spawn_abandon(struct task *t);

/* The loop of a task's host thread; returns when the task has died. */
void task_loop(void);
/* Ends the calling task (exit(2)); does not return to the guest. wait status in code. */
void task_exit(int code);
/* Marks the whole thread group as dying with this wait status (exit_group, fatal signals). */
void group_exit(struct thread_group *g, int wait_status);

/* Makes the task look at its signals: leaves the guest or its interruptible host call. */
void task_kick(struct task *t);

/* The host thread's tid; 0 when the task has none any more, which would mean the caller's to the host. */
pid_t task_host_tid(struct task *t);

/* One system call of current, number in regs.orig_rax; result into regs.rax. */
void syscall_dispatch(void);

/* execve(2) on current. argv and env are guest addresses; -errno, or 0 and new registers. */
long task_execve(struct file *at, int at_fd, const char *path, uint64_t argv, uint64_t env,
		 unsigned flags);

/* Boots the kernel's tables on a platform. Called once, by sandbox/, before kthreadd_start(). */
int kernel_boot(struct platform *platform, bool debug);

/*
 * Makes the host thread that all tasks' threads descend from: it runs setup(arg) (mount namespace,
 * placeholders) and then serves spawn_prepare(). Returns what setup returned, or -errno.
 */
int kthreadd_start(int (*setup)(void *arg), void *arg);

#endif
