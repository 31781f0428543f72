/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll and poll over emulated and host-backed files together: level, edge, one-shot, keys, death. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "tests/base/check.h"
#include "vfs/anon.h"
#include "vfs/epoll.h"
#include "vfs/poll.h"

/* ---- an emulated file whose events the test sets --------------------------------------------- */

struct fake {
	struct file file;
	struct waitq queue;
	_Atomic unsigned events;
};

static int released;

static unsigned fake_poll(struct file *f, struct waitq **queue)
{
	struct fake *k = container_of(f, struct fake, file);

	*queue = &k->queue;
	return k->events;
}

static void fake_release(struct file *f)
{
	released++;
	free(container_of(f, struct fake, file));
}

static const struct file_ops fake_ops = {
	.name = "fake",
	.poll = fake_poll,
	.release = fake_release,
};

static struct fake *fake_new(void)
{
	struct fake *k = calloc(1, sizeof(*k));

	file_init(&k->file, &fake_ops, O_RDWR, 0);
	waitq_init(&k->queue);
	return k;
}

static void fake_set(struct fake *k, unsigned events)
{
	k->events = events;
	if (events)
		waitq_wake(&k->queue, events);
}

static const struct timespec no_wait;

static int now(struct file *ep, struct epoll_event *ev)
{
	memset(ev, 0, 4 * sizeof(*ev));
	return epoll_wait_events(ep, ev, 4, &no_wait);
}

static int soon(struct file *ep, struct epoll_event *ev, unsigned ms)
{
	struct timespec deadline = deadline_in_ns(ms * 1000000ULL);

	return epoll_wait_events(ep, ev, 4, &deadline);
}

static int ctl(struct file *ep, int op, struct file *f, int fd, unsigned events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};

	return epoll_control(ep, op, f, fd, &ev);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void modes(void)
{
	struct epoll_event ev[4];
	struct fake *k = fake_new();
	struct file *ep;

	CHECK(epoll_create_file(&ep) == 0);
	CHECK(ctl(ep, EPOLL_CTL_ADD, &k->file, 5, EPOLLIN, 55) == 0);
	CHECK(ctl(ep, EPOLL_CTL_ADD, &k->file, 5, EPOLLIN, 55) == -EEXIST);
	CHECK(ctl(ep, EPOLL_CTL_MOD, &k->file, 6, EPOLLIN, 55) == -ENOENT);
	CHECK(now(ep, ev) == 0);
	CHECK(soon(ep, ev, 20) == 0);
	fake_set(k, EPOLLIN | EPOLLOUT);
	/* Level: as long as it is ready. */
	for (int i = 0; i < 3; i++)
		CHECK(now(ep, ev) == 1 && ev[0].events == EPOLLIN && ev[0].data.u64 == 55);
	fake_set(k, 0);
	CHECK(now(ep, ev) == 0);
	/* Edge: once for each wake-up. */
	CHECK(ctl(ep, EPOLL_CTL_MOD, &k->file, 5, EPOLLIN | EPOLLET, 56) == 0);
	fake_set(k, EPOLLIN);
	CHECK(now(ep, ev) == 1 && ev[0].data.u64 == 56);
	CHECK(now(ep, ev) == 0);
	fake_set(k, EPOLLIN);
	CHECK(now(ep, ev) == 1);
	CHECK(now(ep, ev) == 0);
	/* One shot: until it is armed again. */
	CHECK(ctl(ep, EPOLL_CTL_MOD, &k->file, 5, EPOLLIN | EPOLLONESHOT, 57) == 0);
	CHECK(now(ep, ev) == 1);
	fake_set(k, EPOLLIN | EPOLLHUP);
	CHECK(now(ep, ev) == 0);
	CHECK(ctl(ep, EPOLL_CTL_MOD, &k->file, 5, EPOLLIN | EPOLLONESHOT, 57) == 0);
	CHECK(now(ep, ev) == 1 && ev[0].events == (EPOLLIN | EPOLLHUP));
	CHECK(ctl(ep, EPOLL_CTL_DEL, &k->file, 5, 0, 0) == 0);
	CHECK(ctl(ep, EPOLL_CTL_DEL, &k->file, 5, 0, 0) == -ENOENT);
	CHECK(now(ep, ev) == 0);
	file_put(&k->file);
	file_put(ep);
}

