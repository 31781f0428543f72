/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "libocispec/ocispec.h"

/* runc's exit status when exec itself fails: a program's own status rarely looks like it. */
#define STATUS_EXEC_FAILED 255

static struct exec_options exec_options;
static const char *cwd, *user, *process_file, *process_label, *apparmor;
static struct cli_strings env, additional_gids, caps, cgroups;
static bool tty, no_new_privs;

static const struct cli_option options[] = {
    {"console-socket", 0, CLI_STRING, &exec_options.console_socket,
     "AF_UNIX socket that receives the master side of the process' terminal"},
    {"cwd", 0, CLI_STRING, &cwd, "working directory in the container"},
    {"env", 'e', CLI_STRINGS, &env, "set an environment variable, NAME=value"},
    {"tty", 't', CLI_FLAG, &tty, "give the process a terminal"},
    {"user", 'u', CLI_STRING, &user, "user and group as numbers: uid[:gid]"},
    {"additional-gids", 'g', CLI_STRINGS, &additional_gids, "one more group, as number"},
    {"process", 'p', CLI_STRING, &process_file, "file with a process object, as in config.json"},
    {"detach", 'd', CLI_FLAG, &exec_options.detach, "return when the process runs"},
    {"pid-file", 0, CLI_STRING, &exec_options.pid_file, "file to write the process id to"},
    {"pidfd-socket", 0, CLI_STRING, &exec_options.pidfd_socket,
     "AF_UNIX socket that receives a pidfd of the process' helper"},
    {"process-label", 0, CLI_STRING, &process_label, "SELinux label of the process"},
    {"apparmor", 0, CLI_STRING, &apparmor, "AppArmor profile of the process"},
    {"no-new-privs", 0, CLI_FLAG, &no_new_privs, "the process cannot gain privileges by execve"},
    {"cap", 'c', CLI_STRINGS, &caps, "one more capability for the process"},
    {"preserve-fds", 0, CLI_NUMBER, &exec_options.preserve_fds,
     "pass N more file descriptors to the process (stdio + $LISTEN_FDS + N)"},
    {"cgroup", 0, CLI_STRINGS, &cgroups,
     "run the process in a cgroup below the container's: [<controller>[,<controller>...]:]<cgroup>"},
    {"ignore-paused", 0, CLI_FLAG, &exec_options.ignore_paused, "resume a paused container first"},
    {0},
};

static int no_memory(struct error *err)
{
	return error_errno(err, -ENOMEM, "exec");
}

/* Replaces a string of the object; nothing for an option that was not given. */
static int replace(char **field, const char *value, struct error *err)
{
	char *copy;

	if (!value)
		return 0;
	copy = strdup(value);
	if (!copy)
		return no_memory(err);
	free(*field);
	*field = copy;
	return 0;
}

static int parse_id(const char *text, const char *what, uint32_t *out, struct error *err)
{
	unsigned long n;

	/* The highest number means "no change" to setresuid(2), so it is nobody's. */
	if (cli_parse_number(text, UINT32_MAX - 1, &n) < 0)
		return error_set(err, -EINVAL, "parsing %s as int for %s failed", text, what);
	*out = (uint32_t)n;
	return 0;
}

/* --user uid[:gid] */
static int set_user(struct oci_user *u, struct error *err)
{
	const char *colon = strchr(user, ':');
	char uid[16];
	int r;

	snprintf(uid, sizeof(uid), "%.*s", (int)(colon ? colon - user : 15), user);
	r = parse_id(uid, "uid", &u->uid, err);
	u->has_uid = true;
	if (r == 0 && colon) {
		r = parse_id(colon + 1, "gid", &u->gid, err);
		u->has_gid = true;
	}
	return r;
}

static int add_groups(struct oci_user *u, struct error *err)
{
	uint32_t *gids;

	if (!additional_gids.n)
		return 0;
	gids = reallocarray(u->additional_gids, u->n_additional_gids + additional_gids.n,
			    sizeof(*gids));
	if (!gids)
		return no_memory(err);
	u->additional_gids = gids;
	for (size_t i = 0; i < additional_gids.n; i++) {
		int r = parse_id(additional_gids.v[i], "gid", &gids[u->n_additional_gids], err);

		if (r < 0)
			return r;
		u->n_additional_gids++;
	}
	return 0;
}

