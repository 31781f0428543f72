/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory controller's files, open, for the sandbox, which cannot see the cgroup file system. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/files.h"
#include "sandbox/memory_watch.h"

static int open_file(const char *dir, const char *file, int flags)
{
	cleanup_free char *path = string_format("%s/%s", dir, file);

	return path ? open(path, flags | O_CLOEXEC) : -1;
}

void cgroup_memory_open(const char *text, struct sandbox_memory *m)
{
	struct cgroup_set s;
	const char *dir;

	*m = (struct sandbox_memory){-1, -1, -1, -1};
	if (!text || cgroup_parse(text, &s) < 0)
		return;
	dir = cgroup_find(&s, "memory");
	if (dir) {
		m->usage = open_file(dir, s.v2 ? "memory.current" : "memory.usage_in_bytes", O_RDONLY);
		m->limit = open_file(dir, s.v2 ? "memory.max" : "memory.limit_in_bytes", O_RDONLY);
		m->stat = open_file(dir, "memory.stat", O_RDONLY);
	}
	if (dir && !s.v2)
		m->event_control = open_file(dir, "cgroup.event_control", O_WRONLY);
	cgroup_set_free(&s);
}

void cgroup_memory_close(struct sandbox_memory *m)
{
	int fds[] = {m->usage, m->limit, m->stat, m->event_control};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*m = (struct sandbox_memory){-1, -1, -1, -1};
}
