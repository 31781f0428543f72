/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of linux.intelRdt, on a directory that looks like resctrl. Only the kernel's own fills a
 * new directory with files, so a class that is to be made is seen to be removed again here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/resctrl.h"
#include "tests/base/check.h"

static char top[] = "/tmp/husk-resctrl-XXXXXX";

static char *below(const char *name)
{
	return string_format("%s/%s", top, name);
}

static bool put(const char *name, const char *text)
{
	char *path = below(name);
	int r = file_replace(AT_FDCWD, path, text, strlen(text), 0644);

	free(path);
	return r == 0;
}

static bool holds(const char *name, const char *text)
{
	char *path = below(name), *have = NULL;
	bool same = file_read(AT_FDCWD, path, 4096, &have) >= 0 && !strncmp(have, text, strlen(text));

	free(path);
	free(have);
	return same;
}

static bool make(const char *name)
{
	char *path = below(name);
	int r = mkdir(path, 0755);

	free(path);
	return r == 0;
}

static bool exists(const char *name)
{
	char *path = below(name);
	bool yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

/* Joins and leaves; what join says, with its message on stderr when it is not the wanted one. */
static int join(const struct oci_intel_rdt *rdt, int want)
{
	struct error err = ERROR_INIT;
	int r = resctrl_join(rdt, top, "box", 4321, &err);

	if (r != want)
		fprintf(stderr, "%d: %s\n", r, err.msg ? err.msg : "");
	error_free(&err);
	return r;
}

static void test_existing(void)
{
	char l3[] = "L3:0=7f0;1=1f\nMB:0=99;1=99", mb[] = "MB:0=20;1=70", other[] = "L3:0=1;1=1f";
	char *lines[] = {"L2:0=f", NULL};
	struct oci_intel_rdt rdt = {.clos_id = "gold"};

	CHECK(join(&rdt, -ENOENT) == -ENOENT);
	CHECK(!exists("gold"));
	CHECK(make("gold") && make("gold/mon_groups") && put("gold/tasks", "") &&
	      put("gold/schemata", "    L2:0=000f;1=ff\n    MB:0= 20;1=  70\n    L3:0=7f0;1=01f\n"));
	CHECK(join(&rdt, 0) == 0);
	CHECK(holds("gold/tasks", "4321"));

	/* memBwSchema stands in for the MB: line of l3CacheSchema, and both are there already. */
	rdt.l3_cache_schema = l3;
	rdt.mem_bw_schema = mb;
	CHECK(join(&rdt, 0) == 0);
	rdt.mem_bw_schema = NULL;
	CHECK(join(&rdt, -EEXIST) == -EEXIST);
	rdt.l3_cache_schema = other;
	CHECK(join(&rdt, -EEXIST) == -EEXIST);
	rdt.l3_cache_schema = NULL;
	rdt.schemata = lines;
	rdt.n_schemata = 1;
	CHECK(join(&rdt, -EEXIST) == -EEXIST);
	/* What others made is not ours to remove. */
	CHECK(exists("gold") && resctrl_leave(&rdt, top, "box", NULL) == 0 && exists("gold"));
}

static void test_monitoring(void)
{
	struct oci_intel_rdt rdt = {.clos_id = "gold", .has_enable_monitoring = true,
				    .enable_monitoring = true};

	CHECK(make("gold/mon_groups/box") && put("gold/mon_groups/box/tasks", ""));
	CHECK(join(&rdt, 0) == 0);
	CHECK(holds("gold/mon_groups/box/tasks", "4321"));
	/* The kernel's files go with their directory; these do not. */
	CHECK(resctrl_leave(&rdt, top, "box", NULL) == -ENOTEMPTY);
	CHECK(resctrl_leave(&rdt, top, "none", NULL) == 0);
}

static void test_default(void)
{
	char slash[] = "/";
	struct oci_intel_rdt rdt = {.clos_id = slash, .has_enable_monitoring = true,
				    .enable_monitoring = true};

	CHECK(put("tasks", "") && make("mon_groups") && make("mon_groups/box") &&
	      put("mon_groups/box/tasks", ""));
	CHECK(join(&rdt, 0) == 0 && holds("tasks", "4321") && holds("mon_groups/box/tasks", "4321"));
	CHECK(resctrl_leave(&rdt, top, "box", NULL) == -ENOTEMPTY);
	rdt.enable_monitoring = false;
	CHECK(resctrl_leave(&rdt, top, "box", NULL) == 0 && exists("tasks"));
}

static void test_made(void)
{
	char l3[] = "L3:0=f", bad[] = "../up", info[] = "info";
	struct oci_intel_rdt rdt = {.l3_cache_schema = l3};

	/* No schemata file appears in a plain directory: an error, and nothing left. */
	CHECK(join(&rdt, -ENOENT) == -ENOENT);
	CHECK(!exists("box"));
	CHECK(make("box") && resctrl_leave(&rdt, top, "box", NULL) == 0 && !exists("box"));
	/* One of its name that is not its own is not taken, and not removed. */
	CHECK(make("box") && join(&rdt, -EEXIST) == -EEXIST && exists("box"));
	rdt.clos_id = bad;
	CHECK(join(&rdt, -EINVAL) == -EINVAL);
	CHECK(resctrl_leave(&rdt, top, "box", NULL) == 0);
	rdt.clos_id = info;
	CHECK(join(&rdt, -EINVAL) == -EINVAL);
}

static int update(const struct oci_intel_rdt *rdt, bool joined)
{
	struct error err = ERROR_INIT;
	int r = resctrl_update(rdt, joined, top, "box", getpid(), &err);

	error_free(&err);
	return r;
}

static void test_update(void)
{
	char l3[] = "L3:0=ff", mb[] = "MB:0=50", gold[] = "gold";
	struct oci_intel_rdt rdt = {.l3_cache_schema = l3, .mem_bw_schema = mb, .clos_id = gold};
	char self[16];

	/* One that is joined is only written to. A plain file keeps the last line. */
	CHECK(put("gold/schemata", "        ") && put("gold/tasks", ""));
	CHECK(update(&rdt, true) == 0 && holds("gold/schemata", "MB:0=50") && holds("gold/tasks", ""));
	/* Another's class of the container's name is not taken; nothing is left of one that fails. */
	rdt.clos_id = NULL;
	CHECK(exists("box") && update(&rdt, false) == -EEXIST && exists("box"));
	CHECK(resctrl_leave(&rdt, top, "box", NULL) == 0 && update(&rdt, false) == -ENOENT && !exists("box"));
	/* The class joined with every thread that is not there yet. */
	snprintf(self, sizeof(self), "%d", getpid());
	CHECK(put("tasks", "") && resctrl_add_threads(top, getpid(), NULL) == 0 && holds("tasks", self));
}

int main(void)
{
	char *command;

	if (!mkdtemp(top)) {
		perror(top);
		return 99;
	}
	test_existing();
	test_monitoring();
	test_default();
	test_made();
	test_update();
	command = string_format("rm -rf %s", top);
	if (command && system(command) != 0)
		perror("rm");
	free(command);
	return check_done();
}
