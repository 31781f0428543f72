/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Emulated files and the tables of /proc, with a kernel of two processes made up here. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostproc.h"
#include "tests/base/check.h"
#include "vfs/procfs.h"

static int generation; /* counts how often a text was made */

/* ---- the made-up kernel ------------------------------------------------------------------------ */

static bool seven_exists = true;

static pid_t next_tgid(pid_t from)
{
	if (from <= 1)
		return 1;
	return from <= 7 && seven_exists ? 7 : -1;
}

static pid_t next_tid(pid_t tgid, pid_t from)
{
	return from <= tgid ? tgid : -1;
}

static int task(pid_t tid, struct proc_task *t)
{
	memset(t, 0, sizeof(*t));
	if (tid != 1 && !(tid == 7 && seven_exists))
		return -ESRCH;
	t->tid = t->tgid = tid;
	t->ppid = tid == 7;
	t->state = 'S';
	t->threads = 1;
	t->dumpable = true;
	t->start_ns = 120000000;
	t->nice = 5;
	snprintf(t->comm, sizeof(t->comm), "a (b) c");
	generation++;
	return 0;
}

static bool may_access(pid_t tid)
{
	return tid == 1;
}

static int show(pid_t tid, const char *name, struct ptext *out)
{
	if (strcmp(name, "statm") == 0)
		ptext_printf(out, "100 50 20 10 0 30 0\n");
	return 0;
}

static struct fdtable *files(pid_t tid)
{
	return NULL;
}

static pid_t one(void)
{
	return 1;
}

static unsigned count(void)
{
	return 2;
}

static unsigned running(unsigned *total)
{
	if (total)
		*total = 2;
	return 1;
}

static uint64_t limit(void)
{
	return 64 << 20;
}

static const char *hostname(void)
{
	return "box";
}

/* ---- walking ----------------------------------------------------------------------------------- */

static struct pnode *root;

static struct pnode *walk(const char *path)
{
	char *copy = strdup(path), *save = NULL;
	struct pnode *n = pnode_get(root);

	for (char *s = strtok_r(copy, "/", &save); n && s; s = strtok_r(NULL, "/", &save)) {
		struct pnode *child = NULL;

		if (!n->ops->lookup || n->ops->lookup(n, s, &child) < 0)
			child = NULL;
		pnode_put(n);
		n = child;
	}
	free(copy);
	return n;
}

static int open_path(const char *path, unsigned flags, struct file **out)
{
	struct pnode *n = walk(path);
	int r = n ? pnode_open(n, flags, out) : -ENOENT;

	if (n)
		pnode_put(n);
	return r;
}

static ssize_t read_some(struct file *f, char *buf, size_t n)
{
	struct iovec iov = {buf, n};

	return f->ops->read(f, &iov, 1, NULL, 0);
}

static bool contains(const char *path, const char *text)
{
	static char buf[65536];
	struct file *f;
	ssize_t n;

	if (open_path(path, O_RDONLY, &f) < 0)
		return false;
	n = read_some(f, buf, sizeof(buf) - 1);
	file_put(f);
	if (n < 0)
		return false;
	buf[n] = '\0';
	if (strstr(buf, text))
		return true;
	fprintf(stderr, "%s: \"%s\" is not in:\n%s\n", path, text, buf);
	return false;
}

static void test_text(void)
{
	char a[256], b[256];
	struct file *f;
	ssize_t n, m;
	int made;

	CHECK(open_path("/7/stat", O_RDONLY, &f) == 0);
	made = generation;
	n = read_some(f, a, 10);
	CHECK(n == 10 && generation == made + 1);
	n = read_some(f, a + 10, sizeof(a) - 10);
	/* One pass is one state: nothing was made again. */
	CHECK(n > 0 && generation == made + 1);
	CHECK(read_some(f, b, sizeof(b)) == 0);
	CHECK(f->ops->seek(f, 0, SEEK_SET) == 0);
	m = read_some(f, b, sizeof(b));
	CHECK(generation == made + 2 && m == n + 10 && memcmp(a, b, m) == 0);
	CHECK(strncmp(b, "7 (a (b) c) S 1 ", 16) == 0);
	CHECK(f->ops->seek(f, -1, SEEK_SET) == -EINVAL);
	file_put(f);
}

/* proc(5): 52 fields, of which ps and top pick by number. */
static void test_stat_fields(void)
{
	char buf[512], *p, *save = NULL;
	struct file *f;
	int fields = 2;
	ssize_t n;

	CHECK(open_path("/1/stat", O_RDONLY, &f) == 0);
	n = read_some(f, buf, sizeof(buf) - 1);
	file_put(f);
	CHECK(n > 0);
	buf[n > 0 ? n : 0] = '\0';
	p = strrchr(buf, ')');
	for (p = strtok_r(p ? p + 2 : NULL, " \n", &save); p; p = strtok_r(NULL, " \n", &save)) {
		fields++;
		if (fields == 18)
			CHECK(strcmp(p, "25") == 0); /* priority of nice 5 */
		if (fields == 22)
			CHECK(strcmp(p, "12") == 0); /* start time, ticks */
		if (fields == 23)
			CHECK(strcmp(p, "409600") == 0); /* vsize, bytes */
		if (fields == 24)
			CHECK(strcmp(p, "50") == 0); /* rss, pages */
	}
	CHECK(fields == 52);
}

