/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small parts of the life cycle: locks, state, fifo, hooks, messages, mount words, device rules. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostproc.h"
#include "libocispec/ocispec.h"
#include "runtime/cgroup/cgroup.h"
#include "runtime/fifo.h"
#include "runtime/files.h"
#include "runtime/hooks.h"
#include "runtime/lock.h"
#include "runtime/mount_options.h"
#include "runtime/refusals.h"
#include "runtime/state.h"
#include "runtime/sync.h"
#include "tests/base/check.h"

static char top[] = "/tmp/husk-life-XXXXXX";

/* ---- locks --------------------------------------------------------------------------------- */

static void *wait_for_lock(void *dir)
{
	return (void *)(intptr_t)lock_container(dir);
}

/* Whoever waits while the container is deleted, and perhaps made again, must not get it. */
static void test_lock(void)
{
	char *dir = string_format("%s/lock", top), *file = string_format("%s/lock/lock", top);
	pthread_t waiter;
	void *result;
	int fd;

	mkdir(dir, 0700);
	fd = lock_container(dir);
	CHECK(fd >= 0);
	pthread_create(&waiter, NULL, wait_for_lock, dir);
	usleep(50000);
	unlink(file);
	rmdir(dir);
	mkdir(dir, 0700);
	close(fd);
	pthread_join(waiter, &result);
	CHECK((intptr_t)result == -ENOENT);
	rmdir(dir);
	CHECK(lock_container(dir) == -ENOENT);
	free(dir);
	free(file);
}

/* ---- state --------------------------------------------------------------------------------- */

static void test_state(void)
{
	struct runtime_options o = {.root = top};
	struct container *c, *again;
	struct error err = ERROR_INIT;
	char *json = NULL, state;

	CHECK(container_new(&o, "life", &c, &err) == 0);
	CHECK(state_create_dir(&o, c, &err) == 0);
	c->bundle = strdup("/b \"quoted\"\n");
	c->rootfs = strdup("/r");
	c->created = strdup("2026-01-01T00:00:00.000000000Z");
	c->owner = strdup("root");
	c->oci_version = strdup("1.0.2");
	c->pid = getpid();
	process_stat(c->pid, &c->pid_start, &state);
	CHECK(state_save(c, false, &err) == 0);
	/* Somebody holds the lock: it is being made. */
	CHECK(container_load(&o, "life", false, &again, &err) == 0);
	CHECK(again->status == STATUS_CREATING);
	container_free(again);
	CHECK(state_save(c, true, &err) == 0);
	CHECK(container_load(&o, "life", false, &again, &err) == 0);
	CHECK(again->status == STATUS_RUNNING && again->pid == getpid());
	CHECK(!strcmp(again->bundle, c->bundle));
	CHECK(container_state_json(again, &json, &err) == 0);
	CHECK(json && strstr(json, "\"running\""));
	container_free(again);
	/* A pid that was given to another process since. */
	c->pid_start++;
	CHECK(state_save(c, true, &err) == 0);
	CHECK(container_load(&o, "life", false, &again, &err) == 0);
	CHECK(again->status == STATUS_STOPPED);
	container_free(again);
	CHECK(container_new(&o, "life", &again, &err) == 0);
	CHECK(state_create_dir(&o, again, &err) == -EEXIST);
	container_free(again);
	CHECK(state_remove_dir(c, &err) == 0);
	container_free(c);
	CHECK(container_load(&o, "life", true, &again, &err) == -ENOENT);
	CHECK(err.msg && !strcmp(err.msg, "container \"life\" does not exist"));
	CHECK(container_delete(&o, "life", false, &err) == -ENOENT);
	CHECK(container_delete(&o, "life", true, &err) == 0);
	error_free(&err);
	free(json);
}

