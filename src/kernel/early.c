/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that come while init starts up. Init is deaf to what it has no handler for
 * (pid_namespaces(7)): `husk kill` right after `husk start` would be lost if it came before the
 * program has installed its handler, and the engine would wait out its whole stop timeout. On the
 * host's kernel that race is lost once in a while; a guest takes longer to start, and would lose it
 * often. So what comes from outside in init's first second and finds no ear is remembered, and
 * sent again when the program lends one: a handler, or a mask for sigwait(3) and signalfd(2).
 */
#include <signal.h>

#include "kernel/action.h"
#include "kernel/internal.h"
#include "kernel/signal.h"

#define STARTUP_NS 1000000000ULL

static ksigset_t lost;	/* guarded by init's group lock */
static _Atomic uint64_t until; /* CLOCK_BOOTTIME; 0: init has not started, everything is early */

static bool starting_up(void)
{
	uint64_t end = atomic_load(&until);

	return !end || clock_now_ns(CLOCK_BOOTTIME) < end;
}

void early_signals_begin(void)
{
	atomic_store(&until, clock_now_ns(CLOCK_BOOTTIME) + STARTUP_NS);
}

void early_signal_note_locked(struct thread_group *init, int sig)
{
	if (starting_up() && !(init->shared_pending.set & SIGMASK(sig)) &&
	    !((SIGMASK_KERNEL_ONLY | SIGMASK_IGNORED) & SIGMASK(sig)) &&
	    sighand_action(init->sighand, sig).handler == (uint64_t)SIG_DFL)
		lost |= SIGMASK(sig);
}

ksigset_t early_signals_heard_locked(struct thread_group *g, ksigset_t heard)
{
	ksigset_t again;

	if (g != kernel.init || !(lost & heard))
		return 0;
	again = starting_up() ? lost & heard : 0;
	lost &= ~heard;
	return again;
}

void early_signals_send(ksigset_t again)
{
	while (again) {
		siginfo_t info = {.si_signo = __builtin_ctzll(again) + 1, .si_code = SI_USER};

		again &= again - 1;
		signal_send_group(kernel.init, &info);
	}
}
