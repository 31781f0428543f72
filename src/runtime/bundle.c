/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"
#include "runtime/refusals.h"
#include "runtime/warnings.h"

static int load_config(struct bundle *b, const char *name, struct error *err)
{
	cleanup_free char *path = name[0] == '/' ? strdup(name)
						 : string_format("%s/%s", b->path, name);
	cleanup_free char *why = NULL;
	ssize_t len = path ? file_read(AT_FDCWD, path, OCI_MAX_TEXT, &b->text) : -ENOMEM;

	if (len == -EFBIG)
		return error_set(err, len, "%s: larger than %u MiB", path, OCI_MAX_TEXT >> 20);
	if (len < 0)
		return error_errno(err, len, "cannot read %s", path);
	int r = oci_config_parse(b->text, len, &b->config, &why);

	return r < 0 ? error_set(err, r, "%s: %s", path, why ? why : strerror(-r)) : 0;
}

static int find_rootfs(struct bundle *b, struct error *err)
{
	const char *path = b->config->root->path;
	cleanup_free char *whole = NULL;
	struct stat st;

	whole = path[0] == '/' ? strdup(path) : string_format("%s/%s", b->path, path);
	if (!whole)
		return error_set(err, -ENOMEM, "out of memory");
	b->rootfs = realpath(whole, NULL);
	if (!b->rootfs || stat(b->rootfs, &st) < 0)
		return error_errno(err, -errno, "root.path: \"%s\"", whole);
	if (!S_ISDIR(st.st_mode))
		return error_errno(err, -ENOTDIR, "root.path: \"%s\"", whole);
	if (!strcmp(b->rootfs, "/"))
		return error_set(err, -EINVAL, "root.path: the host's root cannot be a container's");
	return 0;
}

/*T:110 What is to be run
 * A bundle is a directory with config.json and a root file system. libocispec turns the text into
 * structs by tables, and names the path of whatever is wrong in it (`process.args: …`). What husk
 * cannot do is refused by its name, here, before anything was made: nothing is skipped in silence.
 */
int bundle_load(const char *path, const char *config, struct bundle *b, struct error *err)
{
	int r;

	memset(b, 0, sizeof(*b));
	b->path = realpath(path ? path : ".", NULL);
	if (!b->path)
		return error_errno(err, -errno, "bundle \"%s\"", path ? path : ".");
	r = load_config(b, config ? config : "config.json", err);
	if (!r)
		r = refuse_unsupported(b->config, err);
	if (!r)
		r = find_rootfs(b, err);
	if (r < 0)
		return r;
	warn_of_capabilities(b->config->process);
	warn_of_mount_label(b->config);
	return 0;
}

void bundle_free(struct bundle *b)
{
	free(b->path);
	free(b->rootfs);
	free(b->text);
	oci_config_free(b->config);
}