/* A create that was killed before it wrote anything. */
static void test_remains(void)
{
	struct runtime_options o = {.root = top};
	struct error err = ERROR_INIT;
	char *dir = string_format("%s/half", top), *file = string_format("%s/half/state.json", top);
	struct stat st;

	mkdir(dir, 0711);
	CHECK(container_delete(&o, "half", false, &err) == 0);
	CHECK(stat(dir, &st) < 0);
	mkdir(dir, 0711);
	CHECK(file_replace(AT_FDCWD, file, "{ \"id\":", 7, 0600) == 0);
	CHECK(container_delete(&o, "half", false, &err) == -EBADMSG);
	CHECK(container_delete(&o, "half", true, &err) == 0);
	CHECK(stat(dir, &st) < 0);
	CHECK(container_delete(&o, "../half", true, &err) == -EINVAL);
	error_free(&err);
	free(dir);
	free(file);
}

static void test_ids(void)
{
	char longest[1026];

	memset(longest, 'a', sizeof(longest));
	longest[1024] = '\0';
	CHECK(container_check_id(longest, NULL) == 0);
	longest[1024] = 'a';
	longest[1025] = '\0';
	CHECK(container_check_id(longest, NULL) == -EINVAL);
	CHECK(container_check_id("a_B-9.+", NULL) == 0);
	CHECK(container_check_id("", NULL) == -EINVAL);
	CHECK(container_check_id(".", NULL) == -EINVAL);
	CHECK(container_check_id("..", NULL) == -EINVAL);
	CHECK(container_check_id("a/b", NULL) == -EINVAL);
	CHECK(container_check_id("a b", NULL) == -EINVAL);
}

/* ---- fifo ---------------------------------------------------------------------------------- */

static _Noreturn void wait_and_answer(int path_fd, const struct error *why)
{
	int fd = hostproc_init() < 0 ? -1 : fifo_wait(path_fd, NULL);

	_exit(fd < 0 || fifo_answer(fd, why, NULL) < 0);
}

