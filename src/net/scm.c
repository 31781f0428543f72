/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control messages: descriptors and credentials over unix sockets.
 *
 * A host-backed description is sent as its host descriptor; what arrives is wrapped into a new
 * description of the same host file: offset, flags and locks are the host's and stay shared. An
 * emulated one (an inner pty, a signalfd) is nothing the host knows: a token, an empty memfd, goes
 * through the socket in its place, and a note here says what it stands for. The container's terminal
 * is host-backed, but has job control of husk's own: it is noted by its descriptor's identity.
 *
 * A note ends when the token is received. Tokens that are never received (their socket died) are
 * not told to us: only the newest NOTES_MAX notes are kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/list.h"
#include "base/usermem.h"
#include "net/internal.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#define NOTES_MAX 256

struct note {
	struct list link;
	struct file *file; /* counted */
	dev_t dev;	   /* identity of what travels */
	ino_t ino;
};

static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
static struct list notes = LIST_INIT(notes);		       /* oldest first */
static unsigned notes_count;

/* Is f more than its host descriptor? */
static bool needs_note(struct file *f)
{
	return !file_is_host(f) || file_is_tty(f);
}

static void drop_note(struct note *n)
{
	file_put(n->file);
	free(n);
}

/* Remembers what descriptor `fd`, about to be sent, stands for. */
static int add_note(struct file *f, int fd)
{
	struct note *n = malloc(sizeof(*n)), *old = NULL;
	struct stat st;

	if (!n || fstat(fd, &st) != 0) {
		free(n);
		return -ENOMEM;
	}
	*n = (struct note){.file = file_get(f), .dev = st.st_dev, .ino = st.st_ino};
	pthread_mutex_lock(&notes_lock);
	list_add_tail(&notes, &n->link);
	if (++notes_count > NOTES_MAX) {
		old = list_first(&notes, struct note, link);
		list_del(&old->link);
		notes_count--;
	}
	pthread_mutex_unlock(&notes_lock);
	if (old)
		drop_note(old);
	return 0;
}

/* Do descriptors a and b share one description? Where the host cannot say, identity must do. */
static bool same_description(int a, int b)
{
	long self = getpid(), r = host_call(SYS_kcmp, self, self, (long)KCMP_FILE, (long)a, (long)b);

	return r == 0 || r == -ENOSYS || r == -EPERM;
}

/* What a received descriptor stands for, with a reference, or NULL: just itself. */
static struct file *find_note(int fd, bool keep)
{
	struct file *f = NULL;
	struct note *n, *found = NULL;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	pthread_mutex_lock(&notes_lock);
	list_for_each(n, &notes, link) {
		if (n->dev != st.st_dev || n->ino != st.st_ino)
			continue;
		if (file_is_host(n->file) && !same_description(n->file->fd, fd))
			continue;
		found = n;
		break;
	}
	if (found) {
		f = file_get(found->file);
		if (!keep) {
			list_del(&found->link);
			notes_count--;
		}
	}
	pthread_mutex_unlock(&notes_lock);
	if (found && !keep)
		drop_note(found);
	return f;
}

/* ---- sending ------------------------------------------------------------------------------------ */

/* The host descriptor that is sent for guest descriptor fd; s keeps it open. */
static int send_fd(struct scm_send *s, int fd)
{
	struct file *f;
	int token = -1, r = 0;

	if (s->n == SCM_FDS_MAX)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (!file_is_host(f)) {
		token = memfd_create("husk", MFD_CLOEXEC);
		if (token < 0)
			r = -ENFILE;
	}
	if (r == 0 && needs_note(f))
		r = add_note(f, token >= 0 ? token : f->fd);
	if (r) {
		if (token >= 0)
			close(token);
		file_put(f);
		return r;
	}
	s->files[s->n] = f;
	s->tokens[s->n++] = token;
	return token >= 0 ? token : f->fd;
}

static int send_rights(struct scm_send *s, struct cmsghdr *c, size_t data)
{
	int *fds = (int *)CMSG_DATA(c);

	if (data / sizeof(int) > SCM_FDS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < data / sizeof(int); i++) {
		int fd = send_fd(s, fds[i]);

		if (fd < 0)
			return fd;
		fds[i] = fd;
	}
	return 0;
}

