/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/trace_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/syscalls/syscalls.h"

/* Adds all of it, or nothing, and then no more arguments either. */
__attribute__((format(printf, 2, 3))) static void add(struct trace_text *t, const char *fmt, ...)
{
	size_t room = t->max - t->len;
	va_list ap;
	int n;

	if (t->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->text + t->len, room, fmt, ap);
	va_end(ap);
	t->full = (size_t)n >= room;
	if (!t->full)
		t->len += n;
}

/* ---- strings ------------------------------------------------------------------------------------- */

/* Writes c as C would, in at most four characters; answers how many. */
static size_t escape(char out[5], unsigned char c)
{
	if (c == '\n')
		return snprintf(out, 5, "\\n");
	if (c == '"' || c == '\\')
		return snprintf(out, 5, "\\%c", c);
	return snprintf(out, 5, c < ' ' || c > '~' ? "\\%03o" : "%c", c);
}

static void add_quoted(struct trace_text *t, const char *s, size_t n, bool more)
{
	char quoted[4 * TRACE_STRING_MAX + 1];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += escape(quoted + len, s[i]);
	add(t, "\"%.*s\"%s", (int)len, quoted, more ? "..." : "");
}

static void add_address(struct trace_text *t, uint64_t addr)
{
	if (addr)
		add(t, "%#lx", addr);
	else
		add(t, "NULL");
}

static void add_string(struct trace_text *t, uint64_t addr)
{
	char s[TRACE_STRING_MAX + 1];
	ssize_t n = copy_in_str(s, addr, sizeof(s));

	if (n == -ENAMETOOLONG)
		add_quoted(t, s, TRACE_STRING_MAX, true);
	else if (n < 0)
		add_address(t, addr);
	else
		add_quoted(t, s, n, false);
}

static void add_data(struct trace_text *t, uint64_t addr, uint64_t size)
{
	size_t n = size < TRACE_STRING_MAX ? size : TRACE_STRING_MAX;
	char s[TRACE_STRING_MAX];

	if (!addr || copy_in(s, addr, n) < 0)
		add_address(t, addr);
	else
		add_quoted(t, s, n, n < size);
}

static void add_vector(struct trace_text *t, uint64_t addr)
{
	uint64_t s;

	if (copy_in_obj(&s, addr) < 0) {
		add_address(t, addr);
		return;
	}
	add(t, "[");
	for (unsigned i = 0; s; i++) {
		add(t, "%s", i ? ", " : "");
		if (i == TRACE_VECTOR_MAX) {
			add(t, "...");
			break;
		}
		add_string(t, s);
		addr += sizeof(s);
		if (copy_in_obj(&s, addr) < 0) {
			add(t, ", %#lx", addr);
			break;
		}
	}
	add(t, "]");
}

/* ---- arguments ----------------------------------------------------------------------------------- */

/* What husk has no letters for: six registers. */
static const char *letters(long nr)
{
	const char *known = syscall_arguments(nr);

	return known ? known : "pppppp";
}

static bool is_argument(char letter)
{
	return letter && letter != '=';
}

const char *trace_signal_name(int sig, char buf[TRACE_SIGNAL_MAX])
{
	const char *name = sigabbrev_np(sig);

	if (name)
		snprintf(buf, TRACE_SIGNAL_MAX, "SIG%s", name);
	else
		snprintf(buf, TRACE_SIGNAL_MAX, "SIG%d", sig);
	return buf;
}

static void add_number(struct trace_text *t, char letter, uint64_t value)
{
	char signal[TRACE_SIGNAL_MAX];

	if (letter == 'p')
		add_address(t, value);
	else if (letter == 'f' && (int)value == AT_FDCWD)
		add(t, "AT_FDCWD");
	else if (letter == 'g')
		add(t, "%s", (int)value ? trace_signal_name(value, signal) : "0");
	else if (letter == 'x')
		add(t, "%#x", (unsigned)value);
	else if (letter == 'm')
		add(t, "%#o", (unsigned)value);
	else if (letter == 'z')
		add(t, "%lu", value);
	else if (letter == 'l')
		add(t, "%ld", value);
	else
		add(t, "%d", (int)value);
}

/* result: how much the call put into an 'o'; less than nothing where it failed. */
static void add_argument(struct trace_text *t, char letter, long result)
{
	unsigned i = t->shown++;
	uint64_t value = t->args[i];

	add(t, "%s", i ? ", " : "");
	if (letter == 's')
		add_string(t, value);
	else if (letter == 'v')
		add_vector(t, value);
	else if (letter == 'i')
		add_data(t, value, t->args[i + 1]);
	else if (letter == 'o' && result >= 0 && (uint64_t)result <= t->args[i + 1])
		add_data(t, value, result);
	else
		add_number(t, letter == 'o' ? 'p' : letter, value);
}

void trace_text_begin(struct trace_text *t, long nr, const uint64_t args[6])
{
	const char *name = syscall_name(nr), *how = letters(nr);

	*t = (struct trace_text){.nr = nr, .max = TRACE_ARGS_MAX};
	memcpy(t->args, args, sizeof(t->args));
	if (name)
		add(t, "%s(", name);
	else
		add(t, "syscall_%ld(", nr);
	while (is_argument(how[t->shown]) && how[t->shown] != 'o')
		add_argument(t, how[t->shown], -1);
}

/* ---- the result ---------------------------------------------------------------------------------- */

/* Those that never reach the guest: the call is made again, or ends with EINTR. */
static const char *restart_name(long result)
{
	switch (-result) {
	case ERESTARTSYS:
		return "ERESTARTSYS";
	case ERESTARTNOINTR:
		return "ERESTARTNOINTR";
	case ERESTARTNOHAND:
		return "ERESTARTNOHAND";
	case ERESTART_RESTARTBLOCK:
		return "ERESTART_RESTARTBLOCK";
	}
	return NULL;
}

static void add_result(struct trace_text *t, long result, bool returns)
{
	const char *restart = restart_name(result), *how = strchr(letters(t->nr), '=');
	const char *error = result < 0 && result >= -4095 ? strerrorname_np(-result) : NULL;

	if (!returns)
		add(t, "?");
	else if (restart)
		add(t, "? %s", restart);
	else if (error)
		add(t, "-1 %s", error);
	else
		add_number(t, how ? how[1] : 'l', result);
}

void trace_text_end(struct trace_text *t, long result, bool returns, uint64_t ns)
{
	const char *how = letters(t->nr);
	bool cut;

	while (is_argument(how[t->shown]))
		add_argument(t, how[t->shown], result);
	cut = t->full;
	t->full = false;
	t->max = sizeof(t->text);
	add(t, "%s) = ", cut ? "..." : "");
	add_result(t, result, returns);
	add(t, " <%lu.%06lu>", ns / 1000000000, ns / 1000 % 1000000);
}
