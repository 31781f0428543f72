/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that `create` and `run` have in common, as rows of an option table. */
#ifndef HUSK_CLI_CREATE_OPTIONS_H
#define HUSK_CLI_CREATE_OPTIONS_H

#define CREATE_OPTIONS(o)                                                                          \
	{"bundle", 'b', CLI_STRING, &(o).bundle,                                                   \
	 "directory of the bundle (default: the current directory)"},                              \
	{"console-socket", 0, CLI_STRING, &(o).console_socket,                                     \
	 "AF_UNIX socket that receives the master side of the container's terminal"},              \
	{"config", 'f', CLI_STRING, &(o).config,                                                   \
	 "file to read instead of the bundle's config.json"},                                      \
	{"pidfd-socket", 0, CLI_STRING, &(o).pidfd_socket,                                         \
	 "AF_UNIX socket that receives a pidfd of the sandbox"},                                   \
	{"pid-file", 0, CLI_STRING, &(o).pid_file, "file to write the process id to"},             \
	{"no-pivot", 0, CLI_FLAG, &(o).no_pivot,                                                   \
	 "enter the root file system without pivot_root, for roots on a ramdisk"},                 \
	{"no-new-keyring", 0, CLI_FLAG, &(o).no_new_keyring,                                       \
	 "stay in the caller's session keyring"},                                                  \
	{"preserve-fds", 0, CLI_NUMBER, &(o).preserve_fds,                                         \
	 "pass N more file descriptors to the container (stdio + $LISTEN_FDS + N)"}

#define ID_HELP                                                                                    \
	"<container-id> is your name for the container; it must be unique on this host."

#endif
