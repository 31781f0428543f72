/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Emulated file systems: trees of nodes whose contents are made when somebody looks.
 *
 * A node is counted; directories find and list their children by functions, so that /proc/PID
 * exists exactly as long as the process. An open regular node is a struct file whose text was made
 * at open (and again at each rewind to 0), so that a reader sees one consistent state.
 */
#ifndef HUSK_VFS_PSEUDO_H
#define HUSK_VFS_PSEUDO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "vfs/file.h"

struct pnode;

/* A growing text, for nodes that print themselves. */
struct ptext {
	char *data;
	size_t len, cap;
	bool failed; /* out of memory: the reader gets -ENOMEM */
};
void ptext_printf(struct ptext *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ptext_write(struct ptext *t, const void *data, size_t n);

struct pnode_ops {
	/* Directories: the child `name` with a reference; -ENOENT. */
	int (*lookup)(struct pnode *dir, const char *name, struct pnode **out);
	/*
	 * Directories: calls emit(arg, name, d_type, ino) for each entry but "." and ".."; stops when
	 * emit answers false. cookie order must be stable: entries are listed in the same order.
	 */
	int (*list)(struct pnode *dir, bool (*emit)(void *arg, const char *name, unsigned char type,
						    ino_t ino), void *arg);
	/* Regular files: the text. */
	int (*show)(struct pnode *n, struct ptext *out);
	/* Regular files that can be written: one write(2)'s worth of data. Bytes or negative errno. */
	ssize_t (*store)(struct pnode *n, const char *data, size_t len);
	/* Symbolic links: the text of the link. Length or negative errno. */
	ssize_t (*readlink)(struct pnode *n, char *buf, size_t size);
	/*
	 * Magic links (/proc/PID/fd/N, exe, cwd): open what they stand for instead of walking the
	 * text. NULL: an ordinary link. *out: an open description as path_open gives it.
	 */
	int (*open_target)(struct pnode *n, unsigned flags, struct file **out);
	/* Opening makes something else than a text (a pty, a device): NULL for the usual. */
	int (*open)(struct pnode *n, unsigned flags, struct file **out);
	int (*setattr)(struct pnode *n, const mode_t *mode, const uid_t *uid, const gid_t *gid);
	void (*release)(struct pnode *n);
};

struct pnode {
	const struct pnode_ops *ops;
	atomic_uint refs;
	struct pnode *parent; /* counted; the root's is NULL */
	mode_t mode;	      /* type and permissions */
	uid_t uid;
	gid_t gid;
	ino_t ino;
	dev_t rdev;	  /* of a root: the tree's st_dev */
	const char *name; /* below parent; lives as long as the node. NULL for a root */
	bool readonly;	  /* opening for writing: -EROFS. Inherited from the parent */
};

struct pnode *pnode_get(struct pnode *n);
void pnode_put(struct pnode *n);
/* One reference; owner, group and readonly are the parent's (of a root: 0); a fresh inode number. */
void pnode_init(struct pnode *n, const struct pnode_ops *ops, struct pnode *parent, mode_t mode);
/* st_dev of emulated file systems: an anonymous device number of husk's own per tree. */
void pnode_stat(struct pnode *n, struct stat *st);
/*
 * An open description of n: what ops->open makes, a text, or a directory. With O_PATH any node at
 * all (links too), good for nothing but paths and fstat. Checks n's own permissions, not those of the way to it.
 */
int pnode_open(struct pnode *n, unsigned flags, struct file **out);
/* The node that a description made by pnode_open() shows (directories, texts, O_PATH), borrowed; or
 * NULL: it is none. For *at() calls relative to it, fchdir, fchmod and /proc/PID/fd. */
struct pnode *pnode_of_file(struct file *f);
/*
 * May this thread, with the credentials mirrored on it, do what mask (R_OK, W_OK, X_OK) says?
 * 0, -EACCES, -EROFS.
 */
int pnode_permission(struct pnode *n, int mask);
/* The path of n below its file system's root, "/" for the root itself. */
int pnode_path(struct pnode *n, char *buf, size_t size);

#endif
