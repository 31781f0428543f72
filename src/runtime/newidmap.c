/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/newidmap.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

#define NOT_FOUND 127	 /* the exit status of a child that found no program, as a shell's */
#define OUTPUT_MAX 512 /* bytes of what the program has to say */

/* PROGRAM PID (INSIDE OUTSIDE COUNT)…, for execvp(3). */
static char **arguments(const char *program, pid_t pid, const struct oci_id_mapping *maps, size_t n)
{
	char **argv = calloc(3 * n + 3, sizeof(*argv));
	size_t k = 0;

	if (!argv)
		return NULL;
	argv[k++] = strdup(program);
	argv[k++] = string_format("%d", pid);
	for (size_t i = 0; i < n; i++) {
		argv[k++] = string_format("%u", maps[i].container_id);
		argv[k++] = string_format("%u", maps[i].host_id);
		argv[k++] = string_format("%u", maps[i].size);
	}
	return argv;
}

static void free_arguments(char **argv, size_t n)
{
	for (size_t i = 0; argv && i < 3 * n + 2; i++)
		free(argv[i]);
	free(argv);
}

/* In the child. */
static _Noreturn void become(char **argv, int out)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(1);
	close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? NOT_FOUND : 1);
}

static int explain(const char *program, int status, int out, struct error *err)
{
	char text[OUTPUT_MAX + 1];
	ssize_t n = pread(out, text, OUTPUT_MAX, 0);

	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
		return error_set(err, -ENOENT,
				 "linux.uidMappings and gidMappings need %s for an ordinary user, which is "
				 "not installed (Debian's package uidmap)", program);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	return error_set(err, -EPERM, "%s refuses the mappings: %s", program,
			 *text ? text : "it does not say why");
}

int newidmap_run(const char *program, pid_t pid, const struct oci_id_mapping *maps, size_t n,
		 struct error *err)
{
	cleanup_close int out = memfd_create("newidmap-output", MFD_CLOEXEC);
	char **argv = arguments(program, pid, maps, n);
	int status = -ENOMEM;

	if (out < 0)
		status = -errno;
	else if (argv) {
		pid_t child = fork();

		if (child == 0)
			become(argv, out);
		status = child < 0 ? -errno : wait_child(child);
	}
	free_arguments(argv, n);
	if (status < 0)
		return error_errno(err, status, "cannot run %s", program);
	return status ? explain(program, status, out, err) : 0;
}
