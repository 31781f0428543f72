/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's /proc for those who come from the host: `podman top` and nsenter(1) enter the container's
 * mount namespace and read /proc there, where the host's has one process to show, the sandbox. So a FUSE
 * file system covers it that serves husk's own tree, read-only, from a thread of the sandbox.
 *
 * The task side has a mount namespace of its own and never comes here. The requests are the host kernel's,
 * so they are well-formed; names and offsets in them are the caller's. Permissions are checked by the host
 * against the nodes' owners and modes (default_permissions). Protocol: linux/fuse.h, fuse(4).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/log.h"
#include "sandbox/private.h"
#include "vfs/procfs.h"

#define STACK_SIZE (128 << 10)
#define READ_MAX (1 << 20) /* bytes of one answer */

/* A node that the host's kernel knows by its address; the root is known as FUSE_ROOT_ID. */
struct known {
	struct pnode *node; /* counted */
	uint64_t lookups;   /* how often it was told, less how often it forgot */
};

/* What an open file or directory shows, made at open: its text, or its entries as struct fuse_dirent. */
struct shown {
	struct ptext text;
};

static int fuse = -1;
static struct pnode *root;

static struct pnode *node_of(uint64_t id)
{
	return id == FUSE_ROOT_ID ? root : ((struct known *)(uintptr_t)id)->node;
}

/* ---- answers ------------------------------------------------------------------------------------ */

static void answer(const struct fuse_in_header *in, int error, const void *data, size_t n)
{
	struct fuse_out_header out = {.len = sizeof(out) + n, .error = error, .unique = in->unique};
	struct iovec v[2] = {{&out, sizeof(out)}, {(void *)data, n}};

	/* An answer to a request that was interrupted is refused (ENOENT): nobody waits for it. */
	if (writev(fuse, v, n ? 2 : 1) < 0 && errno != ENOENT)
		log_debug("the guest's /proc: answer: %s", strerror(errno));
}

/*
 * Unlike a real /proc, files have their size: sendfile(2), which busybox' cat uses, asks the page cache
 * of a FUSE file, and that ends at the size (real ones refuse sendfile, and the program reads).
 */
static uint64_t size_of(struct pnode *n)
{
	struct ptext text = {0};
	uint64_t size = 0;

	if (S_ISREG(n->mode) && n->ops->show && n->ops->show(n, &text) == 0)
		size = text.len;
	free(text.data);
	return size;
}

static void fill_attr(struct pnode *n, struct fuse_attr *a)
{
	struct stat st;

	pnode_stat(n, &st);
	*a = (struct fuse_attr){
		.ino = st.st_ino,
		.size = size_of(n),
		.mode = st.st_mode,
		.nlink = st.st_nlink,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.blksize = 4096,
		.atime = st.st_atime,
		.mtime = st.st_mtime,
		.ctime = st.st_ctime,
	};
}

static void do_init(const struct fuse_in_header *in, const struct fuse_init_in *arg)
{
	struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
				    .minor = FUSE_KERNEL_MINOR_VERSION,
				    .max_write = 4096};

	if (arg->minor < out.minor)
		out.minor = arg->minor;
	answer(in, 0, &out, sizeof(out));
}

static void do_lookup(const struct fuse_in_header *in, const char *name)
{
	struct pnode *dir = node_of(in->nodeid), *child;
	struct fuse_entry_out out = {0};
	struct known *k;
	int r = dir->ops->lookup ? dir->ops->lookup(dir, name, &child) : -ENOTDIR;

	if (r < 0) {
		answer(in, r, NULL, 0);
		return;
	}
	k = malloc(sizeof(*k));
	if (!k) {
		pnode_put(child);
		answer(in, -ENOMEM, NULL, 0);
		return;
	}
	*k = (struct known){child, 1};
	out.nodeid = (uintptr_t)k;
	fill_attr(child, &out.attr);
	answer(in, 0, &out, sizeof(out)); /* valid for no time: processes come and go */
}

