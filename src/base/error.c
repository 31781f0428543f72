/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes over msg; when memory is short the error keeps its code and loses its words. */
static int error_store(struct error *e, int code, char *msg)
{
	if (!e) {
		free(msg);
		return code;
	}
	free(e->msg);
	e->msg = msg;
	e->code = code;
	return code;
}

int error_set(struct error *e, int code, const char *fmt, ...)
{
	char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&msg, fmt, ap) < 0)
		msg = NULL;
	va_end(ap);
	return error_store(e, code, msg);
}

int error_errno(struct error *e, int code, const char *fmt, ...)
{
	char *what = NULL, *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (what && asprintf(&msg, "%s: %s", what, strerror(-code)) < 0)
		msg = NULL;
	free(what);
	return error_store(e, code, msg);
}

int error_wrap(struct error *e, const char *fmt, ...)
{
	char *what = NULL, *msg = NULL;
	va_list ap;

	if (!e)
		return -EINVAL;
	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (what && asprintf(&msg, "%s: %s", what, e->msg ? e->msg : strerror(-e->code)) >= 0)
		error_store(e, e->code, msg);
	free(what);
	return e->code;
}

void error_free(struct error *e)
{
	free(e->msg);
	e->msg = NULL;
	e->code = 0;
}
