/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process wants done about signals: actions, masks, the alternate stack. */
#include "kernel/action.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/internal.h"

struct sighand *sighand_new(void)
{
	struct sighand *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

struct sighand *sighand_copy(struct sighand *old)
{
	struct sighand *s = sighand_new();

	if (!s)
		return NULL;
	pthread_mutex_lock(&old->lock);
	memcpy(s->action, old->action, sizeof(s->action));
	pthread_mutex_unlock(&old->lock);
	return s;
}

void sighand_put(struct sighand *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct ksigaction sighand_action(struct sighand *s, int sig)
{
	struct ksigaction sa;

	pthread_mutex_lock(&s->lock);
	sa = s->action[sig];
	pthread_mutex_unlock(&s->lock);
	return sa;
}

int action_set(int sig, const struct ksigaction *new, struct ksigaction *old)
{
	struct thread_group *g = current->group;
	ksigset_t again = 0;
	bool now_ignored;

	if (sig < 1 || sig > NSIG_GUEST || (new && (SIGMASK_KERNEL_ONLY & SIGMASK(sig))))
		return -EINVAL;
	pthread_mutex_lock(&g->lock);
	pthread_mutex_lock(&g->sighand->lock);
	if (old)
		*old = g->sighand->action[sig];
	if (new) {
		g->sighand->action[sig] = *new;
		g->sighand->action[sig].mask &= ~SIGMASK_KERNEL_ONLY;
	}
	pthread_mutex_unlock(&g->sighand->lock);
	/* POSIX: what is pending and becomes ignored is discarded, blocked or not. */
	now_ignored = new && (new->handler == (uint64_t)SIG_IGN ||
			      (new->handler == (uint64_t)SIG_DFL && (SIGMASK_IGNORED & SIGMASK(sig))));
	if (now_ignored)
		signal_flush_group_locked(g, SIGMASK(sig));
	if (new && new->handler > (uint64_t)SIG_IGN)
		again = early_signals_heard_locked(g, SIGMASK(sig));
	pthread_mutex_unlock(&g->lock);
	early_signals_send(again);
	return 0;
}

void action_reset_for_exec(struct sighand *s)
{
	pthread_mutex_lock(&s->lock);
	for (int sig = 1; sig <= NSIG_GUEST; sig++) {
		bool ignored = s->action[sig].handler == (uint64_t)SIG_IGN;

		memset(&s->action[sig], 0, sizeof(s->action[sig]));
		if (ignored)
			s->action[sig].handler = (uint64_t)SIG_IGN;
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- masks --------------------------------------------------------------------------------------- */

void signal_set_mask(ksigset_t mask)
{
	struct thread_group *g = current->group;
	ksigset_t newly, again;

	mask &= ~SIGMASK_KERNEL_ONLY;
	pthread_mutex_lock(&g->lock);
	newly = mask & ~current->blocked;
	current->blocked = mask;
	/* Somebody else must take what was meant for us and is now blocked here. */
	if (newly & g->shared_pending.set)
		signal_retarget_locked(g, current, newly);
	signal_recalc_locked(current);
	again = early_signals_heard_locked(g, newly);
	pthread_mutex_unlock(&g->lock);
	early_signals_send(again);
}

void signal_temporary_mask(ksigset_t mask)
{
	current->saved_blocked = current->blocked;
	current->restore_blocked = true;
	signal_set_mask(mask);
}

void signal_restore_mask(bool interrupted)
{
	/* Interrupted: the handler must run with the temporary mask; signal_deliver() undoes it. */
	if (interrupted || !current->restore_blocked)
		return;
	current->restore_blocked = false;
	signal_set_mask(current->saved_blocked);
}

/* ---- the alternate stack ------------------------------------------------------------------------- */

bool altstack_contains(uint64_t sp)
{
	const stack_t *ss = &current->altstack;

	/* With SS_AUTODISARM the stack is disarmed while in use, so sp says nothing. */
	if (ss->ss_flags & SS_AUTODISARM_KERNEL)
		return false;
	return sp > (uint64_t)ss->ss_sp && sp - (uint64_t)ss->ss_sp <= ss->ss_size;
}

int altstack_flags(uint64_t sp)
{
	if (!current->altstack.ss_size)
		return SS_DISABLE;
	return altstack_contains(sp) ? SS_ONSTACK : 0;
}

int altstack_set(const stack_t *new, uint64_t sp, size_t minimum)
{
	int mode = new->ss_flags & ~SS_AUTODISARM_KERNEL;

	if (altstack_contains(sp))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode != SS_DISABLE && new->ss_size < minimum)
		return -ENOMEM;
	current->altstack = *new;
	if (mode == SS_DISABLE) {
		current->altstack.ss_sp = NULL;
		current->altstack.ss_size = 0;
	}
	return 0;
}

void altstack_get(stack_t *out, uint64_t sp)
{
	memset(out, 0, sizeof(*out));
	out->ss_sp = current->altstack.ss_sp;
	out->ss_size = current->altstack.ss_size;
	out->ss_flags = altstack_flags(sp) | (current->altstack.ss_flags & SS_AUTODISARM_KERNEL);
}
