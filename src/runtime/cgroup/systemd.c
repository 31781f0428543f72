/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/cgroup/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/systemd_bus.h"
#include "runtime/files.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define CALL_USEC 25000000ull
#define JOB_SECONDS 30
#define US_PER_S 1000000ull
#define DEFAULT_PERIOD 100000
#define PROPERTY_ANNOTATION "org.systemd.property."

/* Whose service manager: root of a user namespace is a user like others. */
static bool is_user(void)
{
	cleanup_free char *map = NULL;
	unsigned inside, outside, count;

	if (geteuid() != 0)
		return true;
	return file_read(AT_FDCWD, "/proc/self/uid_map", 65536, &map) > 0 &&
	       sscanf(map, "%u %u %u", &inside, &outside, &count) == 3 &&
	       !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

/* ---- names --------------------------------------------------------------------------------------- */

/* "slice:prefix:name" to a slice and a unit; both malloc()ed. */
static int parse_path(const char *path, const char *id, char **slice, char **unit, struct error *err)
{
	const char *prefix = "husk", *name = id, *colon, *second;
	size_t prefix_len = strlen(prefix);

	*slice = *unit = NULL;
	if (path && *path) {
		colon = strchr(path, ':');
		second = colon ? strchr(colon + 1, ':') : NULL;
		if (!second || strchr(second + 1, ':') || strchr(path, '/') || !second[1])
			return error_set(err, -EINVAL, "linux.cgroupsPath: \"%s\" is not of the form "
						       "slice:prefix:name that systemd cgroups have",
					 path);
		prefix = colon + 1;
		prefix_len = (size_t)(second - prefix);
		name = second + 1;
		if (colon > path)
			*slice = strndup(path, (size_t)(colon - path));
	}
	if (!*slice)
		*slice = strdup(is_user() ? "user.slice" : "system.slice");
	*unit = prefix_len ? string_format("%.*s-%s.scope", (int)prefix_len, prefix, name)
			   : string_format("%s.scope", name);
	return *slice && *unit ? 0 : error_set(err, -ENOMEM, "out of memory");
}

/* ---- messages ------------------------------------------------------------------------------------ */

/* v1's 2 … 262144 as v2's 1 … 10000, as cgroup/v2.c has it. */
static uint64_t weight_of(uint64_t shares)
{
	shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
	return 1 + (shares - 2) * 9999 / 262142;
}

static int add_number(struct systemd_bus *b, sd_bus_message *m, const char *name, uint64_t value)
{
	return b->message_append(m, "(sv)", name, "t", value);
}

/* The limits that systemd knows, for v1 and for v2. */
static int add_limits(struct systemd_bus *b, sd_bus_message *m, const struct oci_resources *res, bool v2)
{
	const struct oci_memory *memory = res ? res->memory : NULL;
	const struct oci_cpu *cpu = res ? res->cpu : NULL;
	const struct oci_pids *pids = res ? res->pids : NULL;
	uint64_t period = cpu && cpu->period ? cpu->period : DEFAULT_PERIOD;
	int r = 0;

	/* -1, no limit, is the highest number here as well. */
	if (memory && memory->limit)
		r = add_number(b, m, v2 ? "MemoryMax" : "MemoryLimit", (uint64_t)memory->limit);
	if (r >= 0 && v2 && memory && memory->reservation)
		r = add_number(b, m, "MemoryLow", (uint64_t)memory->reservation);
	if (r >= 0 && cpu && cpu->shares)
		r = add_number(b, m, v2 ? "CPUWeight" : "CPUShares",
			       v2 ? weight_of(cpu->shares) : cpu->shares);
	if (r >= 0 && cpu && cpu->quota)
		r = add_number(b, m, "CPUQuotaPerSecUSec",
			       cpu->quota > 0 ? (uint64_t)cpu->quota * US_PER_S / period : UINT64_MAX);
	if (r >= 0 && pids && pids->limit)
		r = add_number(b, m, "TasksMax", (uint64_t)pids->limit);
	return r;
}

static int add_properties(struct systemd_bus *b, sd_bus_message *m, const char *id, const char *slice,
			  pid_t pid)
{
	const char *const flags[] = {"Delegate", "MemoryAccounting", "CPUAccounting", "TasksAccounting",
				     cgroup_only_v2() ? "IOAccounting" : "BlockIOAccounting"};
	cleanup_free char *text = string_format("husk container %s", id);
	int r = text ? b->message_append(m, "(sv)", "Description", "s", text) : -ENOMEM;

	if (r >= 0)
		r = b->message_append(m, "(sv)", "Slice", "s", slice);
	for (size_t i = 0; r >= 0 && i < sizeof(flags) / sizeof(*flags); i++)
		r = b->message_append(m, "(sv)", flags[i], "b", 1);
	if (r >= 0)
		r = b->message_append(m, "(sv)", "DefaultDependencies", "b", 0);
	if (r >= 0)
		r = b->message_append(m, "(sv)", "PIDs", "au", 1, (unsigned)pid);
	return r;
}

static int no_message(struct error *err, int r)
{
	return error_errno(err, r, "systemd cgroups: cannot make a message");
}

/*
 * Annotations org.systemd.property.NAME: what the user wants of the unit besides, as GVariant text, of
 * which these forms are known: 'text', true, false, 37, int32 37, uint32 37, int64 37, uint64 37.
 */
static int add_property(struct systemd_bus *b, sd_bus_message *m, const char *name, const char *text)
{
	static const struct {
		const char *word, *type;
	} types[] = {{"int32 ", "i"}, {"uint32 ", "u"}, {"int64 ", "x"}, {"uint64 ", "t"}};
	size_t n = strlen(text);
	const char *type = "i";
	char *end;
	long long value;

	if (n >= 2 && (text[0] == '\'' || text[0] == '"') && text[n - 1] == text[0]) {
		cleanup_free char *inner = strndup(text + 1, n - 2);

		return inner ? b->message_append(m, "(sv)", name, "s", inner) : -ENOMEM;
	}
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return b->message_append(m, "(sv)", name, "b", text[0] == 't');
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strncmp(text, types[i].word, strlen(types[i].word))) {
			text += strlen(types[i].word);
			type = types[i].type;
			break;
		}
	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		return -EINVAL;
	if (*type == 'i' || *type == 'u')
		return b->message_append(m, "(sv)", name, type, (int)value);
	return b->message_append(m, "(sv)", name, type, value);
}