static void forget(uint64_t id, uint64_t n)
{
	struct known *k = (struct known *)(uintptr_t)id;

	if (id == FUSE_ROOT_ID)
		return;
	k->lookups -= n < k->lookups ? n : k->lookups;
	if (k->lookups)
		return;
	pnode_put(k->node);
	free(k);
}

static void do_batch_forget(const struct fuse_batch_forget_in *arg, size_t size)
{
	const struct fuse_forget_one *one = (const void *)(arg + 1);

	for (uint32_t i = 0; i < arg->count && (i + 1) * sizeof(*one) <= size - sizeof(*arg); i++)
		forget(one[i].nodeid, one[i].nlookup);
}

static void do_getattr(const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {0};

	fill_attr(node_of(in->nodeid), &out.attr);
	answer(in, 0, &out, sizeof(out));
}

static void do_readlink(const struct fuse_in_header *in)
{
	struct pnode *n = node_of(in->nodeid);
	char text[4096];
	ssize_t len = n->ops->readlink ? n->ops->readlink(n, text, sizeof(text)) : -EINVAL;

	answer(in, len < 0 ? (int)len : 0, text, len < 0 ? 0 : len);
}

/* ---- open files --------------------------------------------------------------------------------- */

static bool add_entry(void *arg, const char *name, unsigned char type, ino_t ino)
{
	struct ptext *t = arg;
	struct fuse_dirent d = {.ino = ino, .namelen = strlen(name), .type = type};
	static const char zeros[8];

	d.off = t->len + FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + d.namelen);
	ptext_write(t, &d, FUSE_NAME_OFFSET);
	ptext_write(t, name, d.namelen);
	ptext_write(t, zeros, d.off - t->len);
	return !t->failed;
}

static int show(struct pnode *n, bool directory, struct ptext *out)
{
	if (!directory)
		return n->ops->show ? n->ops->show(n, out) : -EACCES;
	if (!n->ops->list)
		return -ENOTDIR;
	add_entry(out, ".", DT_DIR, n->ino);
	add_entry(out, "..", DT_DIR, n->parent ? n->parent->ino : n->ino);
	return n->ops->list(n, add_entry, out);
}

static void shown_free(struct shown *s)
{
	if (s)
		free(s->text.data);
	free(s);
}

static void do_open(const struct fuse_in_header *in, const struct fuse_open_in *arg, bool directory)
{
	struct fuse_open_out out = {.open_flags = directory ? 0 : FOPEN_DIRECT_IO};
	struct shown *s = calloc(1, sizeof(*s));
	int r = s ? 0 : -ENOMEM;

	if (r == 0 && (arg->flags & O_ACCMODE) != O_RDONLY)
		r = -EROFS;
	if (r == 0)
		r = show(node_of(in->nodeid), directory, &s->text);
	if (r == 0 && s->text.failed)
		r = -ENOMEM;
	if (r < 0) {
		shown_free(s);
		answer(in, r, NULL, 0);
		return;
	}
	out.fh = (uintptr_t)s;
	answer(in, 0, &out, sizeof(out));
}

static void do_read(const struct fuse_in_header *in, const struct fuse_read_in *arg)
{
	const struct ptext *t = &((struct shown *)(uintptr_t)arg->fh)->text;
	size_t n = arg->offset < t->len ? t->len - arg->offset : 0;

	if (n > arg->size)
		n = arg->size;
	if (n > READ_MAX)
		n = READ_MAX;
	answer(in, 0, n ? t->data + arg->offset : NULL, n);
}

/* Whole entries only. offset is what an entry said is behind it, unless the caller made one up. */
static void do_readdir(const struct fuse_in_header *in, const struct fuse_read_in *arg)
{
	const struct ptext *t = &((struct shown *)(uintptr_t)arg->fh)->text;
	size_t at = 0, end;

	while (at < t->len && at < arg->offset)
		at = ((const struct fuse_dirent *)(t->data + at))->off;
	for (end = at; end < t->len; end = ((const struct fuse_dirent *)(t->data + end))->off)
		if (((const struct fuse_dirent *)(t->data + end))->off - at > arg->size)
			break;
	answer(in, 0, end > at ? t->data + at : NULL, end - at);
}

