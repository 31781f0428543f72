/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of /proc: tables of entries, from which nodes are made when a walk asks for them and
 * freed with their last reference. An idle /proc costs its root node. To add a file is to add a
 * line to a table.
 */
#ifndef HUSK_VFS_PROC_NODE_H
#define HUSK_VFS_PROC_NODE_H

#include "vfs/procfs.h"
#include "vfs/pseudo.h"

struct proc_entry;

struct proc_node {
	struct pnode node;
	const struct proc_entry *entry;
	pid_t pid;    /* which task the subtree is about (a tid), 0: none. Inherited */
	bool thread;  /* below task/TID, or thread-self: about the thread, not its group. Inherited */
	int fd;	      /* for entries of fd/ and fdinfo/ */
	bool masked;  /* config.json's maskedPaths: looks empty. Inherited */
	char name[];
};

typedef bool (*proc_emit)(void *arg, const char *name, unsigned char type, ino_t ino);

/* One name. A table of them ends with a NULL name. */
struct proc_entry {
	const char *name;
	mode_t mode; /* type and permissions */
	const char *text; /* a file's constant content, or a link's constant text */
	int (*show)(struct proc_node *n, struct ptext *out);
	ssize_t (*store)(struct proc_node *n, const char *data, size_t len);
	ssize_t (*readlink)(struct proc_node *n, char *buf, size_t size);
	int (*open_target)(struct proc_node *n, unsigned flags, struct file **out);
	int (*open)(struct proc_node *n, unsigned flags, struct file **out);
	/* Directories: a table, and functions for names that no table can hold (asked second). */
	const struct proc_entry *children;
	int (*lookup)(struct proc_node *dir, const char *name, struct pnode **out);
	int (*list)(struct proc_node *dir, proc_emit emit, void *arg);
};

#define PROC_FILE(n, perm, fn) {.name = n, .mode = S_IFREG | (perm), .show = fn}
#define PROC_FILE_RW(n, perm, fn, st) {.name = n, .mode = S_IFREG | (perm), .show = fn, .store = st}
#define PROC_TEXT(n, perm, t) {.name = n, .mode = S_IFREG | (perm), .text = t}
#define PROC_LINK(n, t) {.name = n, .mode = S_IFLNK | 0777, .text = t}
#define PROC_DIR(n, perm, kids) {.name = n, .mode = S_IFDIR | (perm), .children = kids}

static inline struct proc_node *proc_node(struct pnode *n)
{
	return container_of(n, struct proc_node, node);
}

/*
 * A node for entry e, called name (copied), below parent (NULL: the root). Inherits parent's pid,
 * thread, owner and masks, and gets an inode number that is the same at every lookup.
 * With a reference; -ENOMEM.
 */
int proc_make(struct proc_node *parent, const struct proc_entry *e, const char *name,
	      struct proc_node **out);
/* The inode number that proc_make() gives. */
ino_t proc_ino(struct proc_node *parent, const char *name);

/* Reads a decimal number without sign or leading zeros that is all of s; -1 if it is none. */
int proc_number(const char *s);

/* Sets the lists that proc_make() honours: absolute paths, those below /proc matter. Borrowed. */
void proc_set_policy(const char *const *masked, const char *const *readonly);

/*
 * Appends all of a host file, at most 4 MiB: of the sandbox' own /proc/self ("mountinfo") or, with
 * a slash before it, of the top of /proc ("/stat"). 0 or a negative errno.
 */
int proc_copy_host(const char *name, struct ptext *out);

/* The tables of the other files. */
extern const struct proc_entry proc_root_entries[];
extern const struct proc_entry proc_sys_entries[];
extern const struct proc_entry proc_pid_entries[];    /* /proc/PID */
extern const struct proc_entry proc_thread_entries[]; /* /proc/PID/task/TID */

/* proc/net.c: directories that are the host's, of the container's network namespace. */
int proc_net_lookup(struct proc_node *dir, const char *name, struct pnode **out);
int proc_net_list(struct proc_node *dir, proc_emit emit, void *arg);

/* proc/pid.c: the directory of a process or (dir is a task/ directory) of a thread. */
int proc_pid_lookup(struct proc_node *dir, const char *name, struct pnode **out);
int proc_pid_list(struct proc_node *dir, proc_emit emit, void *arg);

/* proc/fd.c */
int proc_fd_lookup(struct proc_node *dir, const char *name, struct pnode **out);
int proc_fd_list(struct proc_node *dir, proc_emit emit, void *arg);
int proc_fdinfo_lookup(struct proc_node *dir, const char *name, struct pnode **out);
/* exe, cwd, root */
ssize_t proc_readlink_exe(struct proc_node *n, char *buf, size_t size);
int proc_open_exe(struct proc_node *n, unsigned flags, struct file **out);
ssize_t proc_readlink_cwd(struct proc_node *n, char *buf, size_t size);
int proc_open_cwd(struct proc_node *n, unsigned flags, struct file **out);
ssize_t proc_readlink_root(struct proc_node *n, char *buf, size_t size);
int proc_open_root(struct proc_node *n, unsigned flags, struct file **out);

/* proc/mem.c: /proc/PID/mem */
int proc_open_mem(struct proc_node *n, unsigned flags, struct file **out);

/* proc/stat.c: the files of /proc/PID that are one task's numbers. */
int proc_show_stat(struct proc_node *n, struct ptext *out);
int proc_show_status(struct proc_node *n, struct ptext *out);
int proc_show_limits(struct proc_node *n, struct ptext *out);
int proc_show_schedstat(struct proc_node *n, struct ptext *out);
int proc_show_sched(struct proc_node *n, struct ptext *out);
int proc_show_io(struct proc_node *n, struct ptext *out);

#endif
