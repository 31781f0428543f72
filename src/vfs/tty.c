/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals and job control: what does not depend on where the other end of the line is. Which
 * session a terminal controls, who is in its foreground, what a read from the background costs
 * (termios(3), credentials(7), ioctl_tty(2)).
 */
#include "vfs/tty.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "vfs/tty_file.h"

#define PTS_MAJOR 136

void tty_init(struct tty *t, unsigned n, bool host, void (*release)(struct tty *t))
{
	pthread_mutex_init(&t->lock, NULL);
	t->rdev = makedev(PTS_MAJOR, n);
	t->host = host;
	t->release = release;
	snprintf(t->name, sizeof(t->name), "pts/%u", n);
	/* Last: a lookup in /dev/pts may find t already, and leaves it alone without references. */
	atomic_store(&t->refs, 1);
}

struct tty *tty_get(struct tty *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tty_put(struct tty *t)
{
	if (t && atomic_fetch_sub(&t->refs, 1) == 1)
		t->release(t);
}

struct tty *tty_of_file(struct file *f)
{
	if (f->ops != &tty_host_ops && f->ops != &pty_slave_ops)
		return NULL;
	return container_of(f, struct tty_file, f)->tty;
}

int tty_reopen(struct tty *t, unsigned flags, struct file **out)
{
	return t->host ? tty_host_reopen(t, flags, out) : pty_open_slave(t, flags, out);
}

/* Is t (any, if NULL) the controlling terminal of the caller? */
static bool current_has(struct tty *t)
{
	struct tty *mine = job_control.current_tty();
	bool yes = t ? mine == t : mine != NULL;

	tty_put(mine);
	return yes;
}

static void ids(struct tty *t, pid_t *session, pid_t *pgrp)
{
	pthread_mutex_lock(&t->lock);
	*session = t->session;
	*pgrp = t->pgrp;
	pthread_mutex_unlock(&t->lock);
}

int tty_check_background(struct tty *t, int sig)
{
	pid_t session, pgrp, mine;

	ids(t, &session, &pgrp);
	if (!session || job_control.current_session() != session)
		return 0;
	mine = job_control.current_pgrp();
	if (!pgrp || mine == pgrp)
		return 0;
	if (job_control.current_ignores(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (job_control.current_pgrp_orphaned())
		return -EIO;
	job_control.signal_pgrp(mine, sig);
	return -ERESTARTSYS;
}

void tty_signal_foreground(struct tty *t, int sig)
{
	pid_t session, pgrp;

	ids(t, &session, &pgrp);
	if (pgrp)
		job_control.signal_pgrp(pgrp, sig);
}

void tty_host_signal(struct tty *t, int sig)
{
	if (sig == SIGHUP)
		tty_hangup_session(t);
	else
		tty_signal_foreground(t, sig);
}

/* Forgets session and foreground; answers what they were. */
static void take_ids(struct tty *t, pid_t *session, pid_t *pgrp)
{
	pthread_mutex_lock(&t->lock);
	*session = t->session;
	*pgrp = t->pgrp;
	t->session = t->pgrp = 0;
	pthread_mutex_unlock(&t->lock);
}

void tty_hangup_session(struct tty *t)
{
	pid_t session, pgrp;

	take_ids(t, &session, &pgrp);
	if (!session)
		return;
	job_control.signal_session_leader(session, SIGHUP);
	job_control.signal_session_leader(session, SIGCONT);
	if (pgrp && pgrp != session) {
		job_control.signal_pgrp(pgrp, SIGHUP);
		job_control.signal_pgrp(pgrp, SIGCONT);
	}
	job_control.clear_session_tty(session);
}

void tty_disassociate(struct tty *t, bool exiting)
{
	pid_t session, pgrp;

	take_ids(t, &session, &pgrp);
	if (!session)
		return;
	if (pgrp) {
		job_control.signal_pgrp(pgrp, SIGHUP);
		/* An exiting leader's jobs need not be woken: they get SIGCONT as orphans. */
		if (!exiting)
			job_control.signal_pgrp(pgrp, SIGCONT);
	}
	job_control.clear_session_tty(session);
}

/* Makes t the caller's controlling terminal. Preconditions are checked by the caller. */
static int acquire(struct tty *t)
{
	pid_t session = job_control.current_session(), pgrp = job_control.current_pgrp();
	int r;

	pthread_mutex_lock(&t->lock);
	if (t->session && t->session != session) {
		pthread_mutex_unlock(&t->lock);
		return -EPERM;
	}
	t->session = session;
	t->pgrp = pgrp;
	pthread_mutex_unlock(&t->lock);
	r = job_control.set_current_tty(t);
	if (r < 0) {
		pthread_mutex_lock(&t->lock);
		if (t->session == session)
			t->session = t->pgrp = 0;
		pthread_mutex_unlock(&t->lock);
	}
	return r;
}

void tty_opened(struct tty *t, unsigned flags)
{
	if ((flags & O_NOCTTY) || (flags & O_ACCMODE) == O_WRONLY)
		return;
	if (!job_control.current_is_session_leader() || current_has(NULL))
		return;
	/* A terminal that is somebody else's stays theirs: no error for open(2). */
	(void)acquire(t);
}

static bool host_sys_admin(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return host_call(SYS_capget, &head, data) == 0 &&
	       (data[0].effective & (1u << CAP_SYS_ADMIN));
}

/* TIOCSCTTY. steal: take it from another session, for root. */
static long set_controlling(struct tty *t, bool steal)
{
	pid_t session, pgrp, mine = job_control.current_session();
	bool leader = job_control.current_is_session_leader();

	ids(t, &session, &pgrp);
	if (leader && session == mine)
		return 0;
	if (!leader || current_has(NULL))
		return -EPERM;
	if (session) {
		if (!steal || !host_sys_admin())
			return -EPERM;
		take_ids(t, &session, &pgrp);
		job_control.clear_session_tty(session);
	}
	return acquire(t);
}

/* TIOCNOTTY: the leader hangs the terminal up; for anybody else it changes nothing to see. */
static long give_up(struct tty *t)
{
	if (!current_has(t))
		return -ENOTTY;
	if (job_control.current_is_session_leader())
		tty_disassociate(t, false);
	return 0;
}

static long set_foreground(struct tty *t, uint64_t arg)
{
	pid_t session, old, pgrp;
	int r = tty_check_background(t, SIGTTOU);

	if (r < 0)
		return r;
	if (copy_in_obj(&pgrp, arg) < 0)
		return -EFAULT;
	ids(t, &session, &old);
	if (!current_has(t) || session != job_control.current_session())
		return -ENOTTY;
	if (pgrp < 0)
		return -EINVAL;
	if (!job_control.pgrp_in_session(pgrp, session))
		return -EPERM;
	pthread_mutex_lock(&t->lock);
	if (t->session == session)
		t->pgrp = pgrp;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

long tty_job_ioctl(struct tty *t, unsigned cmd, uint64_t arg, bool caller_must_own)
{
	pid_t session, pgrp;

	switch (cmd) {
	case TIOCGPGRP:
	case TIOCGSID:
		if (caller_must_own && !current_has(t))
			return -ENOTTY;
		ids(t, &session, &pgrp);
		if (cmd == TIOCGSID && !session)
			return -ENOTTY;
		return copy_out(arg, cmd == TIOCGPGRP ? &pgrp : &session, sizeof(pid_t));
	case TIOCSPGRP:
		return set_foreground(t, arg);
	case TIOCSCTTY:
		return set_controlling(t, arg == 1);
	case TIOCNOTTY:
		return give_up(t);
	case TIOCSTI:
		/* Typing into a terminal for somebody else: closed on Linux too by now. */
		return -EPERM;
	default:
		return -ENOIOCTLCMD;
	}
}

int tty_open_current(unsigned flags, struct file **out)
{
	struct tty *t = job_control.current_tty();
	int r;

	if (!t)
		return -ENXIO;
	r = tty_reopen(t, flags | O_NOCTTY, out);
	tty_put(t);
	return r;
}
