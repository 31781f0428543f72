/* SPDX-License-Identifier: GPL-2.0-or-later */
/*T:300 The first task
 * Processes from outside: the container's init and `exec`.
 *
 * All task threads must descend from one host thread, kthreadd: it has the mount namespace with the
 * placeholders, and the securebits. So spawn_prepare() posts a request to it and waits; kthreadd
 * makes the thread; that thread becomes the task, loads the program, and sleeps until
 * spawn_start() or spawn_abandon().
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hostproc.h"
#include "base/log.h"
#include "kernel/exec.h"
#include "kernel/internal.h"
#include "kernel/seccomp.h"
#include "vfs/tty.h"

/* ---- kthreadd ------------------------------------------------------------------------------------ */

struct request {
	struct list link;
	struct task *task;
	int (*begin)(struct task *t);
	void (*enter)(struct task *t);
	bool done;
	int result;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t posted, answered;
	struct list requests;
	int (*setup)(void *arg);
	void *arg;
	bool ready;
	int result;
} daemon_state = {.lock = PTHREAD_MUTEX_INITIALIZER,
		  .posted = PTHREAD_COND_INITIALIZER,
		  .answered = PTHREAD_COND_INITIALIZER};

static void serve_requests(void)
{
	pthread_mutex_lock(&daemon_state.lock);
	for (;;) {
		struct request *r;
		int result;

		while (list_empty(&daemon_state.requests))
			pthread_cond_wait(&daemon_state.posted, &daemon_state.lock);
		r = list_first(&daemon_state.requests, struct request, link);
		list_del(&r->link);
		pthread_mutex_unlock(&daemon_state.lock);
		result = task_start_thread(r->task, r->begin, r->enter);
		pthread_mutex_lock(&daemon_state.lock);
		r->result = result;
		r->done = true;
		pthread_cond_broadcast(&daemon_state.answered);
	}
}

static void *kthreadd(void *unused)
{
	int r;

	host_thread_init(NULL, NULL);
	r = daemon_state.setup ? daemon_state.setup(daemon_state.arg) : 0;
	pthread_mutex_lock(&daemon_state.lock);
	daemon_state.result = r;
	daemon_state.ready = true;
	pthread_cond_broadcast(&daemon_state.answered);
	pthread_mutex_unlock(&daemon_state.lock);
	if (r == 0)
		serve_requests();
	return NULL;
}

int kthreadd_start(int (*setup)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	list_init(&daemon_state.requests);
	daemon_state.setup = setup;
	daemon_state.arg = arg;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attr, kthreadd, NULL);
	pthread_attr_destroy(&attr);
	if (r)
		return -r;
	pthread_mutex_lock(&daemon_state.lock);
	while (!daemon_state.ready)
		pthread_cond_wait(&daemon_state.answered, &daemon_state.lock);
	pthread_mutex_unlock(&daemon_state.lock);
	return daemon_state.result;
}

static int ask_kthreadd(struct task *t, int (*begin)(struct task *), void (*enter)(struct task *))
{
	struct request r = {.task = t, .begin = begin, .enter = enter};

	pthread_mutex_lock(&daemon_state.lock);
	list_add_tail(&daemon_state.requests, &r.link);
	pthread_cond_signal(&daemon_state.posted);
	while (!r.done)
		pthread_cond_wait(&daemon_state.answered, &daemon_state.lock);
	pthread_mutex_unlock(&daemon_state.lock);
	return r.result;
}

/* ---- looking the program up ---------------------------------------------------------------------- */

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *search_path(const char *const *env)
{
	const char *path = NULL;

	for (; env && *env; env++)
		if (!strncmp(*env, "PATH=", 5))
			path = *env + 5;
	return path ? path : DEFAULT_PATH;
}

/* Is there a file that the process may execute? As Go's exec.LookPath, whose words runc uses. */
static int executable(const char *path)
{
	struct file *f;
	struct stat st;
	bool nosuid;
	int r = path_open_exec(NULL, path, 0, &f, &st, &nosuid);

	if (r == 0)
		file_put(f);
	return r;
}

static const char *words(int err)
{
	switch (err) {
	case -ENOENT:
		return "no such file or directory";
	case -EACCES:
		return "permission denied";
	case -EISDIR:
		return "is a directory";
	default:
		return strerror(-err);
	}
}