static void test_contents(void)
{
	CHECK(contains("/1/status", "Name:\ta (b) c\n"));
	CHECK(contains("/1/status", "\nState:\tS (sleeping)\n"));
	CHECK(contains("/1/limits", "Max open files            0                    0"));
	CHECK(contains("/meminfo", "MemTotal:          65536 kB\n"));
	CHECK(contains("/stat", "\nprocesses 2\nprocs_running 1\n"));
	CHECK(contains("/loadavg", " 1/2 1\n"));
	CHECK(contains("/cpuinfo", "processor"));
	CHECK(contains("/sys/kernel/hostname", "box\n"));
	CHECK(contains("/sys/kernel/ostype", "Linux\n"));
	CHECK(contains("/uptime", "."));
}

static void test_permissions(void)
{
	struct file *f;
	struct pnode *n;
	char buf[16];

	/* Not a process we may trace. */
	CHECK(open_path("/7/environ", O_RDONLY, &f) == 0);
	CHECK(read_some(f, buf, sizeof(buf)) == -EACCES);
	file_put(f);
	CHECK(open_path("/7/mem", O_RDONLY, &f) == -EACCES);
	CHECK(open_path("/sys/kernel", O_RDWR, &f) == -EISDIR);
	CHECK(open_path("/sys/kernel/ostype", O_DIRECTORY, &f) == -ENOTDIR);
	CHECK(open_path("/self", O_RDONLY | O_NOFOLLOW, &f) == -ELOOP);
	/* config.json's lists. */
	CHECK(open_path("/sys/vm/swappiness", O_WRONLY, &f) == -EROFS);
	CHECK(open_path("/sys/vm/swappiness", O_RDONLY, &f) == 0);
	file_put(f);
	CHECK(open_path("/keys", O_RDONLY, &f) == 0);
	CHECK(read_some(f, buf, sizeof(buf)) == 0);
	file_put(f);
	n = walk("/tty");
	CHECK(n != NULL);
	pnode_put(n);
	CHECK(walk("/tty/drivers") == NULL);
}

static void test_names(void)
{
	struct pnode *n = walk("/7/task/7/status"), *m = walk("/7/task/7/status");
	char path[64];

	CHECK(n && m && n->ino == m->ino && n != m);
	CHECK(n && pnode_path(n, path, sizeof(path)) == 0 && !strcmp(path, "/7/task/7/status"));
	CHECK(n && pnode_path(n, path, 5) == -ERANGE);
	pnode_put(n);
	pnode_put(m);
	CHECK(pnode_path(root, path, sizeof(path)) == 0 && !strcmp(path, "/"));
	CHECK(walk("/8") == NULL && walk("/07") == NULL && walk("/7/task/1") == NULL);
	CHECK(walk("/nothing") == NULL && walk("/1/nothing") == NULL);
}

/* A process that goes away between two calls takes no other entry along. */
static void test_listing(void)
{
	char small[64], names[16384] = "";
	struct file *f;
	bool seven = false, version = false;
	ssize_t n;

	CHECK(open_path("/", O_RDONLY | O_DIRECTORY, &f) == 0);
	CHECK(f->ops->getdents(f, small, 8) == -EINVAL);
	CHECK(f->ops->getdents(f, small, sizeof(small)) > 0);
	seven_exists = false;
	while ((n = f->ops->getdents(f, names, sizeof(names))) > 0) {
		for (ssize_t at = 0; at < n;) {
			struct dirent64 *d = (void *)(names + at);

			seven |= strcmp(d->d_name, "7") == 0;
			version |= strcmp(d->d_name, "version") == 0;
			at += d->d_reclen;
		}
	}
	CHECK(n == 0 && seven && version);
	seven_exists = true;
	file_put(f);
}

int main(void)
{
	static const char *const masked[] = {"/proc/keys", "/proc/tty", "/sys/firmware", NULL};
	static const char *const readonly[] = {"/proc/sys", "/proc/bus", NULL};

	hostproc_init();
	proc_ops = (struct proc_ops){
		.next_tgid = next_tgid,
		.next_tid = next_tid,
		.task = task,
		.may_access = may_access,
		.show = show,
		.files = files,
		.current_tgid = one,
		.current_tid = one,
		.last_pid = one,
		.processes_created = count,
		.tasks_running = running,
		.memory_limit = limit,
		.hostname = hostname,
	};
	root = procfs_root(masked, readonly);
	CHECK(root != NULL);
	test_text();
	test_stat_fields();
	test_contents();
	test_permissions();
	test_names();
	test_listing();
	return check_done();
}
