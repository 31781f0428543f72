/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The platform's counters, as a struct and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/implementation.h"

#define COUNTER(name) {#name, offsetof(struct platform_stats, name)}

/* All but reason[], in the order of the struct. */
static const struct {
	const char *name;
	size_t offset;
} counters[] = {
    COUNTER(exits), COUNTER(syscalls), COUNTER(faults), COUNTER(page_faults), COUNTER(interrupts),
    COUNTER(preemptions), COUNTER(retries), COUNTER(shrunk), COUNTER(fatal),
    COUNTER(vcpus), COUNTER(vcpu_exact), COUNTER(vcpu_ready), COUNTER(vcpu_new),
    COUNTER(vcpu_stolen), COUNTER(vcpu_waited), COUNTER(kicks), COUNTER(shootdowns),
    COUNTER(slots), COUNTER(pt_pages), COUNTER(pt_quarantine), COUNTER(purges), COUNTER(windows),
    COUNTER(spaces), COUNTER(spaces_cached), COUNTER(spaces_made), COUNTER(spaces_reused),
    COUNTER(spaces_evicted), COUNTER(spaces_refused),
    COUNTER(maps), COUNTER(mapped_pages), COUNTER(unmaps), COUNTER(invalidations),
    COUNTER(invalidations_idle), COUNTER(invalidated_runs), COUNTER(invalidation_purges),
    COUNTER(invalidation_flushes),
};
_Static_assert(sizeof(counters) / sizeof(*counters) + PLATFORM_REASONS ==
		   sizeof(struct platform_stats) / sizeof(uint64_t),
	       "every counter has its line in the table");

void platform_stats(struct platform *p, struct platform_stats *out)
{
	memset(out, 0, sizeof(*out));
	p->ops->stats(p, out);
	out->windows = p->windows.live;
	spaces_stats(p, out);
}

const char *platform_reason_name(const struct platform *p, unsigned i)
{
	return i < PLATFORM_REASONS ? p->ops->reason_name(i) : NULL;
}

char *platform_stats_json(struct platform *p)
{
	struct platform_stats s;
	char *text = NULL;
	const char *comma = "";
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	platform_stats(p, &s);
	fprintf(f, "{\"platform\":\"%s\"", p->caps.name);
	if (p->caps.invalidation)
		fprintf(f, ",\"invalidation\":\"%s\"", p->caps.invalidation);
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		uint64_t value;

		memcpy(&value, (const char *)&s + counters[i].offset, sizeof(value));
		fprintf(f, ",\"%s\":%" PRIu64, counters[i].name, value);
	}
	fputs(",\"reasons\":{", f);
	for (unsigned i = 0; i < PLATFORM_REASONS; i++) {
		const char *name = platform_reason_name(p, i);

		if (!s.reason[i] || !name)
			continue;
		fprintf(f, "%s\"%s\":%" PRIu64, comma, name, s.reason[i]);
		comma = ",";
	}
	fputs("}}", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
