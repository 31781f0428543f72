/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of config-linux.md for linux.resources. */
#include "libocispec/validate.h"

#include <errno.h>
#include <string.h>

static int check_device_rules(const struct oci_resources *r, char **err)
{
	/* The empty string is what some engines write for "all". */
	static const char *const types[] = {"a", "c", "b", "", NULL};
	char quoted[OCI_QUOTED];
	oci_place place;

	for (size_t i = 0; i < r->n_devices; i++) {
		const struct oci_device_rule *d = &r->devices[i];

		if (oci_check_word(err, oci_at(place, "linux.resources.devices[%zu].type", i),
				   d->type, types))
			return -EINVAL;
		if (d->access && d->access[strspn(d->access, "rwm")])
			return oci_error(err, -EINVAL,
					 "linux.resources.devices[%zu].access: expected letters of "
					 "\"rwm\", found %s",
					 i, oci_quote(quoted, d->access));
	}
	return 0;
}

static int check_memory(const struct oci_memory *m, char **err)
{
	if (!m)
		return 0;
	if (m->swappiness > 100)
		return oci_error(err, -EINVAL,
				 "linux.resources.memory.swappiness: expected 0 to 100, found %llu",
				 (unsigned long long)m->swappiness);
	if (m->limit > 0 && m->swap > 0 && m->swap < m->limit)
		return oci_error(
		    err, -EINVAL,
		    "linux.resources.memory.swap: %lld is below the memory limit %lld; it "
		    "counts memory and swap together",
		    (long long)m->swap, (long long)m->limit);
	return 0;
}

static int check_cpu(const struct oci_cpu *c, char **err)
{
	if (!c)
		return 0;
	if (oci_check_list(err, "linux.resources.cpu.cpus", c->cpus) ||
	    oci_check_list(err, "linux.resources.cpu.mems", c->mems))
		return -EINVAL;
	if (c->idle != 0 && c->idle != 1)
		return oci_error(err, -EINVAL,
				 "linux.resources.cpu.idle: expected 0 or 1, found %lld",
				 (long long)c->idle);
	return 0;
}

/* 0 stands for "not set", as engines write it. */
static int check_weight(char **err, const char *at, uint16_t weight)
{
	if (!weight || (weight >= 10 && weight <= 1000))
		return 0;
	return oci_error(err, -EINVAL, "%s: expected 10 to 1000, found %u", at, weight);
}

static int check_block_io(const struct oci_block_io *b, char **err)
{
	oci_place place;

	if (!b)
		return 0;
	if (check_weight(err, "linux.resources.blockIO.weight", b->weight) ||
	    check_weight(err, "linux.resources.blockIO.leafWeight", b->leaf_weight))
		return -EINVAL;
	for (size_t i = 0; i < b->n_weight_device; i++)
		if (check_weight(
			err, oci_at(place, "linux.resources.blockIO.weightDevice[%zu].weight", i),
			b->weight_device[i].weight))
			return -EINVAL;
	return 0;
}

/* "64KB", "2MB", "1GB" */
static bool is_page_size(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits && s[0] != '0' && s[digits] && strchr("KMG", s[digits]) &&
	       strcmp(s + digits + 1, "B") == 0;
}

static int check_hugepages(const struct oci_resources *r, char **err)
{
	char quoted[OCI_QUOTED];

	for (size_t i = 0; i < r->n_hugepage_limits; i++)
		if (!is_page_size(r->hugepage_limits[i].page_size))
			return oci_error(
			    err, -EINVAL,
			    "linux.resources.hugepageLimits[%zu].pageSize: expected a size "
			    "such as \"2MB\", found %s",
			    i, oci_quote(quoted, r->hugepage_limits[i].page_size));
	return 0;
}

static int check_unified(const struct oci_map *m, char **err)
{
	char quoted[OCI_QUOTED];

	for (size_t i = 0; i < m->n; i++)
		if (!m->keys[i][0] || m->keys[i][0] == '.' || strchr(m->keys[i], '/'))
			return oci_error(
			    err, -EINVAL,
			    "linux.resources.unified: %s is not the name of a cgroup file",
			    oci_quote(quoted, m->keys[i]));
	return 0;
}

int oci_resources_validate(const struct oci_resources *r, char **err)
{
	if (check_device_rules(r, err) || check_memory(r->memory, err) || check_cpu(r->cpu, err) ||
	    check_block_io(r->block_io, err) || check_hugepages(r, err) ||
	    check_unified(&r->unified, err))
		return -EINVAL;
	return 0;
}
