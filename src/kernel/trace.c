/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/trace.h"

#include <stdio.h>
#include <sys/wait.h>

#include "base/log.h"
#include "kernel/internal.h"
#include "kernel/trace_text.h"

void trace_start(const struct trace_calls *calls)
{
	log_raise(LOG_LEVEL_INFO);
	kernel.trace = calls;
}

static void tell(const char *text)
{
	log_info("[%d:%d] %s", current->group->tgid, current->tid, text);
}

static bool wanted(long nr)
{
	return kernel.trace->all || (nr >= 0 && nr < SYSCALL_LIMIT && kernel.trace->named[nr]);
}

long trace_syscall(long (*call)(long nr, const uint64_t args[6]), long nr, const uint64_t args[6])
{
	struct trace_text t;
	uint64_t begin;
	long result;

	if (!wanted(nr))
		return call(nr, args);
	trace_text_begin(&t, nr, args);
	begin = clock_now_ns(CLOCK_MONOTONIC);
	result = call(nr, args);
	trace_text_end(&t, result, !atomic_load(&current->dying),
		       clock_now_ns(CLOCK_MONOTONIC) - begin);
	tell(t.text);
	return result;
}

/* Does the siginfo say who sent it? (sigaction(2)) */
static bool has_sender(const siginfo_t *info)
{
	return info->si_signo == SIGCHLD || info->si_code == SI_USER || info->si_code == SI_QUEUE ||
	       info->si_code == SI_TKILL;
}

static bool has_address(const siginfo_t *info)
{
	return info->si_code > 0 && info->si_code != SI_KERNEL &&
	       (SIGMASK_SYNCHRONOUS & SIGMASK(info->si_signo)) && info->si_signo != SIGSYS;
}

void trace_signal(const siginfo_t *info)
{
	char name[TRACE_SIGNAL_MAX], detail[48] = "", line[96];

	trace_signal_name(info->si_signo, name);
	if (has_sender(info))
		snprintf(detail, sizeof(detail), ", from %d", info->si_pid);
	else if (has_address(info))
		snprintf(detail, sizeof(detail), ", address %p", info->si_addr);
	snprintf(line, sizeof(line), "--- %s, code %d%s ---", name, info->si_code, detail);
	tell(line);
}

void trace_exit(void)
{
	struct thread_group *g = current->group;
	char name[TRACE_SIGNAL_MAX], line[64];
	int status;

	pthread_mutex_lock(&g->lock);
	status = g->exiting ? g->exit_code : current->exit_code;
	pthread_mutex_unlock(&g->lock);
	if (WIFSIGNALED(status))
		snprintf(line, sizeof(line), "+++ killed by %s +++",
			 trace_signal_name(WTERMSIG(status), name));
	else
		snprintf(line, sizeof(line), "+++ exited with %d +++", WEXITSTATUS(status));
	tell(line);
}
