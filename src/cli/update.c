/* SPDX-License-Identifier: GPL-2.0-or-later */
/* update: new limits from options, or from a file in the form of config.json's linux.resources. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "libocispec/ocispec.h"
#include "runtime/files.h"

static const char *file, *blkio_weight, *cpu_burst, *cpu_idle, *cpu_period, *cpu_quota, *cpu_share,
    *rt_period, *rt_runtime, *cpus, *mems, *kernel_memory, *kernel_tcp, *memory, *reservation, *swap,
    *pids, *l3_cache, *mem_bandwidth;

static const struct cli_option options[] = {
    {"resources", 'r', CLI_STRING, &file,
     "file with a resources object, - for the standard input; of other options only the schemas count then"},
    {"blkio-weight", 0, CLI_STRING, &blkio_weight, "weight in block I/O, 10 to 1000"},
    {"cpu-period", 0, CLI_STRING, &cpu_period, "period of --cpu-quota, in microseconds"},
    {"cpu-quota", 0, CLI_STRING, &cpu_quota, "CPU time in each period, in microseconds; -1: any"},
    {"cpu-burst", 0, CLI_STRING, &cpu_burst, "CPU time that may be saved up, in microseconds"},
    {"cpu-share", 0, CLI_STRING, &cpu_share, "share of the CPUs relative to other containers"},
    {"cpu-rt-period", 0, CLI_STRING, &rt_period, "period of --cpu-rt-runtime, in microseconds"},
    {"cpu-rt-runtime", 0, CLI_STRING, &rt_runtime, "realtime CPU time in a period, in microseconds"},
    {"cpu-idle", 0, CLI_STRING, &cpu_idle, "1: only what nobody else wants of the CPUs; 0: not so"},
    {"cpuset-cpus", 0, CLI_STRING, &cpus, "CPUs to use: 0-3,7"},
    {"cpuset-mems", 0, CLI_STRING, &mems, "memory nodes to use"},
    {"kernel-memory", 0, CLI_STRING, &kernel_memory, "ignored"},
    {"kernel-memory-tcp", 0, CLI_STRING, &kernel_tcp, "memory for TCP's buffers"},
    {"memory", 0, CLI_STRING, &memory, "memory, in bytes or with k, m, g; -1: no limit"},
    {"memory-reservation", 0, CLI_STRING, &reservation, "memory to be left with when it is short"},
    {"memory-swap", 0, CLI_STRING, &swap, "memory and swap together; -1: no limit"},
    {"pids-limit", 0, CLI_STRING, &pids, "how many tasks; -1: no limit"},
    {"l3-cache-schema", 0, CLI_STRING, &l3_cache, "share of the L3 caches, as in resctrl: L3:0=f;1=ff"},
    {"mem-bw-schema", 0, CLI_STRING, &mem_bandwidth, "share of the memory's bandwidth: MB:0=20;1=70"},
    {0},
};

static int invalid(const char *name, const char *text, struct error *err)
{
	return error_set(err, -EINVAL, "invalid value for %s: \"%s\"", name, text);
}

static int parse_signed(const char *name, const char *text, bool *has, int64_t *out,
			struct error *err)
{
	char *end;

	if (!text)
		return 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	*has = true;
	return end == text || *end || errno ? invalid(name, text, err) : 0;
}

static int parse_unsigned(const char *name, const char *text, bool *has, uint64_t *out,
			  struct error *err)
{
	int64_t value = 0;
	int r = parse_signed(name, text, has, &value, err);

	if (r == 0 && value < 0)
		return invalid(name, text, err);
	if (text)
		*out = (uint64_t)value;
	return r;
}

/* "100m", "1.5GiB", "4096", "-1" */
static int parse_size(const char *name, const char *text, bool *has, int64_t *out, struct error *err)
{
	static const char letters[] = "bkmgtp";
	const char *letter;
	double value;
	char *end;

	if (!text)
		return 0;
	*has = true;
	*out = -1;
	if (!strcmp(text, "-1"))
		return 0;
	if (!isdigit((unsigned char)text[0]))
		return invalid(name, text, err);
	value = strtod(text, &end);
	end += *end == ' ';
	if (*end) {
		letter = strchr(letters, tolower((unsigned char)*end++));
		if (!letter)
			return invalid(name, text, err);
		for (const char *l = letters; l < letter; l++)
			value *= 1024;
		end += letter > letters && tolower((unsigned char)*end) == 'i';
		end += tolower((unsigned char)*end) == 'b';
	}
	if (*end || value >= 9e18)
		return invalid(name, text, err);
	*out = (int64_t)value;
	return 0;
}

