/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A traced system call as text. Guest memory is believed nothing: each string is copied in once and
 * no more than TRACE_STRING_MAX bytes of it, bytes that are not printable ASCII are escaped as C
 * does it, with quotes and backslashes, and what cannot be read is shown as its address.
 */
#ifndef HUSK_KERNEL_TRACE_TEXT_H
#define HUSK_KERNEL_TRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_STRING_MAX 64 /* bytes of a string; "..." behind it: there are more */
#define TRACE_VECTOR_MAX 8  /* strings of a vector */
#define TRACE_ARGS_MAX 1024 /* characters up to the closing parenthesis */

struct trace_text {
	long nr;
	uint64_t args[6];
	unsigned shown; /* arguments that are in the text */
	bool full;	/* arguments are left out, from the first that did not fit */
	size_t len, max; /* characters: there are, and there may be with a NUL */
	char text[TRACE_ARGS_MAX + 128];
};

/* Before the call: its name, and its arguments up to the first that it fills in itself. */
void trace_text_begin(struct trace_text *t, long nr, const uint64_t args[6]);
/* Behind it: the other arguments, the result or "?" if the task does not return, the time in ns. */
void trace_text_end(struct trace_text *t, long result, bool returns, uint64_t ns);

/* "SIGINT"; what has no name as "SIG35". Returns buf. */
#define TRACE_SIGNAL_MAX 16
const char *trace_signal_name(int sig, char buf[TRACE_SIGNAL_MAX]);

#endif
