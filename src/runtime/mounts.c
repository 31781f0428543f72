/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every mount is made detached, gets its attributes, and only then appears in the tree (fsopen(2),
 * open_tree(2), mount_setattr(2), move_mount(2)): there is no moment in which a read-only mount can
 * be written to, and the target is a descriptor that was resolved inside the root, so no symbolic
 * link of the image can send a mount elsewhere.
 */
#include "runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/lsm.h"
#include "runtime/mount_options.h"
#include "runtime/rootfs.h"

/* What the kernel wrote into the file system context about an error, if it did ("e tmpfs: …"). */
static int context_error(int fs, int code, struct error *err, const char *what)
{
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);

	if (n > 2) {
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		return error_set(err, code, "%s: %s (%s)", what, strerror(-code), text + 2);
	}
	return error_errno(err, code, "%s", what);
}

static int set_data(int fs, const char *option, struct error *err)
{
	cleanup_free char *key = strdup(option);
	char *value;
	int r;

	if (!key)
		return error_set(err, -ENOMEM, "out of memory");
	value = strchr(key, '=');
	if (value) {
		*value++ = '\0';
		r = fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0);
	} else {
		r = fsconfig(fs, FSCONFIG_SET_FLAG, key, NULL, 0);
	}
	if (r < 0) {
		cleanup_free char *what = string_format("option \"%s\"", option);

		return context_error(fs, -errno, err, what ? what : "option");
	}
	return 0;
}

int mount_new(const char *type, const char *source, const struct mount_options *o,
	      struct error *err)
{
	cleanup_close int fs = fsopen(type, FSOPEN_CLOEXEC);
	uint64_t attr = o->set | o->set_recursive;
	int mnt;

	if (fs < 0)
		return error_errno(err, -errno, "file system type \"%s\"", type);
	if (source && *source && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return context_error(fs, -errno, err, source);
	for (size_t i = 0; i < o->n_data; i++) {
		int r = set_data(fs, o->data[i], err);

		if (r < 0)
			return r;
	}
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_error(fs, -errno, err, "cannot make the file system");
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, attr);
	return mnt < 0 ? context_error(fs, -errno, err, "cannot make the mount") : mnt;
}

