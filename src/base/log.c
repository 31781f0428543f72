/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define TEXT_MAX_BYTES 1536 /* each byte may become \u00XX in JSON, and the keys need room too */

static struct {
	int fd;
	enum log_format format;
	enum log_level level;
} sink = {-1, LOG_FORMAT_TEXT, LOG_LEVEL_WARNING};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_open(int fd, enum log_format format, enum log_level level)
{
	sink.fd = fd;
	sink.format = format;
	sink.level = level;
}

void log_move(int fd)
{
	sink.fd = fd;
}

void log_raise(enum log_level level)
{
	if (level > sink.level)
		sink.level = level;
}

bool log_enabled(enum log_level level)
{
	return level <= sink.level;
}

int log_fd(void)
{
	return sink.fd;
}

/* Escapes as JSON does; Go's %q, which runc's text log uses, agrees on what matters. */
static size_t quote(char *out, size_t size, const char *s)
{
	size_t n = 0;

	for (; *s && n + 8 < size; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = c;
		} else if (c == '\n') {
			out[n++] = '\\';
			out[n++] = 'n';
		} else if (c == '\t') {
			out[n++] = '\\';
			out[n++] = 't';
		} else if (c < 0x20 || c == 0x7f) {
			n += snprintf(out + n, size - n, "\\u%04x", c);
		} else {
			out[n++] = c;
		}
	}
	out[n] = '\0';
	return n;
}

static void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return; /* a log that cannot be written is no reason to fail */
		p += k;
		n -= k;
	}
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char text[TEXT_MAX_BYTES], quoted[LINE_MAX_BYTES - 128], line[LINE_MAX_BYTES];
	char when[32];
	struct tm tm;
	time_t now = time(NULL);
	int saved = errno, n;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	quote(quoted, sizeof(quoted), text);
	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (sink.format == LOG_FORMAT_JSON)
		n = snprintf(line, sizeof(line), "{\"level\":\"%s\",\"msg\":\"%s\",\"time\":\"%s\"}\n",
			     level_names[level], quoted, when);
	else
		n = snprintf(line, sizeof(line), "time=\"%s\" level=%s msg=\"%s\"\n", when,
			     level_names[level], quoted);
	write_all(sink.fd >= 0 ? sink.fd : STDERR_FILENO, line, n);
	if (level == LOG_LEVEL_ERROR && sink.fd >= 0 && sink.fd != STDERR_FILENO) {
		write_all(STDERR_FILENO, text, strlen(text));
		write_all(STDERR_FILENO, "\n", 1);
	}
	errno = saved;
}
