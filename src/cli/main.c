/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * husk [global options] command [command options] [arguments]
 *
 * Finds the command, hands it its arguments, and says what went wrong in runc's way: one line in
 * the log (which is stderr unless --log names a file; errors then go to both), and exit status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cli/cli.h"
#include "config.h"
#include "runtime/files.h"

/* A command that does not exist; runc's exit status for it. */
#define STATUS_NO_SUCH_COMMAND 3

static struct cli cli = {.criu = "criu", .rootless = "auto", .log_format = "text"};

const struct cli_option cli_global_options[] = {
    {"debug", 0, CLI_FLAG, &cli.runtime.debug, "write debug messages to the log"},
    {"log", 0, CLI_STRING, &cli.log, "file the log goes to (default: stderr)"},
    {"log-format", 0, CLI_STRING, &cli.log_format, "\"text\" or \"json\" (default: \"text\")"},
    {"root", 0, CLI_STRING, &cli.runtime.root,
     "directory of the containers' state (default: \"/run/husk\", for a user without privileges "
     "\"$XDG_RUNTIME_DIR/husk\")"},
    {"criu", 0, CLI_STRING, &cli.criu, "ignored, for compatibility with runc"},
    {"systemd-cgroup", 0, CLI_FLAG, &cli.runtime.systemd_cgroup,
     "make the cgroup a scope of systemd's; linux.cgroupsPath is \"slice:prefix:name\""},
    {"platform", 0, CLI_STRING, &cli.runtime.platform,
     "what user code runs on: \"kvm\", \"ptrace\", or \"auto\", KVM where it works (default: what "
     "the container's annotation org.husk.platform says, else \"auto\")"},
    {"cgroup-manager", 0, CLI_STRING, &cli.cgroup_manager,
     "\"cgroupfs\" (default) or \"systemd\", as --systemd-cgroup"},
    {"rootless", 0, CLI_STRING, &cli.rootless,
     "\"true\", \"false\" or \"auto\", for compatibility with runc (default: \"auto\")"},
    {"help", 'h', CLI_FLAG, &cli.help, "show help"},
    {"version", 'v', CLI_FLAG, &cli.version, "show the version"},
    {0},
};

const struct cli_command *const cli_commands[] = {
    &cli_check, &cli_create, &cli_delete, &cli_events, &cli_exec,	&cli_features,
    &cli_kill,	&cli_list,   &cli_mounts, &cli_pause,  &cli_ps,     &cli_resume,	&cli_run,
    &cli_spec,	&cli_start,  &cli_state,  &cli_stats,  &cli_update, &cli_checkpoint, &cli_restore,
    NULL,
};

const struct cli_command *cli_find(const char *name)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		if (strcmp((*c)->name, name) == 0)
			return *c;
	return NULL;
}

int cli_oci_error(struct error *err, int code, char *sentence)
{
	error_set(err, code, "%s", sentence ? sentence : strerror(-code));
	free(sentence);
	return code;
}

static int open_log(struct error *err)
{
	const enum log_level level = cli.runtime.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
	const bool json = strcmp(cli.log_format, "json") == 0;
	int fd = -1;

	if (!json && strcmp(cli.log_format, "text") != 0)
		return error_set(err, -EINVAL, "invalid log-format: %s", cli.log_format);
	if (cli.log && cli.log[0]) {
		fd = open(cli.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0)
			return error_errno(err, -errno, "open %s", cli.log);
	}
	log_open(fd, json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT, level);
	return 0;
}

/*
 * Does state belong below XDG_RUNTIME_DIR? For an ordinary user, and for one who is root of his own
 * user namespace only, as rootless Podman makes him (USER still tells).
 */
static bool is_rootless(void)
{
	const char *user = getenv("USER");

	if (geteuid() != 0)
		return true;
	return in_user_namespace() && (!user || strcmp(user, "root"));
}

/* crun's way to say --systemd-cgroup. */
static int settle_cgroup_manager(struct error *err)
{
	const char *m = cli.cgroup_manager;

	if (m && strcmp(m, "cgroupfs") && strcmp(m, "systemd"))
		return error_set(err, -EINVAL, "--cgroup-manager %s: husk knows cgroupfs and systemd", m);
	if (m && m[0] == 's')
		cli.runtime.systemd_cgroup = true;
	return 0;
}