/* A process may only name itself; others need a privilege that means nothing outside. */
static int send_credentials(struct cmsghdr *c, size_t data)
{
	struct ucred cred;

	if (data != sizeof(cred))
		return -EINVAL;
	memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	if (net_ops && cred.pid != net_ops->current_tgid())
		return -EPERM;
	cred.pid = getpid();
	memcpy(CMSG_DATA(c), &cred, sizeof(cred));
	return 0;
}

/*
 * The header at offset `at` of a control buffer of len bytes, as __scm_send() checks it; NULL: end.
 * *data: bytes of payload. *bad: a length that cannot be.
 */
static struct cmsghdr *cmsg_at(void *control, size_t len, size_t at, size_t *data, bool *bad)
{
	struct cmsghdr *c = (struct cmsghdr *)((char *)control + at);

	*bad = false;
	if (at > len || len - at < sizeof(*c))
		return NULL;
	if (c->cmsg_len < sizeof(*c) || c->cmsg_len > len - at) {
		*bad = true;
		return NULL;
	}
	*data = c->cmsg_len - sizeof(*c);
	return c;
}

int scm_send_prepare(struct scm_send *s, void *control, size_t len)
{
	struct cmsghdr *c;
	size_t at = 0, data;
	bool bad = false;
	int r = 0;

	s->n = 0;
	while (r == 0 && (c = cmsg_at(control, len, at, &data, &bad))) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			r = send_rights(s, c, data);
		else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			r = send_credentials(c, data);
		at += CMSG_ALIGN(c->cmsg_len);
	}
	if (r == 0 && bad)
		r = -EINVAL;
	if (r)
		scm_send_done(s, false);
	return r;
}

void scm_send_done(struct scm_send *s, bool sent)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct file *f = s->files[i];

		/* What did not leave need not be remembered. */
		if (!sent && needs_note(f)) {
			struct file *noted =
			    find_note(s->tokens[i] >= 0 ? s->tokens[i] : f->fd, false);

			if (noted)
				file_put(noted);
		}
		if (s->tokens[i] >= 0)
			close(s->tokens[i]);
		file_put(f);
	}
	s->n = 0;
}

/* ---- receiving ---------------------------------------------------------------------------------- */

/* The guest descriptor for a received host descriptor (consumed), or a negative errno. */
static int receive_fd(int fd, bool cloexec, bool peek)
{
	struct file *f = find_note(fd, peek);
	int flags, r;

	if (f) {
		close(fd);
	} else {
		flags = fcntl(fd, F_GETFL);
		r = file_from_host(fd, flags < 0 ? 0 : (unsigned)flags, &f);
		if (r)
			return r;
	}
	return fd_install(f, cloexec);
}

/* Rewrites one SCM_RIGHTS message; the number of descriptors that found room. */
static size_t receive_rights(struct cmsghdr *c, size_t data, bool cloexec, bool peek)
{
	int *fds = (int *)CMSG_DATA(c);
	size_t n = data / sizeof(int), good = 0;

	for (size_t i = 0; i < n; i++) {
		int fd;

		/* After the first failure the others are dropped, as scm_detach_fds() does. */
		if (good < i) {
			close(fds[i]);
			continue;
		}
		fd = receive_fd(fds[i], cloexec, peek);
		if (fd >= 0)
			fds[good++] = fd;
	}
	return good;
}

void scm_receive(struct socket_file *sock, void *control, size_t *len, int *flags, bool cloexec,
		 bool peek)
{
	size_t at = 0, data, good;
	struct cmsghdr *c;
	struct ucred cred;
	bool bad;

	while ((c = cmsg_at(control, *len, at, &data, &bad))) {
		size_t whole = CMSG_ALIGN(c->cmsg_len);

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
		    data >= sizeof(cred)) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			cred.pid = peer_pid(sock, cred.pid, true);
			memcpy(CMSG_DATA(c), &cred, sizeof(cred));
		}
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			good = receive_rights(c, data, cloexec, peek);
			if (good < data / sizeof(int)) {
				*flags |= MSG_CTRUNC;
				c->cmsg_len = CMSG_LEN(good * sizeof(int));
			}
			if (good == 0) {
				/* Nothing left of it: the following ones move up. */
				size_t rest = *len - at > whole ? *len - at - whole : 0;

				memmove((char *)control + at, (char *)control + at + whole, rest);
				*len = at + rest;
				continue;
			}
		}
		at += whole;
	}
}
