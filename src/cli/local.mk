# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	src/cli/check.c \
	src/cli/cli.h \
	src/cli/create.c src/cli/create_options.h \
	src/cli/delete.c \
	src/cli/event_json.c src/cli/event_json.h \
	src/cli/events.c \
	src/cli/exec.c \
	src/cli/exit_cost.c src/cli/exit_cost.h \
	src/cli/features.c \
	src/cli/help.c \
	src/cli/kill.c \
	src/cli/list.c \
	src/cli/mounts.c \
	src/cli/options.c \
	src/cli/pause.c \
	src/cli/ps.c \
	src/cli/resume.c \
	src/cli/run.c \
	src/cli/spec.c \
	src/cli/start.c \
	src/cli/state.c \
	src/cli/stats.c \
	src/cli/unsupported.c \
	src/cli/update.c
husk_SOURCES = src/cli/main.c

# A page for each command, which tests/cli/test_man compares with what the command says of itself.
dist_man_MANS += man/husk.1 \
	man/husk-check.1 man/husk-create.1 man/husk-delete.1 man/husk-events.1 man/husk-exec.1 \
	man/husk-features.1 man/husk-help.1 man/husk-kill.1 man/husk-list.1 man/husk-mounts.1 man/husk-pause.1 \
	man/husk-ps.1 man/husk-resume.1 man/husk-run.1 man/husk-spec.1 man/husk-start.1 \
	man/husk-state.1 man/husk-stats.1 man/husk-update.1 man/husk-version.1
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = contrib/completions/husk.bash
