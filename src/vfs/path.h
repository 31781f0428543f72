/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside vfs: how a path becomes something to act on.
 *
 * Every operation on names has the same shape: if the path may take the fast way (path_is_fast),
 * make the host's own call; when that answers -ENOTCONN, or at once if not, path_walk() and act on
 * what it found.
 */
#ifndef HUSK_VFS_PATH_H
#define HUSK_VFS_PATH_H

#include <limits.h>
#include <stdbool.h>

#include "vfs/file.h"
#include "vfs/fs.h"
#include "vfs/pseudo.h"

enum walk_kind {
	WALK_HOST, /* dirfd and name: make the host's call with them */
	WALK_NODE, /* node: an emulated object; with WALK_PARENT: a directory, and name in it */
	WALK_FILE, /* file: a magic link led to an open description */
};

struct walk {
	enum walk_kind kind;
	int dirfd; /* O_PATH, owned */
	struct pnode *node;
	struct file *file;
	/* Last component, trailing slashes kept; "." where the path ends in a directory. */
	char name[NAME_MAX + 2];
};

#define WALK_FOLLOW 1U	    /* follow a symbolic link in the last place */
#define WALK_PARENT 2U	    /* stop before the last component: it is to be made or removed */
#define WALK_EMPTY 4U	    /* AT_EMPTY_PATH: "" is the start itself */
#define WALK_NO_SYMLINKS 8U /* RESOLVE_NO_SYMLINKS */
#define WALK_NO_MAGIC 16U   /* RESOLVE_NO_MAGICLINKS */
#define WALK_NO_XDEV 32U    /* RESOLVE_NO_XDEV */
#define WALK_OPEN 64U	    /* a magic link in the last place is left to the caller: WALK_NODE */

/* 0 and *w to be given to walk_end(), or a negative errno. at NULL: the current directory. */
int path_walk(struct file *at, const char *path, unsigned flags, struct walk *w);
void walk_end(struct walk *w);
#define cleanup_walk __attribute__((cleanup(walk_end)))
#define WALK_INIT {.dirfd = -1}

/*
 * May the host be asked with this string? Then *dirfd is what to give it. False where the path is
 * known to enter an emulated tree, or starts in one.
 */
bool path_is_fast(struct file *at, const char *path, int *dirfd);


/* ---- fs.c: where emulated trees stand -------------------------------------------------------- */

struct pseudo_mount {
	char at[64];	    /* absolute path in the container */
	size_t len;
	struct pnode *root; /* counted */
	int parent_fd;	    /* O_PATH of the directory above: where ".." leads */
	uint64_t mnt_id;    /* of what stands there on the host */
	dev_t dev;
	ino_t ino;
	/* Every step of `at` is a mount point: nobody can rename it, the prefix alone decides. */
	bool fixed;
};

/* The mount whose place on the host an object with this identity is, or NULL. */
const struct pseudo_mount *fs_mount_by_identity(uint64_t mnt_id, dev_t dev, ino_t ino);
const struct pseudo_mount *fs_mount_of_node(struct pnode *n);
/* The mount a string starts in for sure (fixed, and the caller is not chrooted), or NULL. */
const struct pseudo_mount *fs_mount_by_prefix(const char *path);
/* No placeholders: the host would walk past emulated trees without noticing. */
bool fs_always_slow(void);
/* The current directory if it is emulated, with a reference; else NULL. */
struct pnode *fs_cwd_node(void);

#endif