static int add_annotations(struct systemd_bus *b, sd_bus_message *m, const struct oci_map *a,
			   struct error *err)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *name = a->keys[i] + strlen(PROPERTY_ANNOTATION);
		int r;

		if (strncmp(a->keys[i], PROPERTY_ANNOTATION, strlen(PROPERTY_ANNOTATION)))
			continue;
		r = *name ? add_property(b, m, name, a->values[i]) : -EINVAL;
		if (r < 0)
			return error_set(err, r, "annotations[%s]: \"%s\" is not a value that husk can "
						 "pass on to systemd", a->keys[i], a->values[i]);
	}
	return 0;
}

/* Sends m; what systemd says of it goes into err. *reply may be NULL. */
static int call(struct systemd_bus *b, sd_bus_message *m, const char *what, sd_bus_message **reply,
		struct error *err)
{
	sd_bus_error e = {0};
	int r = b->call(b->bus, m, CALL_USEC, &e, reply);

	if (r < 0)
		error_set(err, r, "systemd: %s: %s", what, e.message ? e.message : strerror(-r));
	b->error_free(&e);
	return r < 0 ? r : 0;
}

static int new_call(struct systemd_bus *b, const char *member, sd_bus_message **m, struct error *err)
{
	int r = b->message_new_method_call(b->bus, m, SYSTEMD, MANAGER_PATH, MANAGER, member);

	return r < 0 ? no_message(err, r) : 0;
}

/* ---- jobs ---------------------------------------------------------------------------------------- */

