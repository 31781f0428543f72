/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/resctrl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

#define SCHEMATA_MAX 65536 /* bytes; a line has an entry for each cache of the machine */
#define TASKS_MAX (8u << 20) /* bytes; a line for each thread of a class */
#define THREAD_ROUNDS 100

char *resctrl_find(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	char *found = NULL;
	struct mntent *m;

	while (f && !found && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "resctrl"))
			found = strdup(m->mnt_dir);
	if (f)
		endmntent(f);
	return found;
}

static bool filled(const char *s)
{
	return s && *s;
}

static bool has_schemas(const struct oci_intel_rdt *rdt)
{
	return filled(rdt->l3_cache_schema) || filled(rdt->mem_bw_schema) || rdt->n_schemata;
}

/* The class that everything is in which is in no other: the root itself. */
static bool is_default(const struct oci_intel_rdt *rdt)
{
	return rdt->clos_id && !strcmp(rdt->clos_id, "/");
}

/* The directory of the class. malloc()ed. */
static char *class_dir(const struct oci_intel_rdt *rdt, const char *root, const char *id)
{
	if (is_default(rdt))
		return strdup(root);
	return string_format("%s/%s", root, filled(rdt->clos_id) ? rdt->clos_id : id);
}

/* A name of ours in the directory above: neither a path nor one of the file system's own. */
static bool is_name(const char *s)
{
	return *s && !strchr(s, '/') && strcmp(s, ".") && strcmp(s, "..") && strcmp(s, "info") &&
	       strcmp(s, "mon_groups") && strcmp(s, "mon_data");
}

/* ---- schemata ------------------------------------------------------------------------------ */

/*
 * What is to be written: l3CacheSchema, without its MB: lines when memBwSchema says them, then
 * memBwSchema, then schemata, whose lines so have the last word.
 */
static char *join_schemata(const struct oci_intel_rdt *rdt)
{
	cleanup_free char *l3 = strdup(rdt->l3_cache_schema ? rdt->l3_cache_schema : "");
	char *text = NULL, *save;
	size_t len;
	FILE *f = l3 ? open_memstream(&text, &len) : NULL;

	if (!f)
		return NULL;
	for (char *line = strtok_r(l3, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "MB:", 3) || !filled(rdt->mem_bw_schema))
			fprintf(f, "%s\n", line);
	if (filled(rdt->mem_bw_schema))
		fprintf(f, "%s\n", rdt->mem_bw_schema);
	for (size_t i = 0; i < rdt->n_schemata; i++)
		fprintf(f, "%s\n", rdt->schemata[i]);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* One "L3:0=f;1=ff" as the kernel writes it: blanks before the name and zeros before values are free. */
static void normal_form(const char *line, size_t n, char *out, size_t size)
{
	size_t k = 0;
	bool start = false;

	for (size_t i = 0; i < n && k + 1 < size; i++) {
		if (line[i] == ' ' || line[i] == '\t')
			continue;
		if (start && line[i] == '0' && i + 1 < n && line[i + 1] != ';')
			continue;
		start = line[i] == '=';
		out[k++] = line[i];
	}
	out[k] = '\0';
}

/* Each line that we would write stands in the text that is there already. */
static bool schemata_match(const char *wanted, const char *present)
{
	while (*wanted) {
		size_t n = strcspn(wanted, "\n");
		char want[1024], have[1024];
		bool found = false;

		normal_form(wanted, n, want, sizeof(want));
		for (const char *p = present; *p && !found; p += strspn(p, "\n")) {
			size_t k = strcspn(p, "\n");

			normal_form(p, k, have, sizeof(have));
			found = !strcmp(want, have);
			p += k;
		}
		if (!found)
			return false;
		wanted += n + strspn(wanted + n, "\n");
	}
	return true;
}

/* Line by line: the kernel tells a whole write's errors by its last line only. */
static int write_schemata(const char *dir, const char *text, struct error *err)
{
	cleanup_free char *path = string_format("%s/schemata", dir), *copy = strdup(text);
	char *save;

	if (!path || !copy)
		return error_set(err, -ENOMEM, "out of memory");
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		cleanup_free char *with_end = string_format("%s\n", line);
		int r = with_end ? file_write(AT_FDCWD, path, with_end) : -ENOMEM;

		if (r < 0)
			return error_errno(err, r, "linux.intelRdt: cannot write \"%s\" to %s", line, path);
	}
	return 0;
}

static int compare_schemata(const char *dir, const char *text, struct error *err)
{
	cleanup_free char *path = string_format("%s/schemata", dir), *present = NULL;
	ssize_t n = path ? file_read(AT_FDCWD, path, SCHEMATA_MAX, &present) : -ENOMEM;

	if (n < 0)
		return error_errno(err, n, "linux.intelRdt: cannot read %s", path ? path : dir);
	if (!schemata_match(text, present))
		return error_set(err, -EEXIST,
				 "linux.intelRdt: class %s is there already, and its schemata is another",
				 dir);
	return 0;
}

/* ---- the directories ----------------------------------------------------------------------- */

static int add_task(const char *dir, pid_t pid, struct error *err)
{
	cleanup_free char *path = string_format("%s/tasks", dir);
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%d", pid);
	r = path ? file_write(AT_FDCWD, path, text) : -ENOMEM;
	return r < 0 ? error_errno(err, r, "linux.intelRdt: cannot write to %s/tasks", dir) : 0;
}

static int fill_class(const struct oci_intel_rdt *rdt, const char *dir, bool made, pid_t pid,
		      struct error *err)
{
	cleanup_free char *text = join_schemata(rdt);
	int r = 0;