static void do_statfs(const struct fuse_in_header *in)
{
	struct fuse_statfs_out out = {.st = {.bsize = 4096, .namelen = 255, .frsize = 4096}};

	answer(in, 0, &out, sizeof(out));
}

/* ---- the server --------------------------------------------------------------------------------- */

static void serve(const struct fuse_in_header *in, size_t size)
{
	const void *arg = in + 1;

	switch (in->opcode) {
	case FUSE_INIT:
		do_init(in, arg);
		break;
	case FUSE_LOOKUP:
		do_lookup(in, arg);
		break;
	case FUSE_FORGET: /* these three have no answer */
		forget(in->nodeid, ((const struct fuse_forget_in *)arg)->nlookup);
		break;
	case FUSE_BATCH_FORGET:
		do_batch_forget(arg, size - sizeof(*in));
		break;
	case FUSE_INTERRUPT:
		break;
	case FUSE_GETATTR:
		do_getattr(in);
		break;
	case FUSE_READLINK:
		do_readlink(in);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		do_open(in, arg, in->opcode == FUSE_OPENDIR);
		break;
	case FUSE_READ:
		do_read(in, arg);
		break;
	case FUSE_READDIR:
		do_readdir(in, arg);
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		shown_free((struct shown *)(uintptr_t)((const struct fuse_release_in *)arg)->fh);
		answer(in, 0, NULL, 0);
		break;
	case FUSE_STATFS:
		do_statfs(in);
		break;
	default:
		answer(in, -ENOSYS, NULL, 0);
	}
}

static void *server(void *arg)
{
	static _Alignas(8) char request[FUSE_MIN_READ_BUFFER + 4096];

	host_thread_init(NULL, NULL);
	for (;;) {
		ssize_t n = read(fuse, request, sizeof(request));

		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			serve((const struct fuse_in_header *)request, n);
		else if (n < 0 && errno != EINTR && errno != ENOENT && errno != EAGAIN)
			return NULL; /* ENODEV: it was unmounted */
	}
}

/* Is the mount namespace the container's alone, with nobody whom its mounts travel to? */
static bool mounts_are_ours(const struct oci_config *c)
{
	const char *propagation = c->linux ? c->linux->rootfs_propagation : NULL;
	bool ours = false;

	for (size_t i = 0; c->linux && i < c->linux->n_namespaces; i++)
		if (!strcmp(c->linux->namespaces[i].type, "mount"))
			ours = !c->linux->namespaces[i].path || !*c->linux->namespaces[i].path;
	return ours && !(propagation && strstr(propagation, "shared"));
}

void outside_mount(const struct sandbox_args *args)
{
	const struct oci_config *c = args->config;
	char options[128];

	if (args->fuse_fd[2] < 0)
		return;
	fuse = args->fuse_fd[2];
	if (!mounts_are_ours(c) || !placeholder_has_mount(c, "proc", "/proc"))
		goto none;
	root = procfs_root(c->linux ? (const char *const *)c->linux->masked_paths : NULL,
			   c->linux ? (const char *const *)c->linux->readonly_paths : NULL);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40555,user_id=0,group_id=0,allow_other,default_permissions", fuse);
	if (root && mount(PROC_OUTSIDE_SOURCE, "/proc", "fuse",
			  MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, options) == 0)
		return;
	log_debug("the guest's /proc cannot be shown to the host: %s", strerror(errno));
none:
	close(fuse);
	fuse = -1;
}

int outside_serve(struct error *err)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (fuse < 0)
		return 0;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&thread, &attr, server, NULL);
	pthread_attr_destroy(&attr);
	return r ? error_errno(err, -r, "start a thread") : 0;
}
