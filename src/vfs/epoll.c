/* SPDX-License-Identifier: GPL-2.0-or-later */
/* epoll(7): see epoll.h for the idea. */
#include "vfs/epoll.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"

/* Events that are the registration's manner, not something to wait for. */
#define MANNERS (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)
#define MAX_MAXEVENTS ((int)(INT32_MAX / sizeof(struct epoll_event)))
/* One round of the host's events, on the stack. */
#define BATCH 64
/*
 * What the host gives back with an event: 0 for the internal eventfd; else a slot of epoll->slots in
 * the lower half, and in the upper the item's serial number, so that an event of an item that has
 * gone is not taken for its successor's.
 */
#define PING_ID 0

/*
 * A registration. Everything is guarded by epoll_lock, but `pinged`, which the wake function of a
 * wait queue sets. An item does not hold its file: it dies when the file does (epoll_forget).
 */
struct epoll_item {
	struct list link;      /* in epoll->items or epoll->emulated */
	struct list file_link; /* in file->links */
	struct epoll *ep;
	struct file *file;
	int fd; /* the guest's number at registration: half of the key */
	uint64_t id; /* serial << 32 | slot */
	uint32_t events;
	uint64_t data;
	int host_fd; /* what is registered on the host: the file's, or dup_fd; -1: emulated */
	int dup_fd;  /* the description's second registration in this instance, or -1 */
	bool disarmed;	/* EPOLLONESHOT has fired */
	struct waitq *queue;
	struct waitq_entry entry;
	_Atomic bool pinged; /* emulated: may have events that were not looked at yet */
};

struct epoll {
	struct file file; /* file.fd is the host's epoll instance */
	struct list items;    /* host-backed */
	struct list emulated;
	struct epoll_item **slots; /* from 1; NULL: free */
	unsigned nslots, free_from; /* no free slot below free_from */
	uint32_t serial;
	int ping_fd;
};

/* One lock for all instances and all links: sections are short and never sleep. */
static pthread_mutex_t epoll_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct file_ops ops;

static struct epoll *of(struct file *f)
{
	return container_of(f, struct epoll, file);
}

/* ---- registrations --------------------------------------------------------------------------- */

static void ping(struct epoll *ep)
{
	uint64_t one = 1;

	host_call(SYS_write, ep->ping_fd, &one, sizeof(one));
}

static void item_woken(struct waitq_entry *e, unsigned events)
{
	struct epoll_item *it = container_of(e, struct epoll_item, entry);

	(void)events;
	it->pinged = true;
	ping(it->ep);
}

static struct epoll_item *find_item(struct epoll *ep, struct file *f, int fd)
{
	struct epoll_item *it;

	list_for_each(it, &f->links, file_link)
		if (it->ep == ep && it->fd == fd)
			return it;
	return NULL;
}

static struct epoll_item *find_id(struct epoll *ep, uint64_t id)
{
	unsigned slot = (uint32_t)id;
	struct epoll_item *it = slot < ep->nslots ? ep->slots[slot] : NULL;

	return it && it->id == id ? it : NULL;
}

/* Gives the item a slot and an id. */
static int take_slot(struct epoll *ep, struct epoll_item *it)
{
	unsigned slot = ep->free_from, n = ep->nslots ? ep->nslots * 2 : 16;
	struct epoll_item **more;

	while (slot < ep->nslots && ep->slots[slot])
		slot++;
	if (slot >= ep->nslots) {
		more = realloc(ep->slots, n * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + ep->nslots, 0, (n - ep->nslots) * sizeof(*more));
		slot = ep->nslots ? ep->nslots : 1;
		ep->slots = more;
		ep->nslots = n;
	}
	ep->slots[slot] = it;
	ep->free_from = slot + 1;
	it->id = (uint64_t)ep->serial++ << 32 | slot;
	return 0;
}

static void give_slot(struct epoll *ep, struct epoll_item *it)
{
	unsigned slot = (uint32_t)it->id;

	ep->slots[slot] = NULL;
	if (slot < ep->free_from)
		ep->free_from = slot;
}

static long host_ctl(struct epoll *ep, int op, struct epoll_item *it)
{
	struct epoll_event ev = {.events = it->events, .data.u64 = it->id};

	return host_call(SYS_epoll_ctl, ep->file.fd, op, it->host_fd, &ev);
}

/* Unlinks and frees; epoll_lock is held. */
static void drop_item(struct epoll_item *it)
{
	struct epoll *ep = it->ep;

	if (it->host_fd >= 0)
		host_ctl(ep, EPOLL_CTL_DEL, it);
	if (it->queue)
		waitq_del(it->queue, &it->entry);
	if (it->dup_fd >= 0)
		close(it->dup_fd);
	list_del(&it->link);
	list_del(&it->file_link);
	give_slot(ep, it);
	free(it);
}

