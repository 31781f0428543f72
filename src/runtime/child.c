/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:120 A container, built from the inside
 * The container's first process. It was cloned into the namespaces and the cgroup, with everything
 * of the host still in reach; it builds the container around itself, lets go of the host step by
 * step, and ends as the sandbox. Every error is one message to the command, which cleans up.
 */
#include "runtime/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostproc.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/devices.h"
#include "runtime/fifo.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/mounts.h"
#include "runtime/network.h"
#include "runtime/rootfs.h"
#include "runtime/scheduling.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"
#include "runtime/terminal.h"
#include "sandbox/sandbox.h"

#define CONTROL_BACKLOG 64

struct child {
	const struct launch *l;
	const struct oci_config *config;
	struct rootfs root;
	struct terminal terminal;
	int fuse_fd[3];
	char *hook_state; /* for startContainer hooks, to whom init is pid 1 */
	int start_fd;	  /* where `start` waits for an answer */
};

static bool user_namespace(const struct launch *l)
{
	return (l->ns->create | l->ns->joined) & CLONE_NEWUSER;
}

/*
 * Dies with the command that is setting the container up, so that killing it half-way leaves no
 * process behind. Changing ids clears this: it is asked for again then.
 */
static int die_with_parent(struct error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return error_errno(err, -errno, "cannot set the parent death signal");
	return 0;
}

/*
 * FUSE only lets a superblock of this user namespace be made with a descriptor that was opened in it.
 * Not having one costs speed, not function (sandbox.h).
 */
static void open_fuse(struct child *c)
{
	for (int i = 0; i < 3; i++)
		c->fuse_fd[i] = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (c->fuse_fd[0] < 0)
		log_debug("cannot open /dev/fuse: %s", strerror(errno));
}

/* The caller's keys are not the sandbox' business. Where keys are scarce or not there: as it was. */
static void leave_keyring(const struct launch *l)
{
	cleanup_free char *name = string_format("_ses.%s", l->container->id);

	if (name && !l->create->no_new_keyring &&
	    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0)
		log_debug("no session keyring of its own: %s", strerror(errno));
}

static int start(struct child *c, struct error *err)
{
	const struct launch *l = c->l;
	int r = die_with_parent(err);

	/* Meanwhile the uid and gid maps are written. */
	if (!r)
		r = sync_wait_go(l->sync, err);
	if (!r)
		r = namespaces_become_root(l->ns, err);
	if (!r)
		r = die_with_parent(err);
	if (!r)
		r = memory_policy_apply(c->config->linux->memory_policy, err);
	if (r < 0)
		return r;
	if (setsid() < 0)
		return error_errno(err, -errno, "cannot start a session");
	leave_keyring(l);
	r = hostproc_init();
	if (r < 0)
		return error_errno(err, r, "cannot open a proc file system");
	open_fuse(c);
	return sync_step(l->sync, SYNC_DEVICES, -1, err);
}

/* ---- the container's files ----------------------------------------------------------------- */

/* As runc does, while the root may be written to. One that cannot be made is missed later, by name. */
static void make_cwd(const struct child *c)
{
	int fd = rootfs_make(&c->root, c->config->process->cwd, ROOTFS_DIRECTORY);

	if (fd >= 0)
		close(fd);
}

static int build_root(struct child *c, struct error *err)
{
	const struct launch *l = c->l;
	struct mount_context x = {
		.config = c->config,
		.root = &c->root,
		.bundle = l->bundle->path,
		.idmapped = l->idmapped,
		.cgroup_path = l->visible_cgroup,
		.cgroup_namespace = (l->ns->create | l->ns->joined) & CLONE_NEWCGROUP,
		.user_namespace = user_namespace(l),
	};
	int r;

	umask(0022);
	r = rootfs_prepare(c->config, l->bundle->rootfs, &c->root, err);
	if (!r)
		r = mounts_apply(&x, err);
	if (!r)
		make_cwd(c);
	umask(0);
	if (!r)
		r = devices_make(c->config, &c->root, user_namespace(l), err);
	umask(0022);
	return r;
}

static int set_names(const struct oci_config *config, struct error *err)
{
	if (config->hostname && *config->hostname &&
	    sethostname(config->hostname, strlen(config->hostname)) < 0)
		return error_errno(err, -errno, "hostname");
	if (config->domainname && *config->domainname &&
	    setdomainname(config->domainname, strlen(config->domainname)) < 0)
		return error_errno(err, -errno, "domainname");
	return 0;
}

static int run_create_container_hooks(const struct child *c, struct error *err)
{
	const struct oci_hooks *h = c->config->hooks;

	if (!h || !h->n_create_container)
		return 0;
	cleanup_free char *state = state_oci_json(c->l->container, "created", getpid(), false);

	if (!state)
		return error_set(err, -ENOMEM, "out of memory");
	struct hook_setting s = {"createContainer", c->l->bundle->rootfs, state,
				 &c->config->annotations};

	return hooks_run(&s, h->create_container, h->n_create_container, err);
}

