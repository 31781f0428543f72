/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small files read and written whole, and other handiwork with descriptors and processes. */
#ifndef HUSK_RUNTIME_FILES_H
#define HUSK_RUNTIME_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads a file of at most max bytes into a malloc()ed, NUL-terminated buffer. dirfd and name as for
 * openat(2). Returns its length or a negative errno (-EFBIG: longer than max).
 */
ssize_t file_read(int dirfd, const char *name, size_t max, char **out);
/* The same for an open descriptor, from its present offset. */
ssize_t file_read_fd(int fd, size_t max, char **out);

/* Writes text in one write(2), as cgroup and procfs files want it, to a file that exists. */
int file_write(int dirfd, const char *name, const char *text);

/* Creates or replaces a file in one step (a temporary beside it and rename(2)). */
int file_replace(int dirfd, const char *name, const char *text, size_t len, mode_t mode);

/* write(2) until all is written. 0 or a negative errno. */
int write_all(int fd, const void *buf, size_t n);

/* mkdir(2) for every missing component. 0 or a negative errno. */
int mkdir_parents(const char *path, mode_t mode);

/* A malloc()ed string made like printf; NULL when memory is short. */
char *string_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Closes every descriptor from `first` on that is not among keep[0 … n-1] (unsorted, -1 allowed). */
void close_all_but(int first, const int *keep, unsigned n);

/*
 * The start time of a process (field 22 of /proc/PID/stat) and its state letter. 0; -ESRCH: there is no
 * such process; another errno: that cannot be found out.
 */
int process_stat(pid_t pid, unsigned long long *start, char *state);

/*
 * A pidfd of the process that had this pid and start time; -ESRCH when it is gone or a zombie. Any other
 * error leaves open whether it lives.
 */
int process_open(pid_t pid, unsigned long long start);

/* Waits until the process behind pidfd has ended. 0, or -ETIMEDOUT after timeout_ms (-1: never). */
int process_wait_end(int pidfd, int timeout_ms);

/* Are we in a user namespace? Only in the first one every id stands for itself. */
bool in_user_namespace(void);

/* waitpid(2) that is not interrupted. Returns the wait status, or a negative errno. */
int wait_child(pid_t pid);

#endif