static int add_host_item(struct epoll *ep, struct epoll_item *it)
{
	long r;

	it->host_fd = it->file->fd;
	r = host_ctl(ep, EPOLL_CTL_ADD, it);
	if (r != -EEXIST)
		return (int)r;
	/* The same description under another guest descriptor: the host needs one of its own, too. */
	r = host_call(SYS_fcntl, it->file->fd, F_DUPFD_CLOEXEC, 3);
	if (r < 0)
		return -ENOMEM;
	it->host_fd = it->dup_fd = (int)r;
	r = host_ctl(ep, EPOLL_CTL_ADD, it);
	if (r < 0)
		close(it->dup_fd);
	return (int)r;
}

static void add_emulated_item(struct epoll *ep, struct epoll_item *it, struct waitq *queue)
{
	it->queue = queue;
	if (queue) {
		waitq_entry_init(&it->entry, NULL);
		it->entry.wake = item_woken;
		waitq_add(it->queue, &it->entry);
	}
	it->pinged = true;
	ping(ep);
}

static int add_item(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev,
		    struct waitq *queue)
{
	struct epoll_item *it = calloc(1, sizeof(*it));
	int r;

	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->events = ev->events & ~(uint32_t)EPOLLWAKEUP;
	it->data = ev->data.u64;
	it->host_fd = it->dup_fd = -1;
	r = take_slot(ep, it);
	if (r < 0) {
		free(it);
		return r;
	}
	if (f->ops->poll)
		add_emulated_item(ep, it, queue);
	else
		r = f->fd < 0 ? -EPERM : add_host_item(ep, it);
	if (r < 0) {
		give_slot(ep, it);
		free(it);
		return r;
	}
	list_add_tail(f->ops->poll ? &ep->emulated : &ep->items, &it->link);
	list_add_tail(&f->links, &it->file_link);
	return 0;
}

