/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:530 Sleeping, and being woken
 * Host system calls that can be interrupted without a race.
 *
 * A guest task sleeps in the host kernel: in read(), in futex(), in ppoll(). When a guest signal
 * arrives for it, it must wake up, and the wake-up must not be lost between its last look at the
 * pending signals and the SYSCALL instruction. One assembly routine (hostcall_amd64.S) makes both
 * a single window: it loads `kicked`, and only if that is 0 executes SYSCALL. The handler of the
 * kick signal looks at the interrupted program counter: inside the window it moves it to the exit
 * that answers -EINTR. So a kick before the window is seen in the flag, one inside it is turned
 * into -EINTR by the handler, and one behind it interrupts the sleeping host call. No polling.
 *
 * Who is who:
 *   host_thread   one a host thread, thread-local, known to others through task->host
 *   host_kick()   called by anybody: "look at your signals"; sets kicked, then signals the thread
 *                 if it is inside an interruptible call
 *   interrupted   the owner's question "is there really something for me?" (a freezer or a stray
 *                 signal makes host calls return EINTR as well). Clears nothing.
 */
#ifndef HUSK_BASE_HOSTCALL_H
#define HUSK_BASE_HOSTCALL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* The one reserved real-time signal of the sandbox. Its handler is installed by hostcall_init(). */
#define HOST_KICK_SIGNAL 63

struct host_thread {
	_Atomic uint32_t kicked;  /* set by host_kick(), cleared by the owner only */
	_Atomic uint32_t in_call; /* 1 while inside host_call_intr(): a kick must signal */
	pid_t tid;
	/*
	 * Must the call that is under way be left, because a signal is deliverable, the task
	 * must die or stop? Called on the owning thread. NULL means yes.
	 */
	bool (*interrupted)(void *arg);
	void *arg;
};

extern __thread struct host_thread host_self;

/* Installs the kick handler for the process. Call once, before any thread is made. */
void hostcall_init(void);

/* Prepares host_self of the calling thread: its tid, and who to ask on EINTR. */
void host_thread_init(bool (*interrupted)(void *arg), void *arg);

/*
 * Makes t leave the interruptible call it is in, or not enter the next one.
 * The caller must have made visible what `interrupted` will look at before it calls this.
 */
void host_kick(struct host_thread *t);

/*
 * Sends the kick signal to a thread of this process. -EAGAIN: the host has too many signals queued
 * for this user; the caller tries again as long as there is a reason to. Async-signal-safe, and
 * leaves errno alone.
 */
int host_signal(pid_t tid);

/*
 * The owner is about to look at its pending work: forget kicks so far. A kick that comes after
 * this finds the flag clear and sets it again, so nothing is lost as long as the look comes after.
 */
static inline void host_unkick(void)
{
	atomic_store(&host_self.kicked, 0);
}

/* A plain host system call: never glibc's errno, always a negative errno. Not restarted. */
long host_call(long nr, ...);

/*
 * An interruptible host system call. Returns what the host answers, a negative errno on error.
 * -EINTR only when host_self.interrupted() says so; other interruptions are restarted here, with
 * the same arguments: so never pass a relative time-out in here (use an absolute one, or one of
 * the helpers below).
 */
long host_call_intr(long nr, long a, long b, long c, long d, long e, long f);

/*
 * The window itself, for a flag of the caller's own (hostcall_amd64.S): executes the call unless
 * *kicked is not 0. -EINTR: it is not 0, or a signal came. Whoever sets the flag signals the thread
 * with HOST_KICK_SIGNAL afterwards.
 */
long hostcall_window(_Atomic uint32_t *kicked, long nr, const long args[6]);

/*
 * Sleeps until *word != expected, a host_futex_wake() or deadline (CLOCK_MONOTONIC, absolute;
 * NULL: none). 0: woken or the value differed (look again); -ETIMEDOUT; -EINTR.
 */
int host_futex_wait(_Atomic uint32_t *word, uint32_t expected, const struct timespec *deadline);
void host_futex_wake(_Atomic uint32_t *word, int count);

struct pollfd;
/* ppoll with an absolute CLOCK_MONOTONIC deadline (NULL: none). Count, or -EINTR and others. */
int host_ppoll(struct pollfd *fds, unsigned n, const struct timespec *deadline);

/* Is there something that must interrupt this thread's sleep? For loops of the caller's own. */
bool host_interrupted(void);

/*
 * Codes of the kernel's own, never seen by the guest (include/linux/errno.h): what becomes of a
 * system call that a signal interrupted. A sleeping call of husk returns one of these (or -EINTR,
 * where Linux has no restart); the signal code turns it into -EINTR or a restart (signal(7)).
 */
#define ERESTARTSYS 512           /* restart if the handler has SA_RESTART */
#define ERESTARTNOINTR 513        /* always restart */
#define ERESTARTNOHAND 514        /* restart only if no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* like NOHAND, through restart_syscall(2) */

/* Nanosecond clocks and time arithmetic; all saturate instead of overflowing. */
uint64_t clock_now_ns(clockid_t clock);
struct timespec timespec_from_ns(uint64_t ns);
/* now (CLOCK_MONOTONIC) + ns, as a deadline. */
struct timespec deadline_in_ns(uint64_t ns);

#endif
