/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of kernel/ share with each other and with nobody else.
 */
#ifndef HUSK_KERNEL_INTERNAL_H
#define HUSK_KERNEL_INTERNAL_H

#include "kernel/rlimit.h"
#include "kernel/task.h"

/* ---- pid.c: numbers ------------------------------------------------------------------------------ */

/* Linux' default pid_max: numbers are 1 … PID_LIMIT-1. */
#define PID_LIMIT 32768

/* A free number that names neither task, process group nor session; -EAGAIN. tasklist is held. */
pid_t pid_alloc_locked(void);
/* Enters t under t->tid (the table holds a reference) or takes it out. tasklist is held. */
void pid_attach_locked(struct task *t);
void pid_detach_locked(struct task *t);

/* Moves g (out of its group, if it has one) into process group pgid of session s. -ENOMEM. */
int pgrp_join_locked(struct thread_group *g, struct session *s, pid_t pgid);
void pgrp_leave_locked(struct thread_group *g);
/* A new session and process group led by g. -ENOMEM. */
int session_new_locked(struct thread_group *g);
struct session *session_find_locked(pid_t sid);
/* Has no member a parent in its session but outside it? `ignored` is about to die. */
bool pgrp_orphaned_locked(struct pgrp *p, struct thread_group *ignored);

/* ---- early.c: signals that come while init starts up ---------------------------------------------- */

/* Init's program runs from now on. */
void early_signals_begin(void);
/* A signal from outside was sent to init: remember it if init was deaf to it. Init's lock is held. */
void early_signal_note_locked(struct thread_group *init, int sig);
/*
 * g listens to these now. Answers those of them that init has missed, and forgets them; to be sent again
 * by early_signals_send() without locks. g's lock is held.
 */
ksigset_t early_signals_heard_locked(struct thread_group *g, ksigset_t heard);
void early_signals_send(ksigset_t again);

/* ---- user.c: what is counted by real uid --------------------------------------------------------- */

struct user_count {
	struct list link;
	uid_t uid;
	unsigned refs;		  /* guarded by user.c's lock */
	atomic_uint processes;	  /* tasks: RLIMIT_NPROC */
	atomic_uint sigpending;	  /* queued signals: RLIMIT_SIGPENDING */
};

/* Counted; NULL: no memory. */
struct user_count *user_get(uid_t uid);
void user_put(struct user_count *u);

/* ---- task.c: making and unmaking ----------------------------------------------------------------- */

/* A task with an empty context and signal state, no group, not in any table. NULL: no memory. */
struct task *task_new(void);
struct thread_group *group_new(void);

/*
 * Starts the host thread of t, which runs begin(t) and, if that answers 0, enter(t), then ends.
 * begin() runs while the caller waits; its result is the result. -EAGAIN: no host thread.
 */
int task_start_thread(struct task *t, int (*begin)(struct task *t), void (*enter)(struct task *t));
/* What every task's host thread does first, from begin(): host_self, memory, descriptors. */
void task_attach_thread(struct task *t);
/* Brings utime_ns and stime_ns of current up to date. */
void task_update_times(struct task *t);
/* Gives t another address space (consumed) and makes it this thread's. Returns the old one. */
struct mm *task_set_mm(struct mm *mm);

/* ---- exit.c -------------------------------------------------------------------------------------- */

/* Ends current for good: called by task_loop() on its way out. */
void task_do_exit(void);
/* With g->lock held: every task of g is to die with this wait status. */
void group_exit_locked(struct thread_group *g, int wait_status);
/* Lets go of the address space as exec and exit do: robust list, clear_child_tid, vfork's parent. */
void task_mm_release(struct task *t);
/* A zombie is gone: its number, its place in the tree. tasklist is held exclusively. */
void group_release_locked(struct thread_group *g);
/* Is there anything init must wait for, or may it go? Wakes it. */
void kernel_task_gone(void);

/* ---- signal.c, stop.c, deliver.c, sigframe.c ----------------------------------------------------- */

struct sigqueue {
	struct list link;
	siginfo_t info;
	struct user_count *user; /* whose RLIMIT_SIGPENDING it counts against; counted */
};

#define SIGMASK_STOP (SIGMASK(SIGSTOP) | SIGMASK(SIGTSTP) | SIGMASK(SIGTTIN) | SIGMASK(SIGTTOU))
#define SIGMASK_KERNEL_ONLY (SIGMASK(SIGKILL) | SIGMASK(SIGSTOP))
#define SIGMASK_SYNCHRONOUS                                                                        \
	(SIGMASK(SIGSEGV) | SIGMASK(SIGBUS) | SIGMASK(SIGILL) | SIGMASK(SIGTRAP) |                 \
	 SIGMASK(SIGFPE) | SIGMASK(SIGSYS))
/* The default action is nothing at all. */
#define SIGMASK_IGNORED                                                                            \
	(SIGMASK(SIGCONT) | SIGMASK(SIGCHLD) | SIGMASK(SIGWINCH) | SIGMASK(SIGURG))

/* These want group->lock of t's group held. */
int signal_queue_locked(struct task *t, struct sigpending *p, const siginfo_t *info, bool force);
void signal_recalc_locked(struct task *t);
int signal_take_locked(struct task *t, ksigset_t wanted, siginfo_t *info);
void signal_retarget_locked(struct thread_group *g, struct task *gone, ksigset_t which);
struct ksigaction sighand_action(struct sighand *s, int sig);
/* Forgets queued signals of `which` everywhere in the group. */
void signal_flush_group_locked(struct thread_group *g, ksigset_t which);

/* Sends with Linux' `force`: also to an init that would ignore it (from outside, and faults). */
int signal_send_task_forced(struct task *t, const siginfo_t *info);

/* Group-stop: lock is held and released while parked. True if the task did stop. */
bool stop_participate_locked(struct thread_group *g);
/* Starts a stop of the whole group because of sig. lock is held. */
void stop_begin_locked(struct thread_group *g, int sig);
/* SIGCONT or SIGKILL: ends the stop. lock is held. */
void stop_end_locked(struct thread_group *g, bool by_sigcont);
/* After a task has left (lock held): is the stop complete now? Answers the code to tell, or 0. */
bool stop_task_left_locked(struct thread_group *g);
/* SIGCHLD with CLD_STOPPED, CLD_CONTINUED to the parent, which is woken. No lock is held. */
void stop_notify_parent(struct thread_group *g, int cld_code, int status);
/* SIGCHLD for the death of g. tasklist is held exclusively. True: nobody waits, reap it. */
bool exit_notify_parent_locked(struct thread_group *g);

/* Builds the handler's frame. 0, or -EFAULT when the stack is bad. */
int sigframe_setup(int sig, const siginfo_t *info, const struct ksigaction *sa, ksigset_t mask);
long sigframe_return(void);
/* The most a frame takes, for AT_MINSIGSTKSZ. */
size_t sigframe_max_size(void);

/* ---- cred_host.c --------------------------------------------------------------------------------- */

/* The mirrored effective capabilities are thread-local: a new thread starts with its maker's. */
void cred_adopt_thread(const struct cred *c);

/* ---- pidfd.c ------------------------------------------------------------------------------------- */

struct file;
int pidfd_new(struct thread_group *g, unsigned flags, struct file **out);
/* The group behind a pidfd, with a reference, or NULL. */
struct thread_group *pidfd_group(struct file *f);

#endif
