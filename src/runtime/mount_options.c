/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/mount_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "libocispec/ocispec.h"

enum kind {
	SET,		 /* value: MOUNT_ATTR_… */
	CLEAR,		 /* the same */
	ATIME,		 /* value: one of the access time modes, which exclude each other */
	PROPAGATION,	 /* value: MS_… */
	BIND,		 /* value: recursive? */
	IDMAP,		 /* the same */
	COPY_UP,
	NOTHING,	 /* the default, or for mount(8) only */
};

/*
 * mount(8)'s words. Those that set an attribute exist with an "r" before them too, and then mean the
 * mounts below as well (mount_setattr(2), AT_RECURSIVE); "rbind" and the propagations are words of
 * their own.
 */
static const struct option {
	const char *name;
	enum kind kind;
	unsigned long value;
} options[] = {
	{"defaults", NOTHING, 0},
	{"bind", BIND, 0},
	{"rbind", BIND, 1},
	{"idmap", IDMAP, 0},
	{"ridmap", IDMAP, 1},
	{"tmpcopyup", COPY_UP, 0},
	{"ro", SET, MOUNT_ATTR_RDONLY},
	{"rw", CLEAR, MOUNT_ATTR_RDONLY},
	{"nosuid", SET, MOUNT_ATTR_NOSUID},
	{"suid", CLEAR, MOUNT_ATTR_NOSUID},
	{"nodev", SET, MOUNT_ATTR_NODEV},
	{"dev", CLEAR, MOUNT_ATTR_NODEV},
	{"noexec", SET, MOUNT_ATTR_NOEXEC},
	{"exec", CLEAR, MOUNT_ATTR_NOEXEC},
	{"nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW},
	{"symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
	{"nodiratime", SET, MOUNT_ATTR_NODIRATIME},
	{"diratime", CLEAR, MOUNT_ATTR_NODIRATIME},
	{"noatime", ATIME, MOUNT_ATTR_NOATIME},
	{"atime", ATIME, MOUNT_ATTR_RELATIME},
	{"relatime", ATIME, MOUNT_ATTR_RELATIME},
	{"norelatime", ATIME, MOUNT_ATTR_STRICTATIME},
	{"strictatime", ATIME, MOUNT_ATTR_STRICTATIME},
	{"nostrictatime", ATIME, MOUNT_ATTR_RELATIME},
	{"shared", PROPAGATION, MS_SHARED},
	{"rshared", PROPAGATION, MS_SHARED | MS_REC},
	{"slave", PROPAGATION, MS_SLAVE},
	{"rslave", PROPAGATION, MS_SLAVE | MS_REC},
	{"private", PROPAGATION, MS_PRIVATE},
	{"rprivate", PROPAGATION, MS_PRIVATE | MS_REC},
	{"unbindable", PROPAGATION, MS_UNBINDABLE},
	{"runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC},
	/* The kernel's defaults, and words that are mount(8)'s own business. */
	{"async", NOTHING, 0},
	{"nomand", NOTHING, 0},
	{"mand", NOTHING, 0},
	{"noiversion", NOTHING, 0},
	{"loud", NOTHING, 0},
	{"silent", NOTHING, 0},
	{"nolazytime", NOTHING, 0},
	{"auto", NOTHING, 0},
	{"noauto", NOTHING, 0},
	{"user", NOTHING, 0},
	{"nouser", NOTHING, 0},
	{"users", NOTHING, 0},
	{"nofail", NOTHING, 0},
	{"_netdev", NOTHING, 0},
};

const char *mount_option_name(size_t i)
{
	return i < sizeof(options) / sizeof(*options) ? options[i].name : NULL;
}

static const struct option *find(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	return NULL;
}

unsigned long mount_propagation(const char *name)
{
	const struct option *o = find(name);

	return o && o->kind == PROPAGATION ? o->value : 0;
}

static void set_attr(uint64_t *set, uint64_t *clear, const struct option *o)
{
	switch (o->kind) {
	case SET:
		*set |= o->value;
		*clear &= ~o->value;
		break;
	case CLEAR:
		*clear |= o->value;
		*set &= ~o->value;
		break;
	default: /* the field of access times is cleared as a whole before it is set */
		*clear |= MOUNT_ATTR__ATIME;
		*set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | o->value;
	}
}

static const struct option *find_recursive(const char *name)
{
	const struct option *o = name[0] == 'r' ? find(name + 1) : NULL;

	return o && (o->kind == SET || o->kind == CLEAR || o->kind == ATIME) ? o : NULL;
}

/* "idmap=uids=…;gids=…", which Podman passes on. */
static bool parse_idmap_text(const char *name, struct mount_options *m)
{
	bool recursive = name[0] == 'r';

	if (strncmp(name + recursive, "idmap=", 6))
		return false;
	m->idmap = true;
	m->idmap_recursive |= recursive;
	m->idmap_text = name + recursive + 6;
	return true;
}

static int parse_one(const char *name, struct mount_options *m, struct error *err)
{
	const struct option *o = find(name);

	if (!o && parse_idmap_text(name, m))
		return 0;
	if (!o) {
		o = find_recursive(name);
		if (o)
			set_attr(&m->set_recursive, &m->clear_recursive, o);
		else
			m->data[m->n_data++] = name;
		return 0;
	}
	switch (o->kind) {
	case SET:
	case CLEAR:
	case ATIME:
		set_attr(&m->set, &m->clear, o);
		break;
	case PROPAGATION:
		if (m->n_propagation == MOUNT_PROPAGATIONS_MAX)
			return error_set(err, -EINVAL, "too many propagation options");
		m->propagation[m->n_propagation++] = o->value;
		break;
	case BIND:
		m->bind = true;
		m->bind_recursive |= o->value;
		break;
	case IDMAP:
		m->idmap = true;
		m->idmap_recursive |= o->value;
		break;
	case COPY_UP:
		m->copy_up = true;
		break;
	case NOTHING:
		break;
	}
	return 0;
}

int mount_options_parse(const struct oci_mount *m, struct mount_options *o, struct error *err)
{
	int r = 0;

	memset(o, 0, sizeof(*o));
	o->data = calloc(m->n_options + 1, sizeof(*o->data));
	if (!o->data)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < m->n_options && !r; i++)
		r = parse_one(m->options[i], o, err);
	/* "type": "bind" without the option means the same (config.md). */
	if (m->type && !strcmp(m->type, "bind"))
		o->bind = true;
	return r;
}

void mount_options_free(struct mount_options *o)
{
	free(o->data);
	o->data = NULL;
}
