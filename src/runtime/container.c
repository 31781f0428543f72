/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create and start, and finding containers. */
#include "runtime/container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "platform/platform.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/cgroup/systemd.h"
#include "runtime/fifo.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/idmap.h"
#include "runtime/launch.h"
#include "runtime/lock.h"
#include "runtime/namespaces.h"
#include "runtime/state.h"
#include "runtime/terminal.h"

#define ID_MAX 1024
#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-."

/* ---- finding ------------------------------------------------------------------------------- */

int container_check_id(const char *id, struct error *err)
{
	size_t n = strlen(id);

	if (!n || n > ID_MAX || strspn(id, ID_CHARACTERS) != n || !strcmp(id, ".") ||
	    !strcmp(id, ".."))
		return error_set(err, -EINVAL, "invalid container id \"%.64s\": it must be 1 to %d of "
					       "A-Z a-z 0-9 _ + - .", id, ID_MAX);
	return 0;
}

static int does_not_exist(const char *id, struct error *err)
{
	return error_set(err, -ENOENT, "container \"%s\" does not exist", id);
}

int container_load(const struct runtime_options *o, const char *id, bool locked,
		   struct container **out, struct error *err)
{
	struct container *c;
	struct stat st;
	int r = container_check_id(id, err);

	if (!r)
		r = container_new(o, id, &c, err);
	if (r < 0)
		return r;
	if (stat(c->dir, &st) < 0 && errno == ENOENT)
		r = does_not_exist(id, err);
	if (!r && locked) {
		c->lock_fd = lock_container(c->dir);
		if (c->lock_fd == -ENOENT)
			r = does_not_exist(id, err);
		else if (c->lock_fd < 0)
			r = error_errno(err, c->lock_fd, "cannot lock container \"%s\"", id);
	}
	if (!r) {
		r = state_set_control_socket(c);
		if (r < 0)
			error_errno(err, r, "cannot open %s", c->dir);
	}
	if (!r) {
		r = state_load(c, err);
		if (r == -ENOENT)
			does_not_exist(id, err);
	}
	if (r < 0) {
		container_free(c);
		return r;
	}
	*out = c;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int container_list(const struct runtime_options *o, char ***ids, struct error *err)
{
	cleanup_closedir DIR *d = opendir(o->root);
	char **list = calloc(1, sizeof(*list));
	struct dirent *e;
	size_t n = 0;

	if (!d && errno != ENOENT) {
		free(list);
		return error_errno(err, -errno, "cannot open %s", o->root);
	}
	while (list && d && (e = readdir(d))) {
		char **more;

		if (e->d_type != DT_DIR || container_check_id(e->d_name, NULL) < 0)
			continue;
		more = realloc(list, (n + 2) * sizeof(*list));
		if (more) {
			list = more;
			list[n] = strdup(e->d_name);
			list[n + 1] = NULL;
		}
		if (!more || !list[n++])
			break;
	}
	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	qsort(list, n, sizeof(*list), compare_ids);
	*ids = list;
	return 0;
}

int container_load_process(struct container *c, struct oci_process **out, struct error *err)
{
	struct oci_config *config;
	int r = state_load_config(c, &config, err);

	if (r < 0)
		return r;
	*out = steal_ptr(&config->process);
	oci_config_free(config);
	return *out ? 0 : error_set(err, -EINVAL, "container \"%s\" has no process", c->id);
}

/* ---- create -------------------------------------------------------------------------------- */

static char *now_rfc3339(void)
{
	struct timespec ts;
	struct tm tm;
	char day[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	return string_format("%s.%09ldZ", day, ts.tv_nsec);
}

static char *owner_name(void)
{
	struct passwd *pw = geteuid() ? getpwuid(geteuid()) : NULL;

	return geteuid() ? (pw ? strdup(pw->pw_name) : string_format("%u", geteuid()))
			 : strdup("root");
}

static int describe(struct container *c, const struct bundle *b, struct error *err)
{
	const struct oci_map *a = &b->config->annotations;

	c->bundle = strdup(b->path);
	c->rootfs = strdup(b->rootfs);
	c->created = now_rfc3339();
	c->owner = owner_name();
	c->oci_version = strdup(b->config->oci_version);
	c->annotations = calloc(2 * a->n + 1, sizeof(*c->annotations));
	if (!c->bundle || !c->rootfs || !c->created || !c->owner || !c->oci_version ||
	    !c->annotations)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < a->n; i++) {
		c->annotations[2 * i] = strdup(a->keys[i]);
		c->annotations[2 * i + 1] = strdup(a->values[i]);
		if (!c->annotations[2 * i] || !c->annotations[2 * i + 1])
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

/*
 * Socket activation (sd_listen_fds(3)): descriptors handed to this command are the container's. They
 * are numbered from 3 on, before --preserve-fds's, and the environment tells so.
 */
static int add_activation(struct oci_process *p, unsigned *preserve, struct error *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int n = fds && pid && atoi(pid) == getpid() ? atoi(fds) : 0;
	cleanup_free char *count = NULL;

	if (n <= 0 || n > 1000)
		return 0;
	count = string_format("LISTEN_FDS=%d", n);
	if (!count || oci_strs_append(&p->env, &p->n_env, count) < 0 ||
	    oci_strs_append(&p->env, &p->n_env, "LISTEN_PID=1") < 0)
		return error_set(err, -ENOMEM, "out of memory");
	*preserve += n;
	return 0;
}

int container_check_descriptors(unsigned preserve, struct error *err)
{
	for (unsigned i = 0; i < preserve; i++)
		if (fcntl(3 + i, F_GETFD) < 0)
			return error_set(err, -EBADF, "--preserve-fds: descriptor %u is not open",
					 3 + i);
	return 0;
}

static int check_terminal(const struct create_options *x, bool terminal, bool keep,
			  struct error *err)
{
	if (terminal && !x->console_socket && !keep)
		return error_set(err, -EINVAL, "process.terminal is true, so --console-socket is "
					       "needed: nobody would hold the terminal");
	if (!terminal && x->console_socket)
		return error_set(err, -EINVAL,
				 "--console-socket is for containers with process.terminal true");
	return 0;
}

/* Without it, only where it may be missing: then -errno is for the sandbox to judge. */
static int open_kvm(const struct settings *s, int *kvm, struct error *err)
{
	*kvm = -ENODEV;
	if (!strcmp(s->platform, "ptrace"))
		return 0;
	*kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (*kvm >= 0)
		return 0;
	*kvm = -errno;
	return strcmp(s->platform, "auto") ? error_errno(err, *kvm, "cannot open /dev/kvm") : 0;
}

static int open_control(const struct container *c, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	mode_t mask;
	int r;

	if (fd < 0)
		return error_errno(err, -errno, "cannot make a socket");
	strcpy(addr.sun_path, c->control_socket);
	mask = umask(0077);
	r = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	umask(mask);
	if (r < 0)
		return error_errno(err, r, "cannot bind %s", addr.sun_path);
	return steal_fd(&fd);
}

static int save_config(const struct container *c, const struct bundle *b, struct error *err)
{
	cleanup_free char *path = string_format("%s/config.json", c->dir);
	int r = path ? file_replace(AT_FDCWD, path, b->text, strlen(b->text), 0600) : -ENOMEM;

	return r < 0 ? error_errno(err, r, "cannot write %s", path ? path : c->dir) : 0;
}

/* Device rules do not count: a rootless container has the host's permissions for its devices. */
static bool asks_for_limits(const struct oci_resources *r)
{
	return r && (r->memory || r->cpu || r->pids || r->block_io || r->n_hugepage_limits ||
		     r->network || r->n_rdma || r->unified.n);
}

/* Where the cgroup is to be: config.json says, or systemd, which makes it at once. */
static int plan_cgroup(struct launch *l, struct container *c, struct error *err)
{
	const struct oci_config *config = l->bundle->config;
	const char *path = config->linux->cgroups_path;
	int r;

	if (!l->options->systemd_cgroup)
		return cgroup_plan(path, c->id, &c->cgroup_path, err);
	r = systemd_scope_start(path, c->id, config->linux->resources, &config->annotations, &l->scope,
				err);
	if (r < 0)
		return r;
	c->systemd_scope = strdup(l->scope.unit);
	if (!c->systemd_scope)
		return error_set(err, -ENOMEM, "out of memory");
	return cgroup_plan(l->scope.control_group, c->id, &c->cgroup_path, err);
}

/*
 * Writes down where the cgroup will be before it is made: whatever happens, delete finds it. A
 * rootless caller that may not make one does without, unless limits are asked for; the container then
 * stays in the caller's, which *visible says is what it sees as its own.
 */
static int make_cgroup(struct launch *launch, struct container *c, char **visible,
		       struct error *err)
{
	const struct oci_linux *l = launch->bundle->config->linux;
	int r = plan_cgroup(launch, c, err);

	if (!r)
		r = state_save(c, false, err);
	if (r < 0 || !c->cgroup_path)
		return r;
	r = cgroup_create(c->cgroup_path, c->systemd_scope, err);
	if (!r)
		return cgroup_apply(c->cgroup_path, l->resources, err);
	if ((r != -EACCES && r != -EPERM && r != -EROFS) || l->cgroups_path ||
	    asks_for_limits(l->resources))
		return r;
	log_warning("no cgroup for \"%s\": %s", c->id, err->msg);
	error_free(err);
	cgroup_destroy(c->cgroup_path, NULL);
	free(steal_ptr(&c->cgroup_path));
	r = cgroup_plan(NULL, NULL, visible, err);
	return r < 0 ? r : state_save(c, false, err);
}

int container_join_cgroup(const struct container *c, struct error *err)
{
	int r = c->cgroup_path ? cgroup_join(c->cgroup_path, err) : 0;

	if ((r != -EACCES && r != -EPERM) || !c->systemd_scope)
		return r;
	error_free(err);
	return systemd_scope_join(c->systemd_scope, err);
}

/* All that is made before the child; the directory exists and is locked. */
static int prepare_and_launch(struct launch *l, struct container *c, int console,
			      struct launched *launched, struct error *err)
{
	const struct oci_config *config = l->bundle->config;
	cleanup_close int kvm = -1, control = -1, fifo = -1;
	cleanup_free char *visible_cgroup = NULL;
	int r = describe(c, l->bundle, err);

	if (!r)
		r = save_config(c, l->bundle, err);
	if (!r)
		r = make_cgroup(l, c, &visible_cgroup, err);
	if (r < 0)
		return r;
	r = open_kvm(&l->settings, &kvm, err);
	if (r < 0)
		return r;
	control = open_control(c, err);
	if (control < 0)
		return control;
	fifo = fifo_create(c->dir, namespaces_host_uid(config, 0), namespaces_host_gid(config, 0),
			   err);
	if (fifo < 0)
		return fifo;
	l->visible_cgroup = c->cgroup_path ? c->cgroup_path : visible_cgroup;
	l->kvm_fd = kvm;
	l->control_fd = control;
	l->fifo_fd = fifo;
	cgroup_memory_open(c->cgroup_path, &l->memory);
	r = launch_container(l, c, console, launched, err);
	cgroup_memory_close(&l->memory);
	return r;
}

static int make_in_dir(struct launch *l, struct container *c, int console, int *master,
		       struct error *err)
{
	struct launched launched = {.master = -1};
	int r = prepare_and_launch(l, c, console, &launched, err);

	systemd_scope_release(&l->scope);
	systemd_scope_free(&l->scope);
	if (!r) {
		*master = launched.master;
		return 0;
	}
	if (launched.master >= 0)
		close(launched.master);
	/* The first error is the one to tell; what is left is `delete --force`'s. */
	container_tear_down(c, NULL);
	if (launched.resctrl_joined)
		container_give_back(c, l->bundle->config);
	if (launched.hooks_started)
		container_run_poststop(c, l->bundle->config);
	return r;
}

/* --platform goes before the container's own annotation. */
static int override_platform(struct settings *s, const char *name, struct error *err)
{
	enum platform_kind kind;

	if (!platform_kind_of(name, &kind))
		return error_set(err, -EINVAL,
				 "--platform: expected kvm, ptrace or auto, found \"%.40s\"", name);
	s->platform = name;
	return 0;
}

/* The sandbox's log is the command's, but for a terminal, which is the guest's from then on. */
static int check_trace(const struct settings *s, bool terminal, struct error *err)
{
	if (s->trace && terminal && log_fd() < 0)
		return error_set(err, -EINVAL,
				 "annotations[org.husk.trace]: with a terminal, it needs --log");
	return 0;
}

int container_make(const struct runtime_options *o, const char *id, const struct create_options *x,
		   bool keep_terminal, struct container **out, int *master, struct error *err)
{
	struct bundle b = {0};
	struct namespaces ns;
	struct launch l = {.options = o, .create = x, .bundle = &b, .ns = &ns};
	struct container *c = NULL;
	cleanup_close int console = -1;
	int r;

	*master = -1;
	l.preserve_fds = x->preserve_fds;
	ns.runtime_mounts = -1;
	for (int i = 0; i < NAMESPACE_TYPES; i++)
		ns.fd[i] = -1;
	r = container_check_id(id, err);
	if (!r)
		r = container_check_descriptors(x->preserve_fds, err);
	if (!r)
		r = bundle_load(x->bundle, x->config, &b, err);
	if (!r)
		r = add_activation(b.config->process, &l.preserve_fds, err);
	if (!r) {
		l.terminal = b.config->process->terminal;
		r = check_terminal(x, l.terminal, keep_terminal, err);
	}
	if (!r)
		r = settings_read(b.config, &l.settings, err);
	if (!r && o->platform)
		r = override_platform(&l.settings, o->platform, err);
	if (!r)
		r = check_trace(&l.settings, l.terminal, err);
	if (!r)
		r = namespaces_open(b.config, &ns, err);
	if (!r)
		r = idmap_open(b.config, b.path, &ns, &l.idmapped, err);
	if (!r && x->console_socket) {
		console = terminal_connect(x->console_socket, err);
		r = console < 0 ? console : 0;
	}
	if (!r)
		r = container_new(o, id, &c, err);
	if (!r)
		r = state_create_dir(o, c, err);
	if (!r) {
		l.container = c;
		r = make_in_dir(&l, c, console, master, err);
	}
	namespaces_close(&ns);
	idmap_close(b.config, l.idmapped);
	bundle_free(&b);
	if (r < 0) {
		container_free(c);
		return r;
	}
	*out = c;
	return 0;
}

int container_create(const struct runtime_options *o, const char *id, const struct create_options *x,
		     struct error *err)
{
	struct container *c;
	int master;
	int r = container_make(o, id, x, false, &c, &master, err);

	if (!r)
		container_free(c);
	return r;
}

/* ---- start --------------------------------------------------------------------------------- */

static int run_poststart(struct container *c, struct error *err)
{
	struct oci_config *config;
	int r = state_load_config(c, &config, err);

	if (r < 0)
		return r;
	if (config->hooks && config->hooks->n_poststart) {
		cleanup_free char *state = state_oci_json(c, "running", c->pid, false);

		struct hook_setting s = {"poststart", c->bundle, state, &config->annotations};

		r = state ? hooks_run(&s, config->hooks->poststart, config->hooks->n_poststart, err)
			  : error_set(err, -ENOMEM, "out of memory");
	}
	oci_config_free(config);
	return r;
}

int container_start(const struct runtime_options *o, struct container *c, struct error *err)
{
	cleanup_close int pidfd = -1;
	int r;

	if (c->status == STATUS_RUNNING)
		return error_set(err, -EINVAL, "cannot start an already running container");
	if (c->status == STATUS_PAUSED)
		return error_set(err, -EINVAL, "cannot start a container in the paused state");
	if (c->status != STATUS_CREATED)
		return error_set(err, -EINVAL, "cannot start a container that has stopped");
	pidfd = process_open(c->pid, c->pid_start);
	if (pidfd < 0 && pidfd != -ESRCH)
		return error_errno(err, pidfd, "cannot open process %d", c->pid);
	if (pidfd < 0)
		return error_set(err, -EINVAL, "cannot start a container that has stopped");
	r = fifo_release(c->dir, pidfd, err);
	if (r < 0)
		return r;
	c->status = STATUS_RUNNING;
	r = run_poststart(c, err);
	if (r < 0) /* the spec: stop the container; its state and its end are the caller's to see */
		kill(c->pid, SIGKILL);
	return r;
}