static int look_up(const char *name, const char *const *env, char **out, struct error *err)
{
	cleanup_free char *dirs = strdup(search_path(env));
	char *rest = dirs, *dir;
	int r;

	if (!*name)
		return error_set(err, -ENOENT, "exec: \"\": executable file not found in $PATH");
	if (strchr(name, '/')) {
		struct stat st;

		r = path_stat(NULL, name, 0, &st);
		if (r < 0)
			return error_set(err, r, "exec: \"%s\": stat %s: %s", name, name, words(r));
		r = S_ISDIR(st.st_mode) ? -EISDIR : executable(name);
		if (r < 0 && r != -ENOEXEC)
			return error_set(err, r == -EISDIR ? -EACCES : r, "exec: \"%s\": %s", name,
					 words(r));
		*out = strdup(name);
		return *out ? 0 : -ENOMEM;
	}
	while (dirs && (dir = strsep(&rest, ":"))) {
		cleanup_free char *path = NULL;

		if (asprintf(&path, "%s/%s", *dir ? dir : ".", name) < 0)
			return error_set(err, -ENOMEM, "exec: \"%s\"", name);
		r = executable(path);
		if (r == 0) {
			*out = steal_ptr(&path);
			return 0;
		}
		if (r == -EIO || r == -ENOMEM || r == -ENFILE)
			return error_errno(err, r, "exec: \"%s\": cannot look at %s", name, path);
	}
	return error_set(err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

/* ---- the new task's own thread ------------------------------------------------------------------- */

struct spawn {
	const struct spawn_args *args;
	struct error *err;
};

/* On spawn_prepare()'s stack; until begin() has returned, the task keeps it here. */
static struct spawn *spawn_of(struct task *t)
{
	return (struct spawn *)t->restart_args[0];
}

static int enter_directory(const char *cwd, struct error *err)
{
	int r = cwd && *cwd ? fs_chdir(cwd) : 0;

	if (r < 0)
		error_set(err, r, "chdir to cwd (\"%s\") set in config.json failed: %s", cwd, words(r));
	return r;
}

static int load_program(struct task *t, const struct spawn_args *a, struct error *err)
{
	struct exec_strings strings = {.limit = exec_strings_limit(a->rlimits[RLIMIT_STACK].rlim_cur)};
	cleanup_free char *path = NULL;
	struct program p;
	int r = look_up(a->path ? a->path : a->argv[0], a->env, &path, err);

	if (r < 0)
		return r;
	r = exec_strings_from_host(&strings, a->argv, a->env);
	if (r == 0)
		r = program_load(NULL, -1, path, 0, &strings, &p);
	exec_strings_free(&strings);
	if (r == 0) {
		r = program_install(&p);
		program_free(&p);
	}
	if (r == -ENOEXEC)
		return error_set(err, r, "exec %s: exec format error", path);
	if (r < 0)
		return error_set(err, r, "exec %s: %s", path, words(r));
	return 0;
}

/*
 * "0" is the thread that writes. Its children's threads come from it and so are in the same groups. Who
 * opened the files is whose permission the host asks for; older hosts ask the writer, so this comes
 * before it is somebody else.
 */
static int enter_cgroups(const struct spawn_args *a, struct error *err)
{
	char path[PATH_MAX] = "a file that was passed";

	for (unsigned i = 0; i < a->ncgroups; i++) {
		int r = write(a->cgroups[i], "0", 1) < 0 ? -errno : 0;
		ssize_t n;

		if (!r)
			continue;
		n = hostproc_fd_path(a->cgroups[i], path, sizeof(path) - 1);
		if (n > 0)
			path[n] = '\0';
		return error_errno(err, r, "--cgroup: cannot enter by %s", path);
	}
	return 0;
}

static int begin(struct task *t)
{
	struct spawn *s = spawn_of(t);
	const struct spawn_args *a = s->args;
	int r;

	task_attach_thread(t);
	r = enter_cgroups(a, s->err);
	if (r < 0)
		return r;
	cred_adopt_thread(t->cred);
	t->fs = fs_new();
	r = t->fs ? fs_attach(t->fs, true) : -ENOMEM;
	if (r < 0)
		return error_errno(s->err, r, "prepare the process");
	if (a->cpus && syscall(SYS_sched_setaffinity, 0, a->cpus_size, a->cpus) < 0)
		return error_errno(s->err, -errno, "cannot run on the CPUs that were asked for");
	fs_umask(a->umask);
	/* runc enters the directory before and after it gives up root: either may be needed. */
	r = a->cwd ? fs_chdir(a->cwd) : 0;
	int k = cred_mirror(t->cred);

	if (k == -EINVAL)
		return error_set(s->err, k, "cannot become user %u: not mapped in the user namespace",
				 t->cred->euid);
	if (k < 0)
		return error_errno(s->err, k, "cannot become user %u", t->cred->euid);
	if (r < 0)
		r = enter_directory(a->cwd, s->err);
	if (r == 0)
		r = load_program(t, a, s->err);
	if (r == 0)
		t->group->did_exec = false;
	return r;
}

static void enter(struct task *t)
{
	t->restart_args[0] = 0;
	rlimit_start(t->group);
	/* spawn_start() unparks; a created container may also be killed before it was started. */
	atomic_store(&t->unkillable_sleep, true);
	while (park(&t->vfork_done, NULL) == -EINTR && !atomic_load(&t->dying))
		;
	atomic_store(&t->unkillable_sleep, false);
	task_loop();
}

/* ---- the interface ------------------------------------------------------------------------------- */

static struct task *make_task(const struct spawn_args *a)
{
	struct thread_group *g = group_new();
	struct task *t = g ? task_new() : NULL;

	if (!t || !(g->sighand = sighand_new())) {
		group_put(g);
		task_put(t);
		return NULL;
	}
	t->group = g;
	t->cred = a->cred;
	t->files = a->files;
	t->user = user_get(a->cred->ruid);
	if (t->user)
		atomic_fetch_add(&t->user->processes, 1);
	t->nice = a->nice;
	t->policy = a->policy;
	t->rt_priority = a->rt_priority;
	t->personality = a->personality;
	t->seccomp = seccomp_get(a->seccomp);
	g->leader = t;
	g->ntasks = 1;
	memcpy(g->rlimits, a->rlimits, sizeof(g->rlimits));
	g->rlim_nofile = a->rlimits[RLIMIT_NOFILE].rlim_cur;
	g->oom_score_adj = a->oom_score_adj;
	return t;
}

static int enter_tables(struct task *t, const struct spawn_args *a)
{
	struct thread_group *g = t->group;
	int r;

	pthread_rwlock_wrlock(&kernel.tasklist);
	r = kernel.shutdown || (!a->is_init && !kernel.init) ? -ESRCH : pid_alloc_locked();
	if (r > 0) {
		t->tid = g->tgid = r;
		r = session_new_locked(g);
	}
	if (r == 0) {
		list_add_tail(&g->tasks, &t->group_link);
		pid_attach_locked(t);
		atomic_fetch_add(&kernel.forks, 1);
		atomic_fetch_add(&kernel.live_tasks, 1);
		if (a->is_init)
			kernel.init = g;
	}
	pthread_rwlock_unlock(&kernel.tasklist);
	return r;
}

static void leave_tables(struct task *t)
{
	struct thread_group *g = t->group;

	pthread_rwlock_wrlock(&kernel.tasklist);
	if (kernel.init == g)
		kernel.init = NULL;
	group_release_locked(g);
	pthread_rwlock_unlock(&kernel.tasklist);
	if (t->user)
		atomic_fetch_sub(&t->user->processes, 1);
	kernel_task_gone();
}

static void take_terminal(struct thread_group *g, struct tty *tty)
{
	if (!tty)
		return;
	pthread_rwlock_wrlock(&kernel.tasklist);
	g->pgrp->session->tty = tty_get(tty);
	pthread_rwlock_unlock(&kernel.tasklist);
	pthread_mutex_lock(&tty->lock);
	tty->session = g->tgid;
	tty->pgrp = g->tgid;
	pthread_mutex_unlock(&tty->lock);
}

int spawn_prepare(const struct spawn_args *a, struct task **out, struct error *err)
{
	struct spawn s = {.args = a, .err = err};
	struct task *t = make_task(a);
	int r;

	if (!t) {
		cred_put(a->cred);
		fdtable_put(a->files);
		return error_errno(err, -ENOMEM, "make a process");
	}
	t->group->on_exit = a->on_exit;
	t->group->on_exit_arg = a->arg;
	t->restart_args[0] = (uint64_t)&s;
	r = enter_tables(t, a);
	if (r < 0) {
		task_put(t);
		return error_errno(err, r, "make a process");
	}
	take_terminal(t->group, a->tty);
	r = ask_kthreadd(t, begin, enter);
	if (r < 0) {
		if (err && !err->msg)
			error_errno(err, r, "start a thread");
		leave_tables(t);
		task_put(t);
		return r;
	}
	*out = t;
	return 0;
}

void spawn_start(struct task *t)
{
	if (t->group == kernel.init)
		early_signals_begin();
	unpark(&t->vfork_done);
	task_put(t);
}

void spawn_abandon(struct task *t)
{
	/* It sleeps in enter(): nobody looks at on_exit yet. */
	t->group->on_exit = NULL;
	group_exit(t->group, SIGKILL);
	task_put(t);
}