static int modify_item(struct epoll *ep, struct epoll_item *it, const struct epoll_event *ev)
{
	if ((it->events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	it->events = ev->events & ~(uint32_t)EPOLLWAKEUP;
	it->data = ev->data.u64;
	it->disarmed = false;
	if (it->host_fd >= 0)
		return (int)host_ctl(ep, EPOLL_CTL_MOD, it);
	it->pinged = true;
	ping(ep);
	return 0;
}

int epoll_control(struct file *epf, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct waitq *queue = NULL;
	struct epoll *ep;
	struct epoll_item *it;
	int r;

	if (epf->ops != &ops || f == epf)
		return -EINVAL;
	ep = of(epf);
	/* Files are asked without our lock: they take locks of their own. */
	if (op == EPOLL_CTL_ADD && f->ops->poll)
		f->ops->poll(f, &queue);
	pthread_mutex_lock(&epoll_lock);
	it = find_item(ep, f, fd);
	switch (op) {
	case EPOLL_CTL_ADD:
		r = it ? -EEXIST : add_item(ep, f, fd, ev, queue);
		break;
	case EPOLL_CTL_MOD:
		r = it ? modify_item(ep, it, ev) : -ENOENT;
		break;
	case EPOLL_CTL_DEL:
		r = it ? 0 : -ENOENT;
		if (it)
			drop_item(it);
		break;
	default:
		r = -EINVAL;
	}
	pthread_mutex_unlock(&epoll_lock);
	return r;
}

void epoll_forget(struct file *f)
{
	/* Nobody can add links any more: the last reference is gone. */
	if (list_empty(&f->links))
		return;
	pthread_mutex_lock(&epoll_lock);
	while (!list_empty(&f->links))
		drop_item(list_first(&f->links, struct epoll_item, file_link));
	pthread_mutex_unlock(&epoll_lock);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* An emulated item that is being asked, without the lock; held by its file's reference. */
struct asked {
	struct file *file;
	uint64_t id;
	uint32_t events;
};

/* Takes the pings of up to max items, whose files are then to be asked. */
static int take_pinged(struct epoll *ep, struct asked *asked, int max)
{
	struct epoll_item *it;
	int n = 0;

	pthread_mutex_lock(&epoll_lock);
	list_for_each(it, &ep->emulated, link) {
		if (it->disarmed || !it->pinged)
			continue;
		if (n == max) {
			ping(ep);
			break;
		}
		if (!file_tryget(it->file))
			continue;
		it->pinged = false;
		asked[n++] = (struct asked){it->file, it->id, 0};
	}
	pthread_mutex_unlock(&epoll_lock);
	return n;
}

/*
 * What the file said becomes an event, if the item still wants it. One that stays ready and is level
 * triggered keeps its ping, so that the next wait sees it again; *again tells that.
 */
static int report(struct epoll *ep, const struct asked *a, struct epoll_event *out, bool *again)
{
	struct epoll_item *it = find_id(ep, a->id);
	uint32_t events;

	if (!it || it->disarmed)
		return 0;
	events = a->events & ((it->events & ~(uint32_t)MANNERS) | EPOLLERR | EPOLLHUP);
	if (!events)
		return 0;
	out->events = events;
	out->data.u64 = it->data;
	if (it->events & EPOLLONESHOT)
		it->disarmed = true;
	else if (!(it->events & EPOLLET))
		it->pinged = *again = true;
	return 1;
}

/* Asks the emulated items that were pinged for their events. */
static int collect_emulated(struct epoll *ep, struct epoll_event *out, int max)
{
	struct asked asked[BATCH];
	struct waitq *queue;
	bool again = false;
	int n = take_pinged(ep, asked, max < BATCH ? max : BATCH), m = 0;

	for (int i = 0; i < n; i++)
		asked[i].events = asked[i].file->ops->poll(asked[i].file, &queue);
	pthread_mutex_lock(&epoll_lock);
	for (int i = 0; i < n; i++)
		m += report(ep, &asked[i], out + m, &again);
	if (again)
		ping(ep);
	pthread_mutex_unlock(&epoll_lock);
	for (int i = 0; i < n; i++)
		file_put(asked[i].file);
	return m;
}

/* Turns the host's events into the guest's: ids into data. The ping is drained, and told. */
static int translate(struct epoll *ep, const struct epoll_event *host, int n,
		     struct epoll_event *out, bool *pinged)
{
	struct epoll_item *it;
	uint64_t count;
	int m = 0;

	for (int i = 0; i < n; i++) {
		if (host[i].data.u64 == PING_ID) {
			host_call(SYS_read, ep->ping_fd, &count, sizeof(count));
			*pinged = true;
			continue;
		}
		it = find_id(ep, host[i].data.u64);
		if (!it)
			continue;
		out[m].events = host[i].events;
		out[m++].data.u64 = it->data;
	}
	return m;
}

/* What is ready now, without sleeping. */
static int gather(struct epoll *ep, struct epoll_event *out, int max)
{
	struct epoll_event host[BATCH];
	bool pinged = false;
	long n = host_call(SYS_epoll_wait, ep->file.fd, host, max < BATCH ? max : BATCH, 0);
	int m;

	if (n <= 0)
		return (int)n;
	pthread_mutex_lock(&epoll_lock);
	m = translate(ep, host, (int)n, out, &pinged);
	if (pinged && m == max)
		ping(ep);
	pthread_mutex_unlock(&epoll_lock);
	if (pinged && m < max)
		m += collect_emulated(ep, out + m, max - m);
	return m;
}

int epoll_wait_events(struct file *epf, struct epoll_event *out, int max,
		      const struct timespec *deadline)
{
	struct pollfd p = {.fd = epf->fd, .events = POLLIN};
	int r;

	if (epf->ops != &ops || max <= 0 || max > MAX_MAXEVENTS)
		return -EINVAL;
	for (;;) {
		r = gather(of(epf), out, max);
		if (r || (deadline && !deadline->tv_sec && !deadline->tv_nsec))
			return r;
		r = host_ppoll(&p, 1, deadline);
		/* A deadline gone by: one last look has just been made by the host. */
		if (r <= 0)
			return r;
	}
}

/* ---- the description ------------------------------------------------------------------------- */

static void epoll_release(struct file *f)
{
	struct epoll *ep = of(f);

	pthread_mutex_lock(&epoll_lock);
	while (!list_empty(&ep->items))
		drop_item(list_first(&ep->items, struct epoll_item, link));
	while (!list_empty(&ep->emulated))
		drop_item(list_first(&ep->emulated, struct epoll_item, link));
	pthread_mutex_unlock(&epoll_lock);
	close(ep->ping_fd);
	close(f->fd);
	free(ep->slots);
	free(ep);
}

static const struct file_ops ops = {
	.name = "eventpoll",
	.release = epoll_release,
};

int epoll_create_file(struct file **out)
{
	struct epoll *ep = calloc(1, sizeof(*ep));
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = PING_ID};
	long fd, ping_fd;

	if (!ep)
		return -ENOMEM;
	fd = host_call(SYS_epoll_create1, EPOLL_CLOEXEC);
	ping_fd = host_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0 || ping_fd < 0 ||
	    host_call(SYS_epoll_ctl, fd, EPOLL_CTL_ADD, ping_fd, &ev) < 0) {
		if (fd >= 0)
			close((int)fd);
		if (ping_fd >= 0)
			close((int)ping_fd);
		free(ep);
		return -ENFILE;
	}
	file_init(&ep->file, &ops, O_RDWR, 0);
	ep->file.fd = (int)fd;
	list_init(&ep->items);
	list_init(&ep->emulated);
	ep->free_from = 1;
	ep->ping_fd = (int)ping_fd;
	*out = &ep->file;
	return 0;
}
