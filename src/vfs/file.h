/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open file descriptions and descriptor tables.
 *
 * struct file is an open file description: counted, shared by dup, fork and SCM_RIGHTS, held for
 * the length of every call on it. Most are host-backed: they own one host descriptor, I/O is one
 * host system call straight into guest memory, and offset, O_APPEND, O_NONBLOCK and readiness are
 * the host's. Emulated ones (inner ptys, /proc, signalfd) have a host descriptor too, a token
 * memfd's, only where something needs one; their readiness is a wait queue.
 *
 * Concrete kinds embed struct file as their first member and free themselves in ops->release.
 */
#ifndef HUSK_VFS_FILE_H
#define HUSK_VFS_FILE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/waitq.h"

struct file;
struct fdtable;

struct file_ops {
	const char *name; /* for logs: "host", "pipe", "pty", … */

	/*
	 * Moves bytes between the file and host buffers (guest memory, already pinned). pos NULL:
	 * at the description's own offset, which moves; else at *pos, which does not (pread).
	 * rwf: RWF_* of preadv2(2). May sleep, interruptibly. Bytes, or a negative errno
	 * (-EINTR or -ERESTARTSYS when interrupted: base/hostcall.h). NULL: -EINVAL.
	 */
	ssize_t (*read)(struct file *f, const struct iovec *iov, int n, const off_t *pos, int rwf);
	ssize_t (*write)(struct file *f, const struct iovec *iov, int n, const off_t *pos, int rwf);

	off_t (*seek)(struct file *f, off_t offset, int whence); /* NULL: -ESPIPE */
	/* arg is what the guest passed: a value or a guest address (use copy_in/out). NULL: -ENOTTY */
	long (*ioctl)(struct file *f, unsigned cmd, uint64_t arg);
	/* NULL: fstat on the host descriptor. */
	int (*stat)(struct file *f, struct stat *st);
	/* Directory entries as getdents64(2) lays them out, into a host buffer. NULL: -ENOTDIR */
	ssize_t (*getdents)(struct file *f, void *buf, size_t n);

	/*
	 * Emulated readiness: returns poll events that are ready now, and the queue to wait on.
	 * NULL: the host descriptor can be polled, and says it all.
	 */
	unsigned (*poll)(struct file *f, struct waitq **queue);

	/* F_SETFL changed O_NONBLOCK, O_APPEND, …: NULL: forwarded to the host descriptor. */
	int (*set_flags)(struct file *f, unsigned flags);
	/* A guest descriptor of f was closed (not the last reference: flush(2)-like work, locks). */
	void (*flush)(struct file *f);
	/* The last reference is gone. Frees f. Never NULL. */
	void (*release)(struct file *f);
};

struct file {
	const struct file_ops *ops;
	atomic_uint refs;
	int fd;		     /* the host descriptor it owns, or -1 */
	_Atomic unsigned flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK, O_PATH, O_DIRECTORY …: as F_GETFL */
	mode_t type;	     /* S_IFMT bits, known at open */
	dev_t dev;	     /* identity of what is open: for mmap, locks, futex, kcmp */
	ino_t ino;
	struct list links; /* epoll registrations of this description; guarded by epoll.c */
	struct waitq *wait; /* the queue that ops->poll answers, if there is just one */
	uint64_t owner_kind, owner; /* F_SETOWN / F_SETOWN_EX: F_OWNER_*, guest id */
	int sigio;		    /* F_SETSIG */
	signed char text_side; /* denywrite.c: 1 counts as a writer of the inode, -1 as running it */
};

/* Fills the common part: one reference, no host descriptor. */
void file_init(struct file *f, const struct file_ops *ops, unsigned flags, mode_t type);
struct file *file_get(struct file *f);
void file_put(struct file *f);
/* A reference, unless the last one is gone already (then f is on its way out and false). */
bool file_tryget(struct file *f);

