/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's processes as the host's commands see them. */
#ifndef HUSK_SANDBOX_PROCESS_LIST_H
#define HUSK_SANDBOX_PROCESS_LIST_H

/* A document (protocol.h) that holds an array of struct sandbox_process. Its descriptor or -errno. */
int process_list_document(void);

/* Sends sig to every process of the guest. How many got it, or -EINVAL. */
int process_list_signal(int sig);

#endif