	if (!text)
		return error_set(err, -ENOMEM, "out of memory");
	if (has_schemas(rdt))
		r = made ? write_schemata(dir, text, err) : compare_schemata(dir, text, err);
	return r < 0 ? r : add_task(dir, pid, err);
}

static bool monitored(const struct oci_intel_rdt *rdt)
{
	return rdt->enable_monitoring || rdt->enable_cmt || rdt->enable_mbm;
}

static int join_monitor(const char *dir, const char *id, pid_t pid, struct error *err)
{
	cleanup_free char *group = string_format("%s/mon_groups/%s", dir, id);
	int r;

	if (!group)
		return error_set(err, -ENOMEM, "out of memory");
	if (mkdir(group, 0755) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "linux.intelRdt: cannot make %s", group);
	r = add_task(group, pid, err);
	if (r < 0)
		rmdir(group);
	return r;
}

int resctrl_join(const struct oci_intel_rdt *rdt, const char *root, const char *id, pid_t pid,
		 struct error *err)
{
	const char *name = filled(rdt->clos_id) ? rdt->clos_id : id;
	cleanup_free char *dir = class_dir(rdt, root, id);
	bool own = !filled(rdt->clos_id), may_make = own || has_schemas(rdt), made;
	int r;

	if (!dir)
		return error_set(err, -ENOMEM, "out of memory");
	if (!is_default(rdt) && !is_name(name))
		return error_set(err, -EINVAL, "linux.intelRdt.closID: \"%s\" is not a name", name);
	made = may_make && mkdir(dir, 0755) == 0;
	/* One of this container's name that is somebody else's would be removed with the container. */
	if (may_make && !made && (own || errno != EEXIST))
		return error_errno(err, -errno, "linux.intelRdt: cannot make %s", dir);
	if (!may_make && access(dir, F_OK) < 0)
		return error_set(err, -ENOENT, "linux.intelRdt.closID: there is no class \"%s\", and no "
					       "schema to make it of", name);
	r = fill_class(rdt, dir, made, pid, err);
	if (!r && monitored(rdt))
		r = join_monitor(dir, id, pid, err);
	if (r < 0 && made)
		rmdir(dir);
	return r;
}

/* Whether a line of text is this number. */
static bool lists(const char *text, const char *number)
{
	size_t n = strlen(number);

	for (const char *p = text; (p = strstr(p, number)); p += n)
		if ((p == text || p[-1] == '\n') && (p[n] == '\n' || !p[n]))
			return true;
	return false;
}

/* Puts those threads into the class that are not in it yet: how many, or a negative errno. */
static int add_missing_threads(const char *dir, pid_t pid, struct error *err)
{
	cleanup_free char *all = string_format("/proc/%d/task", pid), *path = string_format("%s/tasks", dir);
	cleanup_free char *present = NULL;
	cleanup_closedir DIR *d = all ? opendir(all) : NULL;
	ssize_t n = !path ? -ENOMEM : !d ? -errno : file_read(AT_FDCWD, path, TASKS_MAX, &present);
	struct dirent *e;
	int added = 0;

	if (n < 0)
		return error_errno(err, n, "linux.intelRdt: cannot tell who is in %s/tasks", dir);
	while ((e = readdir(d))) {
		int r;

		if (e->d_name[0] == '.' || lists(present, e->d_name))
			continue;
		r = file_write(AT_FDCWD, path, e->d_name);
		if (r == -ESRCH) /* it has ended meanwhile */
			continue;
		if (r < 0)
			return error_errno(err, r, "linux.intelRdt: cannot write to %s", path);
		added++;
	}
	return added;
}

/* A new thread is where the one is that made it: so once all are in the class, all stay there. */
int resctrl_add_threads(const char *dir, pid_t pid, struct error *err)
{
	for (int i = 0; i < THREAD_ROUNDS; i++) {
		int added = add_missing_threads(dir, pid, err);

		if (added <= 0)
			return added;
	}
	return error_set(err, -EAGAIN, "linux.intelRdt: the threads of process %d do not stay in %s", pid, dir);
}

int resctrl_update(const struct oci_intel_rdt *rdt, bool joined, const char *root, const char *id,
		   pid_t pid, struct error *err)
{
	cleanup_free char *dir = class_dir(rdt, root, id), *text = join_schemata(rdt);
	int r;

	if (!dir || !text)
		return error_set(err, -ENOMEM, "out of memory");
	if (!joined && mkdir(dir, 0755) < 0)
		return error_errno(err, -errno, "linux.intelRdt: cannot make %s", dir);
	r = write_schemata(dir, text, err);
	if (!r && !joined)
		r = resctrl_add_threads(dir, pid, err);
	if (r < 0 && !joined)
		rmdir(dir);
	return r;
}

int resctrl_leave(const struct oci_intel_rdt *rdt, const char *root, const char *id, struct error *err)
{
	bool own = !filled(rdt->clos_id);
	cleanup_free char *class = class_dir(rdt, root, id);
	cleanup_free char *dir = !class ? NULL
				 : own	? strdup(class)
					: string_format("%s/mon_groups/%s", class, id);

	/* The monitoring group of an own class goes with it. */
	if (!own && (!monitored(rdt) || !(is_default(rdt) || is_name(rdt->clos_id))))
		return 0;
	if (!dir)
		return error_set(err, -ENOMEM, "out of memory");
	if (rmdir(dir) < 0 && errno != ENOENT)
		return error_errno(err, -errno, "linux.intelRdt: cannot remove %s", dir);
	return 0;
}