/* --cap adds to the sets that let the process use the capability at once. */
static int add_capabilities(struct oci_process *p, struct error *err)
{
	struct oci_capabilities *c;

	if (!caps.n)
		return 0;
	if (!p->capabilities)
		p->capabilities = calloc(1, sizeof(*p->capabilities));
	c = p->capabilities;
	if (!c)
		return no_memory(err);
	for (size_t i = 0; i < caps.n; i++) {
		if (oci_capability_number(caps.v[i]) < 0)
			return error_set(err, -EINVAL, "unknown capability \"%s\"", caps.v[i]);
		if (oci_strs_append(&c->bounding, &c->n_bounding, caps.v[i]) < 0 ||
		    oci_strs_append(&c->effective, &c->n_effective, caps.v[i]) < 0 ||
		    oci_strs_append(&c->permitted, &c->n_permitted, caps.v[i]) < 0)
			return no_memory(err);
	}
	return 0;
}

static int set_args(struct oci_process *p, int argc, char **argv, struct error *err)
{
	for (size_t i = 0; i < p->n_args; i++)
		free(p->args[i]);
	free(p->args);
	p->args = NULL;
	p->n_args = 0;
	for (int i = 0; i < argc; i++)
		if (oci_strs_append(&p->args, &p->n_args, argv[i]) < 0)
			return no_memory(err);
	return 0;
}

/* What the options change in the container's own process object. */
static int apply_options(struct oci_process *p, int argc, char **argv, struct error *err)
{
	if (set_args(p, argc, argv, err) || replace(&p->cwd, cwd, err) ||
	    replace(&p->apparmor_profile, apparmor, err) ||
	    replace(&p->selinux_label, process_label, err) || add_capabilities(p, err) ||
	    (user && set_user(p->user, err)) || add_groups(p->user, err))
		return err->code;
	for (size_t i = 0; i < env.n; i++)
		if (oci_strs_append(&p->env, &p->n_env, env.v[i]) < 0)
			return no_memory(err);
	p->has_terminal = true;
	p->terminal = tty;
	if (no_new_privs)
		p->has_no_new_privileges = p->no_new_privileges = true;
	return 0;
}

/* The process to run: that of --process, or the container's with changes. */
static int make_process(struct container *c, int argc, char **argv, struct oci_process **out,
			struct error *err)
{
	char *why = NULL;
	int r;

	if (process_file) {
		r = oci_process_load(process_file, out, &why);
		return r < 0 ? cli_oci_error(err, r, why) : 0;
	}
	if (!argc)
		return error_set(err, -EINVAL, "process args cannot be empty");
	r = container_load_process(c, out, err);
	if (r == 0)
		r = apply_options(*out, argc, argv, err);
	if (r < 0)
		return r;
	r = oci_process_validate(*out, &why);
	return r < 0 ? cli_oci_error(err, r, why) : 0;
}

/* --ignore-paused: a process cannot run in a frozen cgroup, so the container is resumed for it. */
static int resume_paused(const struct cli *cli, struct container **c, struct error *err)
{
	struct container *locked = NULL;
	int r;

	if (!exec_options.ignore_paused || (*c)->status != STATUS_PAUSED)
		return 0;
	r = container_load(&cli->runtime, (*c)->id, true, &locked, err);
	if (r == 0 && locked->status == STATUS_PAUSED)
		r = container_resume(locked, err);
	if (r == 0)
		(*c)->status = locked->status;
	container_free(locked);
	return r;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct oci_process *process = NULL;
	struct container *c = NULL;
	int status = 0;
	/* Not locked: the process may run for long, and `kill` must not wait for it. */
	int r = container_load(&cli->runtime, argv[0], false, &c, err);

	exec_options.cgroups = cgroups.v;
	exec_options.n_cgroups = cgroups.n;
	if (r == 0)
		r = make_process(c, argc - 1, argv + 1, &process, err);
	if (r == 0)
		r = resume_paused(cli, &c, err);
	if (r == 0)
		r = container_exec(&cli->runtime, c, process, &exec_options, &status, err);
	oci_process_free(process);
	container_free(c);
	return r < 0 ? r : status;
}

const struct cli_command cli_exec = {
    .name = "exec",
    .summary = "run another process in a container",
    .usage = "[command options] <container-id> <command> [command options]  || -p process.json "
	     "<container-id>",
    .text =
	"The process is like the container's first one, but for the command and the options "
	"below; with -p\nit is what the file says. The exit status is that of the process, or 255 "
	"when it could not be\nstarted.\n\n"
	"EXAMPLE:\n\n       # husk exec <container-id> ps",
    .options = options,
    .options_first = true,
    .min_args = 1,
    .max_args = -1,
    .failure = "exec failed: ",
    .failure_status = STATUS_EXEC_FAILED,
    .run = run,
};