static void keys_and_death(void)
{
	struct epoll_event ev[4];
	struct file *ep, *pipe[2];
	struct fake *k = fake_new();
	char c = 'x';
	struct iovec iov = {&c, 1};

	CHECK(epoll_create_file(&ep) == 0 && pipe_create(0, pipe) == 0);
	/* One description under two descriptors, both are told. */
	CHECK(ctl(ep, EPOLL_CTL_ADD, pipe[0], 3, EPOLLIN, 3) == 0);
	CHECK(ctl(ep, EPOLL_CTL_ADD, pipe[0], 4, EPOLLIN, 4) == 0);
	CHECK(ctl(ep, EPOLL_CTL_ADD, &k->file, 5, EPOLLIN, 5) == 0);
	CHECK(ctl(ep, EPOLL_CTL_ADD, ep, 6, EPOLLIN, 6) == -EINVAL);
	CHECK(pipe[1]->ops->write(pipe[1], &iov, 1, NULL, 0) == 1);
	CHECK(now(ep, ev) == 2 && ev[0].data.u64 + ev[1].data.u64 == 7);
	fake_set(k, EPOLLIN);
	CHECK(now(ep, ev) == 3);
	/* Registrations go with the last reference, without a word. */
	released = 0;
	file_put(&k->file);
	CHECK(released == 1);
	CHECK(now(ep, ev) == 2);
	CHECK(ctl(ep, EPOLL_CTL_DEL, pipe[0], 3, 0, 0) == 0);
	CHECK(now(ep, ev) == 1 && ev[0].data.u64 == 4);
	file_put(pipe[0]);
	CHECK(now(ep, ev) == 0);
	file_put(pipe[1]);
	file_put(ep);
}

static void *wake_later(void *arg)
{
	usleep(30000);
	fake_set(arg, EPOLLIN);
	return NULL;
}

static void many(void)
{
	enum { N = 300 };
	struct epoll_event ev[N];
	struct fake *k[N];
	struct file *ep;
	int seen = 0, r;

	CHECK(epoll_create_file(&ep) == 0);
	for (int i = 0; i < N; i++) {
		k[i] = fake_new();
		CHECK(ctl(ep, EPOLL_CTL_ADD, &k[i]->file, i, EPOLLIN | EPOLLET, (uint64_t)i) == 0);
		fake_set(k[i], EPOLLIN);
	}
	while ((r = epoll_wait_events(ep, ev, N, &no_wait)) > 0)
		seen += r;
	CHECK(seen == N);
	for (int i = 0; i < N; i += 2)
		file_put(&k[i]->file);
	for (int i = 1; i < N; i += 2)
		fake_set(k[i], EPOLLIN);
	for (seen = 0; (r = epoll_wait_events(ep, ev, 7, &no_wait)) > 0;)
		seen += r;
	CHECK(seen == N / 2);
	file_put(ep);
	for (int i = 1; i < N; i += 2)
		file_put(&k[i]->file);
}

static void sleeping(void)
{
	struct epoll_event ev[4];
	struct fake *k = fake_new();
	struct fdtable *t = fdtable_new();
	struct pollfd p[2] = {{.fd = 0, .events = POLLIN}, {.fd = 1, .events = POLLIN}};
	struct file *ep, *pipe[2];
	pthread_t thread;

	CHECK(epoll_create_file(&ep) == 0 && pipe_create(0, pipe) == 0);
	CHECK(ctl(ep, EPOLL_CTL_ADD, &k->file, 5, EPOLLIN, 5) == 0);
	pthread_create(&thread, NULL, wake_later, k);
	CHECK(epoll_wait_events(ep, ev, 4, NULL) == 1);
	pthread_join(thread, NULL);

	fdtable_use(t, NULL);
	CHECK(fd_install(file_get(&k->file), false) == 0);
	CHECK(fd_install(file_get(pipe[0]), false) == 1);
	fake_set(k, 0);
	pthread_create(&thread, NULL, wake_later, k);
	CHECK(poll_files(p, 2, NULL) == 1 && p[0].revents == POLLIN && !p[1].revents);
	pthread_join(thread, NULL);
	fake_set(k, 0);
	struct timespec deadline = deadline_in_ns(20000000);
	CHECK(poll_files(p, 2, &deadline) == 0);
	file_put(pipe[1]);
	CHECK(poll_files(p, 2, NULL) == 1 && p[1].revents == POLLHUP);
	p[0].fd = 77;
	CHECK(poll_files(p, 2, NULL) == 2 && p[0].revents == POLLNVAL);
	p[0].fd = -1;
	CHECK(poll_files(p, 1, &no_wait) == 0);
	fdtable_use(NULL, NULL);
	fdtable_put(t);
	file_put(pipe[0]);
	file_put(ep);
	file_put(&k->file);
}

int main(void)
{
	hostcall_init();
	host_thread_init(NULL, NULL);
	modes();
	keys_and_death();
	many();
	sleeping();
	return check_done();
}
