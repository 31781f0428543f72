/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resource limits (getrlimit(2)): kept by thread group, told to the rooms that enforce them. */
#ifndef HUSK_KERNEL_RLIMIT_H
#define HUSK_KERNEL_RLIMIT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>

struct file;
struct mm;
struct thread_group;

uint64_t group_rlimit(struct thread_group *g, unsigned which);
/* getrlimit(2) and setrlimit(2) on any group; new or old may be NULL. -EINVAL, -EPERM. */
int group_set_rlimit(struct thread_group *g, unsigned which, const struct rlimit *new,
		     struct rlimit *old);
/* A new group starts with the limits of old. */
void rlimit_inherit(struct thread_group *g, struct thread_group *old);
/* g will run for certain: starts what watches its limits. */
void rlimit_start(struct thread_group *g);
/* Tells mm of g's limits that it enforces. */
void rlimit_push(struct thread_group *g, struct mm *mm);

/*
 * RLIMIT_FSIZE. A write of current to f at *pos (NULL: where the description stands): cuts iov to
 * what may be written. A file that is to get so long: nothing to cut. -EFBIG: SIGXFSZ is sent.
 */
int rlimit_cut_write(struct file *f, struct iovec *iov, int *n, const off_t *pos);
int rlimit_check_size(off_t size);

/* RLIMIT_CPU: g has used up its soft limit, or one more second since: SIGXCPU, or the end. */
void rlimit_cpu_reached(struct thread_group *g);

#endif
