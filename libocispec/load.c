/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the documents from files. */
#include "libocispec/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads at most OCI_MAX_TEXT bytes, so that a path to /dev/zero costs no more than a large file. */
static int read_all(int fd, char **text, size_t *len)
{
	size_t size = 0, room = 0;
	char *buf = NULL;

	for (;;) {
		ssize_t n;

		if (size == room) {
			char *bigger;

			room = room ? 2 * room : 8192;
			bigger = realloc(buf, room);
			if (!bigger) {
				free(buf);
				return -ENOMEM;
			}
			buf = bigger;
		}
		n = read(fd, buf + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			free(buf);
			return (int)n;
		}
		size += (size_t)n;
		if (n == 0 || size > OCI_MAX_TEXT)
			break;
	}
	*text = buf;
	*len = size;
	return 0;
}

static int read_file(const char *path, char **text, size_t *len, char **err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_all(fd, text, len);

	if (fd >= 0)
		close(fd);
	if (r)
		return oci_error(err, r, "%s: %s", path, strerror(-r));
	return 0;
}

/* Puts the path before a sentence of the parser. */
static int with_path(const char *path, int code, char **err)
{
	char *why = err ? *err : NULL;

	if (!why)
		return code;
	*err = NULL;
	oci_error(err, code, "%s: %s", path, why);
	free(why);
	return code;
}

#define DEFINE_LOAD(X)                                                                             \
	int oci_##X##_load(const char *path, struct oci_##X **out, char **err)                     \
	{                                                                                          \
		char *text = NULL;                                                                 \
		size_t len = 0;                                                                    \
		int r;                                                                             \
                                                                                                   \
		*out = NULL;                                                                       \
		if (err)                                                                           \
			*err = NULL;                                                               \
		r = read_file(path, &text, &len, err);                                             \
		if (r)                                                                             \
			return r;                                                                  \
		r = oci_##X##_parse(text, len, out, err);                                          \
		free(text);                                                                        \
		return r ? with_path(path, r, err) : 0;                                            \
	}
DEFINE_LOAD(config)
DEFINE_LOAD(process)
DEFINE_LOAD(resources)
DEFINE_LOAD(state)
DEFINE_LOAD(features)
