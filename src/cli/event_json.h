/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The objects that `events` prints, in runc's words. All malloc()ed; NULL: no memory. */
#ifndef HUSK_CLI_EVENT_JSON_H
#define HUSK_CLI_EVENT_JSON_H

struct cgroup_stats;

char *event_stats_json(const char *id, const struct cgroup_stats *s);
char *event_oom_json(const char *id);

#endif
