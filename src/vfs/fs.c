/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct fs: the current directory, root and umask of guest processes, mirrored in the host's
 * fs_struct of their threads; and the table of emulated trees.
 */
#include "vfs/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "vfs/path.h"

/*
 * One host thread that shares an fs: its host fs_struct is the truth, and can be looked at through
 * /proc/self/task/TID. Holds a reference of fs until the thread ends.
 */
struct fs_member {
	struct list link; /* in fs->members; guarded by fs->lock */
	struct fs *fs;
	pid_t tid;
};

struct fs {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct pnode *_Atomic cwd; /* not NULL: the cwd is emulated, and the host's stale */
	_Atomic bool chrooted;
	_Atomic mode_t umask; /* as the host has it, for /proc: it can be asked for by its owners only */
	struct list members;
};

static __thread struct fs_member *self;
static pthread_key_t member_key;
static pthread_once_t member_once = PTHREAD_ONCE_INIT;

#define MAX_MOUNTS 8
static struct pseudo_mount mounts[MAX_MOUNTS];
static unsigned nmounts;
static bool always_slow;

/* ---- struct fs ------------------------------------------------------------------------------- */

static struct fs *fs_alloc(void)
{
	struct fs *fs = calloc(1, sizeof(*fs));

	if (!fs)
		return NULL;
	atomic_init(&fs->refs, 1);
	pthread_mutex_init(&fs->lock, NULL);
	list_init(&fs->members);
	return fs;
}

struct fs *fs_new(void)
{
	return fs_alloc();
}

struct fs *fs_copy(struct fs *fs)
{
	struct fs *c = fs_alloc();

	if (!c)
		return NULL;
	pthread_mutex_lock(&fs->lock);
	if (fs->cwd)
		c->cwd = pnode_get(fs->cwd);
	c->chrooted = fs->chrooted;
	c->umask = fs->umask;
	pthread_mutex_unlock(&fs->lock);
	return c;
}

struct fs *fs_get(struct fs *fs)
{
	atomic_fetch_add(&fs->refs, 1);
	return fs;
}

void fs_put(struct fs *fs)
{
	if (!fs || atomic_fetch_sub(&fs->refs, 1) != 1)
		return;
	pnode_put(fs->cwd);
	pthread_mutex_destroy(&fs->lock);
	free(fs);
}

static void leave(void *arg)
{
	struct fs_member *m = arg;

	pthread_mutex_lock(&m->fs->lock);
	list_del(&m->link);
	pthread_mutex_unlock(&m->fs->lock);
	fs_put(m->fs);
	free(m);
}

static void make_key(void)
{
	pthread_key_create(&member_key, leave);
}

int fs_attach(struct fs *fs, bool own)
{
	struct fs_member *m = malloc(sizeof(*m));
	long r = 0;

	if (!m)
		return -ENOMEM;
	if (own)
		r = host_call(SYS_unshare, CLONE_FS);
	if (r < 0) {
		free(m);
		return (int)r;
	}
	pthread_once(&member_once, make_key);
	if (self)
		leave(self);
	m->fs = fs_get(fs);
	m->tid = (pid_t)host_call(SYS_gettid);
	pthread_mutex_lock(&fs->lock);
	list_add_tail(&fs->members, &m->link);
	pthread_mutex_unlock(&fs->lock);
	self = m;
	pthread_setspecific(member_key, m);
	return 0;
}

struct fs *fs_current(void)
{
	return self ? self->fs : NULL;
}

struct pnode *fs_cwd_node(void)
{
	struct fs *fs = fs_current();
	struct pnode *n = NULL;

	if (!fs || !fs->cwd)
		return NULL;
	pthread_mutex_lock(&fs->lock);
	if (fs->cwd)
		n = pnode_get(fs->cwd);
	pthread_mutex_unlock(&fs->lock);
	return n;
}

/* Makes n (consumed) the current directory; NULL: the host's is. */
static int set_cwd_node(struct pnode *n)
{
	struct fs *fs = fs_current();
	struct pnode *old;

	if (!fs) {
		pnode_put(n);
		return n ? -EINVAL : 0;
	}
	if (!n && !fs->cwd)
		return 0;
	pthread_mutex_lock(&fs->lock);
	old = fs->cwd;
	fs->cwd = n;
	pthread_mutex_unlock(&fs->lock);
	pnode_put(old);
	return 0;
}

/* ---- changing directory and root ------------------------------------------------------------- */

static int chdir_node(struct pnode *n)
{
	int r;

	if (!S_ISDIR(n->mode))
		return -ENOTDIR;
	r = pnode_permission(n, X_OK);
	return r < 0 ? r : set_cwd_node(pnode_get(n));
}

