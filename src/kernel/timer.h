/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timers of a thread group: timer_create(2), setitimer(2), alarm(2). */
#ifndef HUSK_KERNEL_TIMER_H
#define HUSK_KERNEL_TIMER_H

struct thread_group;

/* The group's last task ends: no timer of it fires any more; frees group->timers. */
void timers_exit(struct thread_group *g);
/* execve(2): POSIX timers are deleted; interval timers go on. */
void timers_exec(struct thread_group *g);

#endif