static void test_fifo(void)
{
	struct error err = ERROR_INIT, why = {-EIO, "a hook failed"};
	int path_fd = fifo_create(top, 0, 0, &err), status, pidfd;
	unsigned long long start;
	char state;
	pid_t pid;

	CHECK(path_fd >= 0 && fifo_exists(top));
	pid = fork();
	if (pid == 0)
		wait_and_answer(path_fd, &why);
	process_stat(pid, &start, &state);
	pidfd = process_open(pid, start);
	CHECK(fifo_release(top, pidfd, &err) == -EIO && !strcmp(err.msg, "a hook failed"));
	CHECK(fifo_exists(top));
	wait_child(pid);
	close(pidfd);
	/* Its death and its last words are both there, whichever poll(2) sees first. */
	for (int i = 0; i < 200; i++) {
		pid = fork();
		if (pid == 0)
			wait_and_answer(path_fd, &why);
		process_stat(pid, &start, &state);
		pidfd = process_open(pid, start);
		CHECK(fifo_release(top, pidfd, &err) == -EIO);
		wait_child(pid);
		close(pidfd);
	}
	pid = fork();
	if (pid == 0)
		wait_and_answer(path_fd, NULL);
	process_stat(pid, &start, &state);
	pidfd = process_open(pid, start);
	CHECK(fifo_release(top, pidfd, &err) == 0);
	CHECK(!fifo_exists(top));
	status = wait_child(pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(pidfd);
	close(path_fd);
	/* A container that dies before anybody started it. */
	path_fd = fifo_create(top, 0, 0, &err);
	pid = fork();
	if (pid == 0) {
		usleep(100000);
		_exit(0);
	}
	process_stat(pid, &start, &state);
	pidfd = process_open(pid, start);
	CHECK(fifo_release(top, pidfd, &err) == -ESRCH);
	wait_child(pid);
	CHECK(process_open(pid, start) == -ESRCH);
	close(pidfd);
	close(path_fd);
	error_free(&err);
}

/* ---- hooks --------------------------------------------------------------------------------- */

static void test_hooks(void)
{
	struct error err = ERROR_INIT;
	char *good[] = {"sh", "-c", "test \"$(cat)\" = state && test \"$A\" = b && test -z \"$HOME\"", NULL};
	char *env[] = {"A=b", "PATH=/usr/bin:/bin", NULL};
	char *bad[] = {"sh", "-c", "echo why; exit 3", NULL};
	char *slow[] = {"sleep", "100", NULL};
	struct oci_hook h[2] = {
		{.path = "/bin/sh", .args = good, .n_args = 3, .env = env, .n_env = 2},
		{.path = "/bin/sh", .args = bad, .n_args = 3},
	};
	struct oci_hook missing = {.path = "/no/such/hook"};
	struct oci_hook late = {.path = "/bin/sleep", .args = slow, .n_args = 2, .has_timeout = true,
				.timeout = 1};

	setenv("HOME", "/root", 1);
	CHECK(hooks_run(&(struct hook_setting){"prestart", "/", "state", NULL}, h, 1, &err) == 0);
	CHECK(hooks_run(&(struct hook_setting){"prestart", "/", "state", NULL}, h, 2, &err) == -EIO);
	CHECK(err.msg && !strcmp(err.msg, "hooks.prestart[1] (/bin/sh) failed with exit status 3: why"));
	CHECK(hooks_run(&(struct hook_setting){"poststop", "/", "state", NULL}, &missing, 1, &err) == -EIO);
	CHECK(err.msg && strstr(err.msg, "cannot execute /no/such/hook"));
	CHECK(hooks_run(&(struct hook_setting){"poststart", "/", "state", NULL}, &late, 1, &err) == -EIO);
	CHECK(err.msg && strstr(err.msg, "took longer than 1 s"));
	error_free(&err);
}

/* ---- messages ------------------------------------------------------------------------------ */

static void test_sync(void)
{
	struct sync_message *m = malloc(sizeof(*m));
	struct error err = ERROR_INIT, told = {-EPERM, "no"};
	char *endless = malloc(100001);
	int pair[2], fds[2], fd;

	memset(endless, 'x', 100000);
	endless[100000] = '\0';
	CHECK(sync_pair(pair, &err) == 0);
	CHECK(pipe(fds) == 0);
	CHECK(sync_send(pair[0], SYNC_TERMINAL, 7, fds[0], NULL) == 0);
	CHECK(sync_receive(pair[1], m) == 0);
	fd = m->fd;
	CHECK(m->type == SYNC_TERMINAL && m->value == 7 && fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	sync_send_error(pair[1], &told);
	CHECK(sync_receive(pair[0], m) == 0);
	CHECK(m->type == SYNC_ERROR && m->value == -EPERM && !strcmp(m->text, "no") && m->fd == -1);
	CHECK(sync_send(pair[0], SYNC_ERROR, 0, -1, endless) == 0);
	CHECK(sync_receive(pair[1], m) == 0 && strlen(m->text) == SYNC_TEXT_MAX);
	CHECK(sync_send(pair[0], SYNC_GO, 0, -1, NULL) == 0);
	CHECK(sync_wait_go(pair[1], &err) == 0);
	/* What was said last is heard, though the one who said it left something unread. */
	CHECK(sync_send(pair[0], SYNC_GO, 0, -1, NULL) == 0);
	sync_send_error(pair[1], &told);
	close(pair[1]);
	CHECK(sync_receive(pair[0], m) == 0 && m->type == SYNC_ERROR);
	CHECK(sync_receive(pair[0], m) == -EPIPE);
	close(pair[0]);
	CHECK(sync_pair(pair, &err) == 0);
	close(pair[0]);
	CHECK(sync_step(pair[1], SYNC_READY, -1, &err) == -EPIPE);
	CHECK(sync_wait_go(pair[1], &err) == -EPIPE);
	close(pair[1]);
	close(fds[0]);
	close(fds[1]);
	free(endless);
	free(m);
	error_free(&err);
}

/* ---- mount words --------------------------------------------------------------------------- */

static void test_mount_options(void)
{
	char *words[] = {"rbind", "ro", "rw", "nosuid", "rnoexec", "noatime", "rprivate", "shared",
			 "size=1m", "mode=755", "defaults"};
	struct oci_mount m = {.options = words, .n_options = sizeof(words) / sizeof(*words)};
	struct error err = ERROR_INIT;
	struct mount_options o;

	CHECK(mount_options_parse(&m, &o, &err) == 0);
	CHECK(o.bind && o.bind_recursive && !o.copy_up);
	CHECK(o.set == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOATIME));
	CHECK(o.clear == (MOUNT_ATTR_RDONLY | MOUNT_ATTR__ATIME));
	CHECK(o.set_recursive == MOUNT_ATTR_NOEXEC && o.clear_recursive == 0);
	CHECK(o.n_propagation == 2 && o.propagation[0] == (MS_PRIVATE | MS_REC) &&
	      o.propagation[1] == MS_SHARED);
	CHECK(o.n_data == 2 && !strcmp(o.data[0], "size=1m") && !strcmp(o.data[1], "mode=755"));
	mount_options_free(&o);
	CHECK(mount_propagation("rslave") == (MS_SLAVE | MS_REC));
	CHECK(mount_propagation("ro") == 0 && mount_propagation("nonsense") == 0);
	error_free(&err);
}

/* ---- cgroups ------------------------------------------------------------------------------- */

static void test_cgroup_text(void)
{
	struct cgroup_set s;
	struct error err = ERROR_INIT;
	char *text = NULL;

	CHECK(cgroup_parse("cpu,cpuacct:/c/x:y\nname=systemd:/s\n", &s) == 0);
	CHECK(s.n == 2 && !s.v2);
	CHECK(!strcmp(cgroup_find(&s, "cpuacct"), "/c/x:y") && !cgroup_find(&s, "memory"));
	CHECK(!cgroup_find(&s, "cpua"));
	cgroup_set_free(&s);
	CHECK(cgroup_parse(":/v2/x\n", &s) == 0);
	CHECK(s.n == 1 && s.v2 && !strcmp(cgroup_find(&s, "pids"), "/v2/x"));
	cgroup_set_free(&s);
	CHECK(cgroup_plan("/", "id", &text, &err) == -EINVAL);
	CHECK(cgroup_plan("a/../..", "id", &text, &err) == -EINVAL);
	CHECK(cgroup_plan("/a\nmemory:/", "id", &text, &err) == -EINVAL);
	CHECK(cgroup_plan("/../husk-test/../husk-plan", "id", &text, &err) == 0);
	CHECK(!text || (strstr(text, "/husk-plan\n") && !strstr(text, "..")));
	free(text);
	error_free(&err);
}

static void test_device_rules(void)
{
	struct oci_device_rule in[] = {
		{.allow = true, .type = "c", .has_major = true, .major = 10, .has_minor = true,
		 .minor = 229, .access = "rw"},
		{.allow = false, .type = "b", .access = "m"},
	};
	struct oci_resources res = {.devices = in, .n_devices = 2};
	struct error err = ERROR_INIT;
	struct device_rule *rules;
	size_t n;

	CHECK(device_rules(&res, &rules, &n, &err) == 0);
	CHECK(n > 3 && !rules[0].allow && rules[0].type == 'a');
	CHECK(rules[1].allow && rules[1].type == 'c' && rules[1].minor == 229 &&
	      rules[1].access == (DEVICE_READ | DEVICE_WRITE));
	CHECK(!rules[2].allow && rules[2].major == -1 && rules[2].access == DEVICE_MKNOD);
	free(rules);
	in[0].access = "rwx";
	CHECK(device_rules(&res, &rules, &n, &err) == -EINVAL);
	error_free(&err);
}

/* ---- descriptors --------------------------------------------------------------------------- */

static void test_close_all_but(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		int keep[] = {40, -1, 12, 41, 3};

		for (int fd = 3; fd < 64; fd++)
			dup2(0, fd);
		close_all_but(5, keep, 5);
		for (int fd = 0; fd < 64; fd++) {
			bool open = fcntl(fd, F_GETFD) >= 0;

			if (open != (fd < 5 || fd == 12 || fd == 40 || fd == 41))
				_exit(fd + 1);
		}
		_exit(0);
	}
	int status = wait_child(pid);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	if (!mkdtemp(top)) {
		perror(top);
		return 99;
	}
	test_lock();
	test_state();
	test_remains();
	test_ids();
	test_fifo();
	test_hooks();
	test_sync();
	test_mount_options();
	test_cgroup_text();
	test_device_rules();
	test_close_all_but();
	char *command = string_format("rm -rf %s", top);

	if (command && system(command) != 0)
		perror("rm");
	free(command);
	return check_done();
}