static int memory_options(struct oci_memory *m, struct error *err)
{
	int r = parse_size("memory", memory, &m->has_limit, &m->limit, err);

	if (!r)
		r = parse_size("memory-reservation", reservation, &m->has_reservation,
			       &m->reservation, err);
	if (!r)
		r = parse_size("memory-swap", swap, &m->has_swap, &m->swap, err);
	if (!r)
		r = parse_size("kernel-memory", kernel_memory, &m->has_kernel, &m->kernel, err);
	if (!r)
		r = parse_size("kernel-memory-tcp", kernel_tcp, &m->has_kernel_tcp, &m->kernel_tcp,
			       err);
	return r;
}

static int copy(char **out, const char *text, struct error *err)
{
	if (!text)
		return 0;
	*out = strdup(text);
	return *out ? 0 : error_errno(err, -ENOMEM, "update");
}

static int cpu_options(struct oci_cpu *c, struct error *err)
{
	int r = parse_unsigned("cpu-period", cpu_period, &c->has_period, &c->period, err);

	if (!r)
		r = parse_signed("cpu-quota", cpu_quota, &c->has_quota, &c->quota, err);
	if (!r)
		r = parse_unsigned("cpu-burst", cpu_burst, &c->has_burst, &c->burst, err);
	if (!r)
		r = parse_unsigned("cpu-share", cpu_share, &c->has_shares, &c->shares, err);
	if (!r)
		r = parse_unsigned("cpu-rt-period", rt_period, &c->has_realtime_period,
				   &c->realtime_period, err);
	if (!r)
		r = parse_signed("cpu-rt-runtime", rt_runtime, &c->has_realtime_runtime,
				 &c->realtime_runtime, err);
	if (!r)
		r = parse_signed("cpu-idle", cpu_idle, &c->has_idle, &c->idle, err);
	if (!r)
		r = copy(&c->cpus, cpus, err);
	return r ? r : copy(&c->mems, mems, err);
}

static int other_options(struct oci_resources *r, struct error *err)
{
	uint64_t weight = 0;
	int e = parse_unsigned("blkio-weight", blkio_weight, &r->block_io->has_weight, &weight, err);

	if (!e && weight > UINT16_MAX)
		e = invalid("blkio-weight", blkio_weight, err);
	r->block_io->weight = (uint16_t)weight;
	return e ? e : parse_signed("pids-limit", pids, &r->pids->has_limit, &r->pids->limit, err);
}

static int from_options(struct oci_resources **out, struct error *err)
{
	struct oci_resources *r = calloc(1, sizeof(*r));

	*out = r;
	if (!r)
		return error_errno(err, -ENOMEM, "update");
	r->memory = calloc(1, sizeof(*r->memory));
	r->cpu = calloc(1, sizeof(*r->cpu));
	r->pids = calloc(1, sizeof(*r->pids));
	r->block_io = calloc(1, sizeof(*r->block_io));
	if (!r->memory || !r->cpu || !r->pids || !r->block_io)
		return error_errno(err, -ENOMEM, "update");
	if (memory_options(r->memory, err) || cpu_options(r->cpu, err))
		return err->code;
	return other_options(r, err);
}

static int from_file(struct oci_resources **out, struct error *err)
{
	cleanup_free char *text = NULL;
	char *why = NULL;
	ssize_t n;
	int r;

	if (strcmp(file, "-")) {
		r = oci_resources_load(file, out, &why);
	} else {
		n = file_read_fd(0, OCI_MAX_TEXT, &text);
		if (n < 0)
			return error_errno(err, (int)n, "standard input");
		r = oci_resources_parse(text, (size_t)n, out, &why);
	}
	return r < 0 ? cli_oci_error(err, r, why) : 0;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct oci_intel_rdt schemas = {.l3_cache_schema = (char *)l3_cache,
					      .mem_bw_schema = (char *)mem_bandwidth};
	struct oci_resources *changes = NULL;
	struct container *c = NULL;
	int r = container_load(&cli->runtime, argv[0], true, &c, err);

	if (r == 0)
		r = file ? from_file(&changes, err) : from_options(&changes, err);
	if (r == 0)
		r = container_update(c, changes, l3_cache || mem_bandwidth ? &schemas : NULL, err);
	oci_resources_free(changes);
	container_free(c);
	return r;
}

const struct cli_command cli_update = {
    .name = "update",
    .summary = "change the limits of a container",
    .usage = "[command options] <container-id>",
    .text = "What is not given, and what is 0 or empty, stays as it is. With -r the limits come from "
	    "a file\nwith an object like linux.resources in config.json.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