/*
 * Wraps a host descriptor (consumed, also on error) into a description: finds its type and
 * identity by fstat, and its ops by the type (regular, directory, pipe, character device, socket
 * is net/'s: see file_set_socket_factory). flags: what the guest asked for at open.
 */
int file_from_host(int fd, unsigned flags, struct file **out);
/* net/ registers how a host socket becomes a struct file, so that vfs need not include net. */
void file_set_socket_factory(int (*make)(int fd, unsigned flags, struct file **out));
/* vfs/tty: a host terminal that is the container's (its console or an exec's). */
bool file_is_tty(struct file *f);

/*
 * Is what the guest sees of f the host descriptor itself, so that a host call on f->fd is the
 * answer? Not so for emulated files, whose descriptor (if any) is only a token.
 */
static inline bool file_is_host(const struct file *f)
{
	return f->fd >= 0 && !f->ops->stat;
}

/* fstat(2). */
int file_stat(struct file *f, struct stat *st);
/* Poll events that are ready now; emulated and host-backed alike. */
unsigned file_poll(struct file *f);

/*
 * What open("/proc/self/fd/N", flags) does for f: a new description of the same object. With
 * O_PATH one that is good for walking on from it. Sockets: -ENXIO.
 */
int file_reopen(struct file *f, unsigned flags, struct file **out);

/* The path that /proc/PID/fd/N shows, NUL-terminated: "/a/b", "pipe:[12]", "anon_inode:[…]". */
int file_path(struct file *f, char *buf, size_t n);

/* ---- descriptor tables ----------------------------------------------------------------------- */

struct fdtable *fdtable_new(void);
/* A copy (fork): descriptions are shared, counted. NULL on -ENOMEM. */
struct fdtable *fdtable_copy(struct fdtable *t);
struct fdtable *fdtable_get(struct fdtable *t); /* CLONE_FILES */
void fdtable_put(struct fdtable *t);
/* Has t other users than the caller (who must then copy it in execve and unshare)? */
bool fdtable_shared(struct fdtable *t);

/* The description behind guest descriptor fd with a reference, or NULL (-EBADF). O_PATH included. */
struct file *fdtable_lookup(struct fdtable *t, int fd);
/*
 * Installs f (the caller's reference moves in) at the lowest free descriptor ≥ min, below limit
 * (the guest's RLIMIT_NOFILE). The descriptor; -EMFILE (f is then not consumed).
 */
int fdtable_install(struct fdtable *t, struct file *f, int min, int limit, bool cloexec);
/* At exactly fd, closing what was there (dup2). fd, -EBADF. */
int fdtable_install_at(struct fdtable *t, struct file *f, int fd, int limit, bool cloexec);
int fdtable_close(struct fdtable *t, int fd);
/* Closes or marks close-on-exec the descriptors first … last. */
int fdtable_close_range(struct fdtable *t, unsigned first, unsigned last, bool cloexec_only);
int fdtable_get_cloexec(struct fdtable *t, int fd); /* 0, 1, -EBADF */
int fdtable_set_cloexec(struct fdtable *t, int fd, bool on);
void fdtable_close_on_exec(struct fdtable *t);
/* The lowest used descriptor ≥ fd, or -1: for /proc/PID/fd. */
int fdtable_next(struct fdtable *t, int fd);
/* A number that is the same for tasks that share the table (kcmp, locks). */
uintptr_t fdtable_id(struct fdtable *t);

/*
 * The table and the descriptor limit of the task on this thread, for vfs and net code that makes
 * or looks up guest descriptors (recvmsg, open). Set by kernel/ when a task starts or changes it.
 */
void fdtable_use(struct fdtable *t, const _Atomic uint64_t *nofile);
struct fdtable *fdtable_current(void);
/* Short forms on the current table. fd_get: NULL if fd is not open. fd_install consumes f always. */
struct file *fd_get(int fd);
int fd_install(struct file *f, bool cloexec);

#endif