/* Signals of jobs that end may come before the answer that names ours: all are remembered. */
struct jobs {
	struct systemd_bus *bus;
	const char *unit;
	char result[32]; /* of the unit's job, once it has ended */
};

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct jobs *j = userdata;
	const char *path, *unit, *result;
	uint32_t id;

	if (j->bus->message_read(m, "uoss", &id, &path, &unit, &result) >= 0 && !strcmp(unit, j->unit))
		snprintf(j->result, sizeof(j->result), "%s", result);
	return 0;
}

static int watch_jobs(struct jobs *j, struct error *err)
{
	sd_bus_message *m = NULL;
	int r = j->bus->match_signal(j->bus->bus, NULL, SYSTEMD, MANAGER_PATH, MANAGER, "JobRemoved",
				     on_job_removed, j);

	if (r < 0)
		return error_errno(err, r, "systemd: cannot listen for JobRemoved");
	/* Without subscribers systemd tells nobody. That there is one already is no error. */
	r = new_call(j->bus, "Subscribe", &m, err);
	if (r == 0)
		call(j->bus, m, "Subscribe", NULL, NULL);
	j->bus->message_unref(m);
	return r;
}

static int wait_for_job(struct jobs *j, struct error *err)
{
	time_t end = time(NULL) + JOB_SECONDS;

	while (!j->result[0]) {
		int r = j->bus->process(j->bus->bus, NULL);

		if (r == 0)
			r = j->bus->wait(j->bus->bus, US_PER_S);
		if (r < 0 && r != -EINTR)
			return error_errno(err, r, "systemd: waiting for %s", j->unit);
		if (time(NULL) > end)
			return error_set(err, -ETIMEDOUT, "systemd: the job of %s does not end", j->unit);
	}
	if (strcmp(j->result, "done"))
		return error_set(err, -EIO, "systemd: the job of %s ended as \"%s\"", j->unit, j->result);
	return 0;
}

/* ---- scopes -------------------------------------------------------------------------------------- */

static int start_unit(struct systemd_bus *b, const struct systemd_scope *s, const char *slice,
		      const char *id, const struct oci_resources *res,
		      const struct oci_map *annotations, struct error *err)
{
	struct jobs jobs = {.bus = b, .unit = s->unit};
	sd_bus_message *m = NULL;
	int r = watch_jobs(&jobs, err), k;

	if (r == 0)
		r = new_call(b, "StartTransientUnit", &m, err);
	if (r < 0)
		return r;
	k = b->message_append(m, "ss", s->unit, "replace");
	if (k >= 0)
		k = b->message_open_container(m, 'a', "(sv)");
	if (k >= 0)
		k = add_properties(b, m, id, slice, s->keeper);
	if (k >= 0)
		k = add_limits(b, m, res, cgroup_only_v2());
	r = k < 0 ? no_message(err, k) : add_annotations(b, m, annotations, err);
	if (r == 0) {
		k = b->message_close_container(m);
		if (k >= 0)
			k = b->message_append(m, "a(sa(sv))", 0);
		r = k < 0 ? no_message(err, k) : call(b, m, "StartTransientUnit", NULL, err);
	}
	b->message_unref(m);
	return r < 0 ? r : wait_for_job(&jobs, err);
}

/* Where systemd has put it: only systemd knows, in a user's session above all. */
static int find_control_group(struct systemd_bus *b, struct systemd_scope *s, struct error *err)
{
	sd_bus_message *m = NULL, *reply = NULL;
	sd_bus_error e = {0};
	const char *path;
	int r = new_call(b, "GetUnit", &m, err);

	if (r == 0) {
		r = b->message_append(m, "s", s->unit);
		r = r < 0 ? no_message(err, r) : call(b, m, "GetUnit", &reply, err);
	}
	if (r == 0) {
		r = b->message_read(reply, "o", &path);
		if (r >= 0)
			r = b->get_property_string(b->bus, SYSTEMD, path, SYSTEMD ".Scope",
						   "ControlGroup", &e, &s->control_group);
		r = r < 0 ? error_set(err, r, "systemd: the cgroup of %s: %s", s->unit,
				      e.message ? e.message : strerror(-r))
			  : 0;
	}
	b->error_free(&e);
	b->message_unref(reply);
	b->message_unref(m);
	if (r == 0 && (s->control_group[0] != '/' || !s->control_group[1]))
		r = error_set(err, -EIO, "systemd: %s has no cgroup", s->unit);
	return r;
}