/* --root, made absolute, since `husk create` changes its directory to the bundle. */
static int settle_root(struct error *err)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	cleanup_free char *cwd = NULL;
	char *root;
	int r;

	if (!cli.runtime.root || !cli.runtime.root[0]) {
		if (!run || !run[0] || !is_rootless()) {
			cli.runtime.root = "/run/husk";
			return 0;
		}
		r = asprintf(&root, "%s/husk", run);
	} else if (cli.runtime.root[0] == '/') {
		return 0;
	} else {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return error_errno(err, -errno, "--root %s", cli.runtime.root);
		r = asprintf(&root, "%s/%s", cwd, cli.runtime.root);
	}
	if (r < 0)
		return error_errno(err, -ENOMEM, "--root");
	cli.runtime.root = root;
	return 0;
}

/* runc's words for a wrong number of arguments; the help went to stdout before. */
static int check_count(const struct cli_command *c, int argc, struct error *err)
{
	const char *rule;
	int n;

	if (argc >= c->min_args && (c->max_args < 0 || argc <= c->max_args))
		return 0;
	if (c->min_args == c->max_args) {
		rule = "exactly";
		n = c->min_args;
	} else {
		rule = argc < c->min_args ? "a minimum of" : "a maximum of";
		n = argc < c->min_args ? c->min_args : c->max_args;
	}
	printf("Incorrect Usage.\n\n");
	cli_command_help(stdout, c);
	return error_set(err, -EINVAL, "husk: \"%s\" requires %s %d argument(s)", c->name, rule, n);
}

/* Says what went wrong (code: the negative errno, for an error without a sentence). */
static int report(const struct error *err, int code, const char *prefix, int status)
{
	fflush(stdout);
	log_error("%s%s", prefix ? prefix : "", err->msg ? err->msg : strerror(-code));
	return status;
}

static int run_command(const struct cli_command *c, int argc, char **argv)
{
	cleanup_error struct error err = ERROR_INIT;
	bool help = false;
	int r;

	if (!c->hidden) {
		r = cli_parse_options(c->options, c->options_first, &argc, argv, &help, &err);
		if (r < 0) {
			printf("Incorrect Usage: %s\n\n", err.msg);
			cli_command_help(stdout, c);
			return report(&err, err.code, NULL, 1);
		}
		if (help) {
			cli_command_help(stdout, c);
			return 0;
		}
		if (check_count(c, argc, &err) < 0)
			return report(&err, err.code, NULL, 1);
	}
	r = settle_root(&err);
	if (r == 0)
		r = settle_cgroup_manager(&err);
	if (r == 0)
		r = c->run(&cli, argc, argv, &err);
	if (r < 0)
		return report(&err, r, c->failure, c->failure_status ? c->failure_status : 1);
	return r;
}

static int no_such_command(const char *name)
{
	log_error("No help topic for '%s'", name);
	return STATUS_NO_SUCH_COMMAND;
}

/* `husk help [command]` */
static int help_command(int argc, char **argv)
{
	const struct cli_command *c = argc ? cli_find(argv[0]) : NULL;

	if (argc && (!c || c->hidden))
		return no_such_command(argv[0]);
	if (c)
		cli_command_help(stdout, c);
	else
		cli_help(stdout);
	return 0;
}

static int version_command(void)
{
	printf("husk version %s\n", PACKAGE_VERSION);
	cli_print_version(stdout);
	return 0;
}

static int dispatch(int argc, char **argv)
{
	const struct cli_command *c;

	if (cli.version)
		return version_command();
	if (cli.help || argc == 0 || strcmp(argv[0], "help") == 0 || strcmp(argv[0], "h") == 0)
		return help_command(cli.help || !argc ? 0 : argc - 1, argv + 1);
	if (strcmp(argv[0], "version") == 0)
		return version_command();
	c = cli_find(argv[0]);
	if (!c)
		return no_such_command(argv[0]);
	return run_command(c, argc - 1, argv + 1);
}

/* A husk whose stdin, stdout or stderr is closed must not give their numbers to other files. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_WRONLY : O_RDONLY) < 0)
			_exit(1);
}

int main(int argc, char **argv)
{
	cleanup_error struct error err = ERROR_INIT;
	int status;

	fill_standard_descriptors();
	argc--;
	argv++;
	if (cli_parse_options(cli_global_options, true, &argc, argv, NULL, &err) < 0) {
		printf("Incorrect Usage. %s\n\n", err.msg);
		cli_help(stdout);
		return report(&err, err.code, NULL, 1);
	}
	if (open_log(&err) < 0)
		return report(&err, err.code, NULL, 1);
	status = dispatch(argc, argv);
	/* A `husk state` whose output was lost on a full disk has not worked. */
	if (fflush(stdout) != 0 && status == 0) {
		log_error("write to stdout: %s", strerror(errno));
		status = 1;
	}
	return status;
}
