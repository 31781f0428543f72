/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine as husk's commands see it: paused and resumed, its counters, its CPU's configuration.
 * Called by the control thread only, which is never inside the guest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/task.h"
#include "sandbox/private.h"
#include "sandbox/protocol.h"
#include "vfs/procfs.h"

/* By `pause`; the machine alone is paused for a moment while its configuration is read. */
static bool paused;

static int refused(enum platform_answer answer)
{
	return answer == PLATFORM_EXITED ? -ESRCH : -EPROTO;
}

int machine_pause(void)
{
	enum platform_answer answer = platform_control(kernel.platform, PLATFORM_PAUSE, NULL);

	if (answer != PLATFORM_PAUSED)
		return refused(answer);
	paused = true;
	return 0;
}

int machine_resume(void)
{
	enum platform_answer answer = platform_control(kernel.platform, PLATFORM_RESUME, NULL);

	if (answer != PLATFORM_RESUMED)
		return refused(answer);
	paused = false;
	return 0;
}

int machine_cpu_config_document(void)
{
	struct platform_reply reply = {0};
	enum platform_answer answer = platform_control(kernel.platform, PLATFORM_PAUSE, NULL);
	int r;

	if (answer != PLATFORM_PAUSED)
		return refused(answer);
	answer = platform_control(kernel.platform, PLATFORM_DUMP_CPU_CONFIG, &reply);
	if (!paused)
		platform_control(kernel.platform, PLATFORM_RESUME, NULL);
	if (answer == PLATFORM_ERROR)
		return reply.error;
	if (answer != PLATFORM_DUMPED)
		return refused(answer);
	r = control_document_make(reply.data, reply.size);
	free(reply.data);
	return r;
}

static void put_memory(FILE *out)
{
	static const char *const names[MEMORY_KINDS] = {
	    [MEMORY_ANONYMOUS] = "anonymous",
	    [MEMORY_PAGE_CACHE] = "pageCache",
	    [MEMORY_SHARED] = "shared",
	    [MEMORY_SYSTEM] = "system",
	};
	struct memory *m = platform_memory(kernel.platform);

	fputs("\"memory\":{", out);
	for (int kind = 0; kind < MEMORY_KINDS; kind++)
		fprintf(out, "\"%s\":%llu,", names[kind],
			(unsigned long long)memory_usage(m, kind));
	fprintf(out, "\"file\":%llu,\"held\":%llu}", (unsigned long long)memory_total_size(m),
		(unsigned long long)memory_total_usage(m));
}

int machine_stats_document(bool platform_only)
{
	cleanup_free char *platform = platform_stats_json(kernel.platform), *text = NULL;
	unsigned processes = 0, threads = 0;
	size_t n = 0;
	FILE *out;

	if (platform && platform_only)
		return control_document_make(platform, strlen(platform));
	out = platform ? open_memstream(&text, &n) : NULL;
	if (!out)
		return -ENOMEM;
	for (pid_t pid = proc_ops.next_tgid(1); pid > 0; pid = proc_ops.next_tgid(pid + 1)) {
		struct proc_task t;

		if (proc_ops.task(pid, &t) < 0)
			continue;
		processes++;
		threads += t.threads;
	}
	fprintf(out, "{\"processes\":%u,\"threads\":%u,", processes, threads);
	put_memory(out);
	fprintf(out, ",\"platform\":%s}", platform);
	if (fclose(out) != 0)
		return -ENOMEM;
	return control_document_make(text, n);
}