static pid_t start_keeper(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	/* Nothing of the command's may be held open, nor outlive it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_all_but(0, NULL, 0);
	while (getppid() == parent)
		pause();
	_exit(0);
}

void systemd_scope_release(struct systemd_scope *s)
{
	if (s->keeper > 0) {
		kill(s->keeper, SIGKILL);
		wait_child(s->keeper);
	}
	s->keeper = 0;
}

void systemd_scope_free(struct systemd_scope *s)
{
	free(steal_ptr(&s->unit));
	free(steal_ptr(&s->control_group));
}

int systemd_scope_start(const char *cgroups_path, const char *id, const struct oci_resources *res,
			const struct oci_map *annotations, struct systemd_scope *out,
			struct error *err)
{
	cleanup_free char *slice = NULL;
	struct systemd_bus b = {0};
	int r;

	memset(out, 0, sizeof(*out));
	r = parse_path(cgroups_path, id, &slice, &out->unit, err);
	if (r == 0)
		r = systemd_bus_open(is_user(), &b, err);
	if (r == 0) {
		out->keeper = start_keeper();
		r = out->keeper < 0 ? error_errno(err, -errno, "cannot fork") : 0;
	}
	if (r == 0)
		r = start_unit(&b, out, slice, id, res, annotations, err);
	if (r == 0)
		r = find_control_group(&b, out, err);
	systemd_bus_close(&b);
	if (r < 0) {
		systemd_scope_release(out); /* its last process gone, the scope goes */
		systemd_scope_free(out);
	}
	return r;
}

int systemd_scope_join(const char *unit, struct error *err)
{
	struct systemd_bus b = {0};
	sd_bus_message *m = NULL;
	int r = systemd_bus_open(is_user(), &b, err);

	if (r == 0)
		r = new_call(&b, "AttachProcessesToUnit", &m, err);
	if (r == 0) {
		r = b.message_append(m, "ssau", unit, "", 1, (unsigned)getpid());
		r = r < 0 ? no_message(err, r) : call(&b, m, "AttachProcessesToUnit", NULL, err);
		b.message_unref(m);
	}
	systemd_bus_close(&b);
	return r;
}

int systemd_scope_update(const char *unit, const struct oci_resources *res, struct error *err)
{
	struct systemd_bus b = {0};
	sd_bus_message *m = NULL;
	int r = systemd_bus_open(is_user(), &b, err), k;

	if (r == 0)
		r = new_call(&b, "SetUnitProperties", &m, err);
	if (r == 0) {
		k = b.message_append(m, "sb", unit, 1);
		if (k >= 0)
			k = b.message_open_container(m, 'a', "(sv)");
		if (k >= 0)
			k = add_limits(&b, m, res, cgroup_only_v2());
		if (k >= 0)
			k = b.message_close_container(m);
		r = k < 0 ? no_message(err, k) : call(&b, m, "SetUnitProperties", NULL, err);
		b.message_unref(m);
	}
	systemd_bus_close(&b);
	return r;
}

int systemd_scope_stop(const char *unit, struct error *err)
{
	cleanup_error struct error why = ERROR_INIT;
	struct systemd_bus b = {0};
	sd_bus_message *m = NULL;
	int r = systemd_bus_open(is_user(), &b, err);

	if (r == 0)
		r = new_call(&b, "StopUnit", &m, err);
	if (r == 0) {
		r = b.message_append(m, "ss", unit, "replace");
		/* A scope whose processes have all gone has gone with them. */
		if (r < 0)
			r = no_message(err, r);
		else if (call(&b, m, "StopUnit", NULL, &why) < 0)
			log_debug("%s", why.msg);
		b.message_unref(m);
	}
	systemd_bus_close(&b);
	return r < 0 ? r : 0;
}