/* chdir to name in dirfd: by way of the directory's own descriptor. */
static int chdir_host(int dirfd, const char *name)
{
	long fd = host_call(SYS_openat, dirfd, name, O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return (int)fd;
	r = host_call(SYS_fchdir, fd);
	close((int)fd);
	return r < 0 ? (int)r : set_cwd_node(NULL);
}

int fs_chdir(const char *path)
{
	cleanup_walk struct walk w = WALK_INIT;
	int dirfd, r;

	if (path_is_fast(NULL, path, &dirfd)) {
		r = (int)host_call(SYS_chdir, path);
		if (!r)
			return set_cwd_node(NULL);
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(NULL, path, WALK_FOLLOW, &w);
	if (r < 0)
		return r;
	if (w.kind == WALK_NODE)
		return chdir_node(w.node);
	return w.kind == WALK_HOST ? chdir_host(w.dirfd, w.name) : -ENOTDIR;
}

int fs_fchdir(struct file *dir)
{
	struct pnode *n = pnode_of_file(dir);
	int r;

	if (n)
		return chdir_node(n);
	if (!file_is_host(dir))
		return -ENOTDIR;
	r = (int)host_call(SYS_fchdir, dir->fd);
	return r < 0 ? r : set_cwd_node(NULL);
}

int fs_chroot(const char *path)
{
	cleanup_walk struct walk w = WALK_INIT;
	struct fs *fs = fs_current();
	struct stat old, now;
	int dirfd, r;
	long fd, home;

	if (path_is_fast(NULL, path, &dirfd)) {
		host_call(SYS_newfstatat, AT_FDCWD, "/", &old, 0);
		r = (int)host_call(SYS_chroot, path);
		if (!r && fs) {
			host_call(SYS_newfstatat, AT_FDCWD, "/", &now, 0);
			if (old.st_dev != now.st_dev || old.st_ino != now.st_ino)
				fs->chrooted = true;
		}
		if (r != -ENOTCONN)
			return r;
	}
	r = path_walk(NULL, path, WALK_FOLLOW, &w);
	if (r < 0)
		return r;
	/* An emulated tree cannot be a root: nothing but husk could walk there. */
	if (w.kind != WALK_HOST)
		return w.kind == WALK_NODE ? -EPERM : -ENOTDIR;
	/* chroot(2) knows no descriptor: go there, chroot to ".", and come back. */
	home = host_call(SYS_openat, AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = host_call(SYS_openat, w.dirfd, w.name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? (int)fd : (int)host_call(SYS_fchdir, fd);
	if (!r) {
		r = (int)host_call(SYS_chroot, ".");
		if (home >= 0)
			host_call(SYS_fchdir, home);
	}
	if (!r && fs)
		fs->chrooted = true;
	if (fd >= 0)
		close((int)fd);
	if (home >= 0)
		close((int)home);
	return r;
}

int fs_getcwd(char *buf, size_t n)
{
	struct pnode *cwd = fs_cwd_node();
	int r;

	if (!cwd)
		return (int)host_call(SYS_getcwd, buf, n);
	r = fs_pnode_path(cwd, buf, n);
	pnode_put(cwd);
	if (r == -ENAMETOOLONG)
		return -ERANGE;
	return r < 0 ? r : (int)strlen(buf) + 1;
}

mode_t fs_umask(mode_t mask)
{
	struct fs *fs = fs_current();

	mask &= 0777;
	if (fs)
		fs->umask = mask;
	return (mode_t)host_call(SYS_umask, mask);
}

mode_t fs_get_umask(struct fs *fs)
{
	return fs->umask;
}

/* The tid of some thread that shares fs, or 0. */
static pid_t some_member(struct fs *fs)
{
	pid_t tid = 0;

	pthread_mutex_lock(&fs->lock);
	if (!list_empty(&fs->members))
		tid = list_first(&fs->members, struct fs_member, link)->tid;
	pthread_mutex_unlock(&fs->lock);
	return tid;
}

static struct pnode *cwd_of(struct fs *fs)
{
	struct pnode *n = NULL;

	pthread_mutex_lock(&fs->lock);
	if (fs->cwd)
		n = pnode_get(fs->cwd);
	pthread_mutex_unlock(&fs->lock);
	return n;
}

int fs_describe(struct fs *fs, bool root, char *buf, size_t n)
{
	struct pnode *node = root ? NULL : cwd_of(fs);
	char link[64];
	pid_t tid;
	int r;

	if (node) {
		r = fs_pnode_path(node, buf, n);
		pnode_put(node);
		return r;
	}
	tid = some_member(fs);
	if (!tid)
		return -ENOENT;
	snprintf(link, sizeof(link), "self/task/%d/%s", tid, root ? "root" : "cwd");
	r = (int)host_call(SYS_readlinkat, hostproc_dir(), link, buf, n);
	if (r < 0)
		return r;
	if ((size_t)r >= n)
		return -ENAMETOOLONG;
	buf[r] = '\0';
	return 0;
}

int fs_open(struct fs *fs, bool root, unsigned flags, struct file **out)
{
	struct pnode *node = root ? NULL : cwd_of(fs);
	char link[64];
	pid_t tid;
	long fd;
	int r;

	if (node) {
		r = pnode_open(node, flags, out);
		pnode_put(node);
		return r;
	}
	tid = some_member(fs);
	if (!tid)
		return -ENOENT;
	snprintf(link, sizeof(link), "self/task/%d/%s", tid, root ? "root" : "cwd");
	fd = host_call(SYS_openat, hostproc_dir(), link, flags | O_CLOEXEC);
	return fd < 0 ? (int)fd : file_from_host((int)fd, flags, out);
}

/* ---- emulated trees -------------------------------------------------------------------------- */

static int place_identity(const char *path, struct pseudo_mount *m)
{
	struct statx stx = {0};
	int r = (int)host_call(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
			       STATX_TYPE | STATX_INO | STATX_MNT_ID, &stx);

	if (r < 0)
		return r;
	m->mnt_id = stx.stx_mnt_id;
	m->dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	m->ino = stx.stx_ino;
	return S_ISDIR(stx.stx_mode) ? 0 : -ENOTDIR;
}

/* Is every step of m->at a mount point, so that no rename can move the place? */
static bool place_is_fixed(const struct pseudo_mount *m)
{
	struct pseudo_mount step = {0}, above;
	char path[sizeof(m->at)];

	if (place_identity("/", &above) < 0)
		return false;
	for (size_t i = 1; i <= m->len; i++) {
		if (m->at[i] != '/' && m->at[i])
			continue;
		memcpy(path, m->at, i);
		path[i] = '\0';
		if (place_identity(path, &step) < 0 || step.mnt_id == above.mnt_id)
			return false;
		above = step;
	}
	return true;
}

int fs_mount_pseudo(const char *at, struct pnode *root, bool placeholder)
{
	struct pseudo_mount *m = &mounts[nmounts];
	char parent[sizeof(m->at) + 4];
	long fd;
	int r;

	if (nmounts == MAX_MOUNTS || at[0] != '/' || strlen(at) >= sizeof(m->at) || !at[1])
		return -EINVAL;
	memset(m, 0, sizeof(*m));
	m->len = strlen(at);
	memcpy(m->at, at, m->len + 1);
	r = place_identity(at, m);
	if (r < 0)
		return r;
	memcpy(parent, at, m->len + 1);
	*strrchr(parent, '/') = '\0';
	fd = host_call(SYS_openat, AT_FDCWD, parent[0] ? parent : "/",
		       O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return (int)fd;
	m->parent_fd = (int)fd;
	m->root = pnode_get(root);
	m->fixed = place_is_fixed(m);
	if (!placeholder)
		always_slow = true;
	nmounts++;
	return 0;
}

bool fs_always_slow(void)
{
	return always_slow;
}

const struct pseudo_mount *fs_mount_by_identity(uint64_t mnt_id, dev_t dev, ino_t ino)
{
	for (unsigned i = 0; i < nmounts; i++)
		if (mounts[i].mnt_id == mnt_id && mounts[i].dev == dev && mounts[i].ino == ino)
			return &mounts[i];
	return NULL;
}

const struct pseudo_mount *fs_mount_of_node(struct pnode *n)
{
	while (n->parent)
		n = n->parent;
	for (unsigned i = 0; i < nmounts; i++)
		if (mounts[i].root == n)
			return &mounts[i];
	return NULL;
}

const struct pseudo_mount *fs_mount_by_prefix(const char *path)
{
	struct fs *fs = fs_current();

	if (path[0] != '/' || (fs && fs->chrooted))
		return NULL;
	for (unsigned i = 0; i < nmounts; i++) {
		const struct pseudo_mount *m = &mounts[i];

		if (m->fixed && !strncmp(path, m->at, m->len) &&
		    (path[m->len] == '/' || !path[m->len]))
			return m;
	}
	return NULL;
}

int fs_pnode_path(struct pnode *n, char *buf, size_t size)
{
	const struct pseudo_mount *m = fs_mount_of_node(n);
	size_t len = m ? m->len : 0;
	int r;

	if (len >= size)
		return -ENAMETOOLONG;
	if (m)
		memcpy(buf, m->at, len);
	r = pnode_path(n, buf + len, size - len);
	if (r < 0)
		return r;
	/* The root of a tree is its mount point, without the slash. */
	if (len && !strcmp(buf + len, "/"))
		buf[len] = '\0';
	return 0;
}
