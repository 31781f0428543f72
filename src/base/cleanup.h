/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scope-bound cleanup: `cleanup_free char *s = ...` frees s on every way out of its block.
 *
 * To hand a resource to somebody else, take it out of the variable first: steal_ptr(&s),
 * steal_fd(&fd) return the value and leave NULL / -1 behind, so that the cleanup does nothing.
 */
#ifndef HUSK_BASE_CLEANUP_H
#define HUSK_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define cleanup_free __attribute__((cleanup(cleanup_freep)))
#define cleanup_close __attribute__((cleanup(cleanup_closep)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclosep)))
#define cleanup_closedir __attribute__((cleanup(cleanup_closedirp)))

static inline int steal_fd(int *fd)
{
	int v = *fd;

	*fd = -1;
	return v;
}

#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__typeof__(*(p)) v_ = *(p);                                                        \
		*(p) = NULL;                                                                       \
		v_;                                                                                \
	})

#endif