static int open_terminal(struct child *c, struct error *err)
{
	int r;

	if (!c->l->terminal)
		return 0;
	r = terminal_open(&c->root, c->config->process->console_size, &c->terminal, err);
	if (!r)
		r = devices_bind_console(&c->root, c->terminal.slave, err);
	if (!r)
		r = sync_step(c->l->sync, SYNC_TERMINAL, c->terminal.master, err);
	if (!r)
		r = terminal_adopt(c->terminal.slave, c->config->process->user->uid, err);
	if (r < 0)
		return r;
	close(c->terminal.master);
	if (c->terminal.slave > 2)
		close(c->terminal.slave);
	return 0;
}

static int enter(struct child *c, struct error *err)
{
	int r = build_root(c, err);

	if (!r)
		r = set_names(c->config, err);
	if (!r && (c->l->ns->create & CLONE_NEWNET))
		r = network_raise_loopback(err);
	if (!r)
		r = sysctl_apply(c->config, err);
	if (!r)
		r = sync_step(c->l->sync, SYNC_HOOKS, -1, err);
	if (!r)
		r = run_create_container_hooks(c, err);
	if (!r)
		r = open_terminal(c, err);
	if (!r)
		r = rootfs_mask_paths(c->config, &c->root, err);
	if (!r)
		r = rootfs_enter(c->config, &c->root, c->l->create->no_pivot,
				 c->l->ns->joined & CLONE_NEWNS, err);
	return r;
}

/* ---- handing over -------------------------------------------------------------------------- */

/* Limits of the sandbox itself; the guest's are config.json's and are husk's own affair. */
static int set_limits(struct error *err)
{
	struct rlimit files, no_core = {0, 0};

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return error_errno(err, -errno, "cannot read the limit of open files");
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0)
		return error_errno(err, -errno, "cannot set the sandbox' limits");
	return 0;
}

/* The program is loaded: 'created'. Then wait for `start`. Runs on a thread of the sandbox'. */
static int on_ready(void *arg, struct error *err)
{
	struct child *c = arg;
	int r = sync_step(c->l->sync, SYNC_READY, -1, err);

	if (r < 0) {
		sync_send_error(c->l->sync, err);
		return r;
	}
	close(c->l->sync);
	c->start_fd = fifo_wait(c->l->fifo_fd, err);
	close(c->l->fifo_fd);
	return c->start_fd < 0 ? c->start_fd : 0;
}

static int on_started(void *arg, const struct error *why, struct error *err)
{
	struct child *c = arg;

	return fifo_answer(c->start_fd, why, err);
}

static void on_failed(void *arg, const struct error *err)
{
	const struct child *c = arg;

	sync_send_error(c->l->sync, err);
}

static void close_host_descriptors(const struct child *c)
{
	const struct launch *l = c->l;
	int keep[] = {l->sync,	      l->kvm_fd,     l->control_fd, l->fifo_fd,
		      c->fuse_fd[0], c->fuse_fd[1], c->fuse_fd[2], hostproc_dir(), log_fd(),
		      l->ns->runtime_mounts,
		      l->memory.usage, l->memory.limit, l->memory.stat, l->memory.event_control};

	close_all_but(3 + l->preserve_fds, keep, sizeof(keep) / sizeof(*keep));
}

_Noreturn void child_main(const struct launch *l)
{
	struct child c = {.l = l, .config = l->bundle->config, .root = {.fd = -1}};
	cleanup_error struct error err = ERROR_INIT;
	int r;

	/* The lock goes with its last descriptor: it must not live as long as the container. */
	close(l->container->lock_fd);
	c.fuse_fd[0] = c.fuse_fd[1] = c.fuse_fd[2] = -1;
	r = start(&c, &err);
	if (!r)
		r = enter(&c, &err);
	if (!r)
		r = set_limits(&err);
	if (!r && !(c.hook_state = state_oci_json(l->container, "created", 1, false)))
		r = error_set(&err, -ENOMEM, "out of memory");
	/* Here, not where it was made: SO_PEERCRED names the sandbox to whoever connects. */
	if (!r && listen(l->control_fd, CONTROL_BACKLOG) < 0)
		r = error_errno(&err, -errno, "cannot listen on the control socket");
	if (r < 0) {
		sync_send_error(l->sync, &err);
		_exit(1);
	}
	close_host_descriptors(&c);
	/* From here on the sandbox finds out by the socket that nobody waits for it any more. */
	prctl(PR_SET_PDEATHSIG, 0);
	sandbox_main(&(struct sandbox_args){
		.config = c.config,
		.platform = l->settings.platform,
		.vcpus_max = l->settings.vcpus,
		.memory_max = l->settings.memory,
		.kvm_fd = l->kvm_fd,
		.memory = l->memory,
		.fuse_fd = {c.fuse_fd[0], c.fuse_fd[1], c.fuse_fd[2]},
		.control_fd = l->control_fd,
		.mount_ns_fd = l->ns->runtime_mounts,
		.hostproc_ready = 1,
		.preserve_fds = l->preserve_fds,
		.terminal = l->terminal,
		.debug = l->options->debug,
		.trace = l->settings.trace ? &l->settings.trace_calls : NULL,
		.hook_state = c.hook_state,
		.ready = on_ready,
		.started = on_started,
		.failed = on_failed,
		.arg = &c,
	});
}