int mount_attach(int mnt, int target, const struct mount_options *o, struct error *err)
{
	if (move_mount(mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_errno(err, -errno, "cannot attach the mount");
	for (unsigned i = 0; i < o->n_propagation; i++) {
		unsigned recursive = o->propagation[i] & MS_REC ? AT_RECURSIVE : 0;
		struct mount_attr attr = {.propagation = o->propagation[i] & ~MS_REC};

		if (mount_setattr(mnt, "", AT_EMPTY_PATH | recursive, &attr, sizeof(attr)) < 0)
			return error_errno(err, -errno, "cannot set the propagation");
	}
	return 0;
}

/* ---- bind mounts --------------------------------------------------------------------------- */

static int set_attributes(int mnt, uint64_t set, uint64_t clear, unsigned flags)
{
	struct mount_attr attr = {.attr_set = set, .attr_clr = clear};

	if (!set && !clear)
		return 0;
	return mount_setattr(mnt, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static char *bind_source(const struct oci_mount *m, const char *bundle)
{
	if (m->source[0] == '/')
		return strdup(m->source);
	return string_format("%s/%s", bundle, m->source);
}

int mount_clone_source(const struct oci_mount *m, const char *bundle, const struct mount_options *o,
		       struct error *err)
{
	cleanup_free char *source = m->source ? bind_source(m, bundle) : NULL;
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

	if (!source)
		return error_set(err, -EINVAL, "a bind mount needs a source");
	cleanup_close int mnt = open_tree(AT_FDCWD, source,
					  flags | (o->bind_recursive ? AT_RECURSIVE : 0));

	/* In a user namespace the mounts below are locked together: only all of them can be had. */
	if (mnt < 0 && errno == EINVAL && !o->bind_recursive)
		mnt = open_tree(AT_FDCWD, source, flags | AT_RECURSIVE);
	return mnt < 0 ? error_errno(err, -errno, "source \"%s\"", source) : steal_fd(&mnt);
}

/* idmapped: a descriptor that idmap_open() has made already, or -1. */
static int mount_bind(const struct mount_context *x, const struct oci_mount *m, int idmapped,
		      const struct mount_options *o, struct error *err)
{
	cleanup_close int own = idmapped < 0 ? mount_clone_source(m, x->bundle, o, err) : -1;
	const int mnt = idmapped < 0 ? own : idmapped;
	struct stat st;
	int r;

	if (mnt < 0)
		return mnt;
	if (fstat(mnt, &st) < 0)
		return error_errno(err, -errno, "source \"%s\"", m->source);
	/* mount(8) and the other runtimes pass such words over. */
	for (size_t i = 0; i < o->n_data; i++)
		log_warning("mounts: bind on %s: option \"%s\" means nothing to a bind mount",
			    m->destination, o->data[i]);
	r = set_attributes(mnt, o->set, o->clear, 0);
	if (!r)
		r = set_attributes(mnt, o->set_recursive, o->clear_recursive, AT_RECURSIVE);
	if (r < 0)
		return error_errno(err, r, "cannot set the attributes of the mount");
	cleanup_close int target = rootfs_make(x->root, m->destination,
					       S_ISDIR(st.st_mode) ? ROOTFS_DIRECTORY : ROOTFS_FILE);

	if (target < 0)
		return error_errno(err, target, "cannot make the mount point");
	return mount_attach(mnt, target, o, err);
}

/* ---- file systems -------------------------------------------------------------------------- */

/* Without a network namespace of its own a user namespace may not mount sysfs: bind the host's. */
static int bind_host_sysfs(const struct mount_context *x, const struct oci_mount *m,
			   const struct mount_options *o, struct error *err)
{
	struct oci_mount host = *m;
	struct mount_options rbind = *o;

	host.source = "/sys";
	rbind.bind = rbind.bind_recursive = true;
	rbind.n_data = 0;
	return mount_bind(x, &host, -1, &rbind, err);
}

/*
 * A tmpfs over a directory of the image has that directory's mode, as with runc, unless its options give
 * one; over a directory that is made for it, what the kernel gives a tmpfs.
 */
static bool takes_mode(const struct mount_context *x, const struct oci_mount *m,
		       const struct mount_options *o)
{
	if (strcmp(m->type, "tmpfs"))
		return false;
	for (size_t i = 0; i < o->n_data; i++)
		if (!strncmp(o->data[i], "mode=", 5))
			return false;
	cleanup_close int fd = rootfs_open(x->root, m->destination, O_PATH | O_DIRECTORY);

	return fd >= 0;
}

static int take_mode(int from, int to)
{
	struct stat st;

	if (fstat(from, &st) < 0 || fchmodat(to, ".", st.st_mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

static int mount_filesystem(const struct mount_context *x, const struct oci_mount *m,
			    const struct mount_options *o, struct error *err)
{
	bool sysfs = !strcmp(m->type, "sysfs"), mode = takes_mode(x, m, o);
	int r;

	cleanup_close int target = rootfs_make(x->root, m->destination, ROOTFS_DIRECTORY);

	if (target < 0)
		return error_errno(err, target, "cannot make the mount point");
	struct mount_options first = *o;

	/* What is written here must be before the mount is read-only. */
	if (o->copy_up || mode)
		first.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	cleanup_close int mnt = mount_new(m->type, m->source, &first, err);

	if (mnt == -EPERM && sysfs && x->user_namespace)
		return bind_host_sysfs(x, m, o, err);
	if (mnt < 0)
		return mnt;
	if (o->copy_up) {
		r = copy_up(target, mnt, err);
		if (r < 0)
			return r;
	}
	if (mode) {
		r = take_mode(target, mnt);
		if (r < 0)
			return error_errno(err, r, "cannot set the mode of the mount");
	}
	if (o->copy_up || mode) {
		r = set_attributes(mnt, o->set & MOUNT_ATTR_RDONLY, 0, 0);
		if (r < 0)
			return error_errno(err, r, "cannot make the mount read-only");
	}
	return mount_attach(mnt, target, o, err);
}

/*
 * linux.mountLabel, as an option of the file systems that SELinux lets one label at mount time. crun's
 * users choose another kind of context by an annotation. *out NULL: no label; -ENOMEM.
 */
static int label_option(const struct oci_config *c, const char *type, char **out)
{
	static const char *const without[] = {"proc", "sysfs", "mqueue", "cgroup", "cgroup2"};
	const char *kind = oci_map_get(&c->annotations, "run.oci.mount_context_type");
	const char *label = c->linux->mount_label;

	*out = NULL;
	if (!label || !*label || !lsm_selinux_enabled())
		return 0;
	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		if (!strcmp(type, without[i]))
			return 0;
	*out = string_format("%s=%s", kind ? kind : "context", label);
	return *out ? 0 : -ENOMEM;
}

static int mount_labelled(const struct mount_context *x, const struct oci_mount *m,
			  struct mount_options *o, struct error *err)
{
	cleanup_free char *label = NULL;

	if (label_option(x->config, m->type, &label) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (label)
		o->data[o->n_data++] = label;
	return mount_filesystem(x, m, o, err);
}

static int mount_one(const struct mount_context *x, size_t i, struct error *err)
{
	const struct oci_mount *m = &x->config->mounts[i];
	struct mount_options o;
	int r = mount_options_parse(m, &o, err);

	if (r < 0)
		;
	else if (o.bind)
		r = mount_bind(x, m, x->idmapped ? x->idmapped[i] : -1, &o, err);
	else if (!m->type || !*m->type)
		r = error_set(err, -EINVAL, "a mount needs a type, or the option bind");
	else if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
		r = mount_cgroup(x, m, &o, err);
	else if (o.copy_up && strcmp(m->type, "tmpfs"))
		r = error_set(err, -EINVAL, "tmpcopyup is for tmpfs only");
	else
		r = mount_labelled(x, m, &o, err);
	mount_options_free(&o);
	return r;
}

int mounts_apply_one(const struct mount_context *x, size_t i, struct error *err)
{
	const struct oci_mount *m = &x->config->mounts[i];
	int r = mount_one(x, i, err);

	return r < 0 ? error_wrap(err, "mounts[%zu]: %s on %s", i, m->type ? m->type : "bind",
				  m->destination), r
		     : 0;
}

int mounts_apply(const struct mount_context *x, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < x->config->n_mounts && !r; i++)
		r = mounts_apply_one(x, i, err);
	return r;
}
