/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is in a cgroup: its tree is directories and files, so a directory of ours will do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cgroup/cgroup.h"
#include "tests/base/check.h"

static char top[] = "/tmp/husk-test-cgroup.XXXXXX";

static void put(const char *dir, const char *pids)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", top, dir);
	CHECK(mkdir(path, 0755) == 0 || dir[0] == '\0');
	snprintf(path, sizeof(path), "%s%s/cgroup.procs", top, dir);
	f = fopen(path, "w");
	CHECK(f && fputs(pids, f) >= 0 && fclose(f) == 0);
}

static void expect(const char *text, const pid_t *want, size_t n_want)
{
	struct error err = ERROR_INIT;
	pid_t *pids = NULL;
	size_t n = 1000;

	CHECK(cgroup_members(text, &pids, &n, &err) == 0);
	CHECK(n == n_want);
	CHECK(n == n_want && (!n || memcmp(pids, want, n * sizeof(*pids)) == 0));
	free(pids);
	error_free(&err);
}

/* A process with threads in several groups is in each of them, and one of another namespace is 0. */
static void members_are_listed_once(void)
{
	char text[300], command[100];

	CHECK(mkdtemp(top) != NULL);
	put("", "300\n20\n0\n");
	put("/a", "20\n4000000\n");
	put("/a/b", "7\n300\n");
	put("/empty", "");
	/* The freezer's hierarchy is asked, whatever stands before it. */
	snprintf(text, sizeof(text), "cpu:%s/a/b\nfreezer:%s\n", top, top);
	expect(text, (const pid_t[]){7, 20, 300, 4000000}, 4);
	/* Version 2. */
	snprintf(text, sizeof(text), ":%s/a\n", top);
	expect(text, (const pid_t[]){7, 20, 300, 4000000}, 4);
	snprintf(text, sizeof(text), "freezer:%s/empty\n", top);
	expect(text, NULL, 0);
	snprintf(text, sizeof(text), "freezer:%s/gone\n", top);
	expect(text, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", top);
	CHECK(system(command) == 0);
}

int main(void)
{
	members_are_listed_once();
	return check_done();
}
