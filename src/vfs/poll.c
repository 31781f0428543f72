/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * poll(2): one host ppoll over the host-backed descriptions. Emulated ones have an entry in their
 * wait queue that writes to an eventfd, which is one more descriptor of that ppoll.
 */
#include "vfs/poll.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "vfs/file.h"

/* Calls with at most this many descriptors need no memory. */
#define ON_STACK 16

struct poll_slot {
	struct file *file; /* NULL: not open, or a negative number */
	struct waitq *queue;
	struct waitq_entry entry;
	int wake_fd;
};

struct poll_call {
	struct pollfd *fds;  /* the guest's */
	struct pollfd *host; /* one each, and the eventfd behind them */
	struct poll_slot *slots;
	unsigned n;
	bool emulated;
	int wake_fd;
};

static void wake_poller(struct waitq_entry *e, unsigned events)
{
	struct poll_slot *s = container_of(e, struct poll_slot, entry);
	uint64_t one = 1;

	(void)events;
	host_call(SYS_write, s->wake_fd, &one, sizeof(one));
}

static unsigned wanted(const struct pollfd *p)
{
	return (unsigned short)p->events | POLLERR | POLLHUP;
}

/* Looks the descriptors up, and sorts them into the host's and husk's. */
static void begin(struct poll_call *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		struct poll_slot *s = &c->slots[i];

		memset(s, 0, sizeof(*s));
		c->host[i] = (struct pollfd){.fd = -1, .events = c->fds[i].events};
		if (c->fds[i].fd >= 0)
			s->file = fd_get(c->fds[i].fd);
		if (s->file && (s->file->ops->poll || s->file->fd < 0))
			c->emulated = true;
		else if (s->file)
			c->host[i].fd = s->file->fd;
	}
	c->host[c->n] = (struct pollfd){.fd = -1, .events = POLLIN};
}

static void end(struct poll_call *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (c->slots[i].queue)
			waitq_del(c->slots[i].queue, &c->slots[i].entry);
		file_put(c->slots[i].file);
	}
	if (c->wake_fd >= 0)
		close(c->wake_fd);
}

/* Puts entries into the wait queues of the emulated ones. */
static int listen_to_queues(struct poll_call *c)
{
	long fd = host_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -ENOMEM;
	c->wake_fd = c->host[c->n].fd = (int)fd;
	for (unsigned i = 0; i < c->n; i++) {
		struct poll_slot *s = &c->slots[i];
		struct waitq *queue = NULL;

		if (!s->file || !s->file->ops->poll)
			continue;
		s->file->ops->poll(s->file, &queue);
		if (!queue)
			continue;
		waitq_entry_init(&s->entry, NULL);
		s->entry.wake = wake_poller;
		s->wake_fd = c->wake_fd;
		s->queue = queue;
		waitq_add(queue, &s->entry);
	}
	return 0;
}

/* Fills revents from what the host said and what the emulated ones say now; counts. */
static int collect(struct poll_call *c)
{
	int count = 0;

	for (unsigned i = 0; i < c->n; i++) {
		struct file *f = c->slots[i].file;
		unsigned events = 0;

		if (f && c->host[i].fd < 0)
			events = file_poll(f) & wanted(&c->fds[i]);
		else if (f)
			events = (unsigned short)c->host[i].revents;
		else if (c->fds[i].fd >= 0)
			events = POLLNVAL;
		c->fds[i].revents = (short)events;
		count += events != 0;
	}
	return count;
}

static int look(struct poll_call *c)
{
	struct timespec no_time = {0, 0};

	return (int)host_call(SYS_ppoll, c->host, c->n, &no_time, NULL, 0);
}

/*
 * Sleeps in the host's ppoll. Like Linux' poll, which looks at the files before it looks at
 * signals: what is ready is told even if a signal is pending.
 */
static int sleep_on_host(struct poll_call *c, const struct timespec *deadline)
{
	int r = host_ppoll(c->host, c->n + (c->wake_fd >= 0), deadline);

	if (r == -EINTR && look(c) > 0)
		return 1;
	return r;
}

static int wait_events(struct poll_call *c, const struct timespec *deadline)
{
	bool invalid = false;
	uint64_t drain;
	int r;

	for (unsigned i = 0; i < c->n; i++)
		invalid |= c->fds[i].fd >= 0 && !c->slots[i].file;
	if (c->emulated || invalid) {
		r = look(c);
		r = r < 0 ? r : collect(c);
		if (r || invalid || (deadline && !deadline->tv_sec && !deadline->tv_nsec))
			return r;
		r = listen_to_queues(c);
		if (r < 0)
			return r;
		/* They may have become ready before we listened. */
		r = look(c);
		r = r < 0 ? r : collect(c);
		if (r)
			return r;
	}
	for (;;) {
		r = sleep_on_host(c, deadline);
		if (r < 0)
			return r;
		if (c->host[c->n].revents)
			host_call(SYS_read, c->wake_fd, &drain, sizeof(drain));
		c->host[c->n].revents = 0;
		if (!r)
			return collect(c);
		r = collect(c);
		if (r)
			return r;
	}
}

int poll_files(struct pollfd *fds, unsigned n, const struct timespec *deadline)
{
	struct pollfd host[ON_STACK + 1];
	struct poll_slot slots[ON_STACK];
	struct poll_call c = {fds, host, slots, n, false, -1};
	int r = -ENOMEM;

	if (n > ON_STACK) {
		c.host = malloc(((size_t)n + 1) * sizeof(*c.host));
		c.slots = malloc((size_t)n * sizeof(*c.slots));
	}
	if (c.host && c.slots) {
		begin(&c);
		r = wait_events(&c, deadline);
		end(&c);
	}
	if (n > ON_STACK) {
		free(c.host);
		free(c.slots);
	}
	return r;
}
