/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors that a person will read. Functions of the host side (cli, runtime, sandbox set-up,
 * libocispec) that can fail for a reason worth a sentence take a `struct error *` last, return a
 * negative errno, and fill it once, at the place that knows most. The application kernel does not
 * use this: there an error is a negative errno for the guest.
 */
#ifndef HUSK_BASE_ERROR_H
#define HUSK_BASE_ERROR_H

#include <stdarg.h>

struct error {
	int code;  /* negative errno, or 0 while nothing went wrong */
	char *msg; /* malloc()ed, no newline at its end; NULL while nothing went wrong */
};

#define ERROR_INIT {0, NULL}

/*
 * Fills e with a formatted message and returns code, so that a caller can write
 * `return error_set(e, -EINVAL, "mounts[%d]: …", i)`. A message set before is replaced.
 * e may be NULL: then only code is returned.
 */
int error_set(struct error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(-code) behind the message. */
int error_errno(struct error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before a message that is already there; returns e->code. */
int error_wrap(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Frees the message; e may be used again. */
void error_free(struct error *e);

static inline void error_freep(struct error *e)
{
	error_free(e);
}
#define cleanup_error __attribute__((cleanup(error_freep)))

#endif
