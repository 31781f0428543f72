/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: one line an event, in runc's two shapes, so that engines which parse runc's log parse
 * husk's. Text: `time="2026-11-21T10:00:00Z" level=error msg="…"`; JSON: the same three keys.
 * Errors always go to stderr too when the log is a file (runc does; docker shows that line).
 * Thread-safe and async-signal-unsafe. Lines longer than 4 KiB are cut.
 */
#ifndef HUSK_BASE_LOG_H
#define HUSK_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/*
 * Sends the log to fd from now on (it is kept, not duplicated; -1: stderr). level is the most
 * talkative one that is written; the start value is LOG_LEVEL_WARNING.
 */
void log_open(int fd, enum log_format format, enum log_level level);
/* Keeps format and level, but writes to fd from now on. */
void log_move(int fd);
/* Lines up to this level are written from now on, besides those that are already. */
void log_raise(enum log_level level);
bool log_enabled(enum log_level level);
int log_fd(void);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__);                                   \
	} while (0)

#endif
