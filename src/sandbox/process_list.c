/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sandbox/process_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "kernel/task.h"
#include "sandbox/client.h"
#include "sandbox/protocol.h"
#include "vfs/procfs.h"

static void fill_tty(dev_t tty, char *out, size_t n)
{
	if (tty == 0)
		snprintf(out, n, "?");
	else if (major(tty) == 136)
		snprintf(out, n, "pts/%u", minor(tty));
	else
		snprintf(out, n, "%u:%u", major(tty), minor(tty));
}

static void fill_cmdline(pid_t pid, struct sandbox_process *out)
{
	struct ptext text = {0};
	size_t n;

	if (proc_ops.show(pid, "cmdline", &text) == 0 && text.len > 0) {
		n = text.len < sizeof(out->cmdline) ? text.len : sizeof(out->cmdline);
		memcpy(out->cmdline, text.data, n);
		out->cmdline[n - 1] = '\0';
		for (size_t i = 0; i + 1 < n; i++)
			if (out->cmdline[i] == '\0')
				out->cmdline[i] = ' ';
	} else {
		snprintf(out->cmdline, sizeof(out->cmdline), "[%s]", out->comm);
	}
	free(text.data);
}

static int fill(pid_t pid, struct sandbox_process *out)
{
	struct proc_task t;
	int r = proc_ops.task(pid, &t);

	if (r < 0)
		return r;
	*out = (struct sandbox_process){
	    .pid = t.tgid,
	    .ppid = t.ppid,
	    .pgrp = t.pgrp,
	    .session = t.session,
	    .uid = t.euid,
	    .threads = t.threads,
	    .start_ns = t.start_ns,
	    .utime_ns = t.utime_ns,
	    .stime_ns = t.stime_ns,
	    .state = t.state,
	};
	snprintf(out->comm, sizeof(out->comm), "%.15s", t.comm);
	fill_tty(t.tty, out->tty, sizeof(out->tty));
	fill_cmdline(pid, out);
	return 0;
}

int process_list_document(void)
{
	cleanup_free struct sandbox_process *list = NULL;
	size_t n = 0, cap = 0;

	for (pid_t pid = proc_ops.next_tgid(1); pid > 0; pid = proc_ops.next_tgid(pid + 1)) {
		if (n == cap) {
			size_t more = cap ? cap * 2 : 64;
			void *p = reallocarray(list, more, sizeof(*list));

			if (!p)
				return -ENOMEM;
			list = p;
			cap = more;
		}
		if (fill(pid, &list[n]) == 0)
			n++;
	}
	return control_document_make(list, n * sizeof(*list));
}

int process_list_signal(int sig)
{
	siginfo_t info = {.si_signo = sig, .si_code = SI_USER};
	int told = 0;

	if (sig < 0 || sig > NSIG_GUEST)
		return -EINVAL;
	for (pid_t pid = proc_ops.next_tgid(1); pid > 0; pid = proc_ops.next_tgid(pid + 1)) {
		struct thread_group *g = group_find(pid);

		if (!g)
			continue;
		if (signal_send_group(g, &info) == 0)
			told++;
		group_put(g);
	}
	return told;
}
