/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec: writes the config.json that `runc spec` writes, to start from. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "libocispec/ocispec.h"

static const char *bundle;
static bool rootless;

static const struct cli_option options[] = {
    {"bundle", 'b', CLI_STRING, &bundle, "directory of the bundle"},
    {"rootless", 0, CLI_FLAG, &rootless, "for a user without privileges"},
    {0},
};

/* Everything that does not depend on who asks. */
static const char default_config[] =
    "{\"ociVersion\": \"" OCI_SPEC_VERSION "\","
    "\"process\": {"
    "  \"terminal\": true, \"user\": {\"uid\": 0, \"gid\": 0}, \"args\": [\"sh\"],"
    "  \"env\": [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
    "            \"TERM=xterm\"],"
    "  \"cwd\": \"/\","
    "  \"capabilities\": {"
    "    \"bounding\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],"
    "    \"effective\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],"
    "    \"permitted\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],"
    "    \"ambient\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]},"
    "  \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}],"
    "  \"noNewPrivileges\": true},"
    "\"root\": {\"path\": \"rootfs\", \"readonly\": true},"
    "\"hostname\": \"husk\","
    "\"mounts\": ["
    "  {\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
    "  {\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
    "   \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},"
    "  {\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\","
    "   \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\","
    "                 \"gid=5\"]},"
    "  {\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\","
    "   \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]},"
    "  {\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\","
    "   \"options\": [\"nosuid\", \"noexec\", \"nodev\"]},"
    "  {\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\","
    "   \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]},"
    "  {\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\","
    "   \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]}],"
    "\"linux\": {"
    "  \"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"}]},"
    "  \"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}, {\"type\": \"ipc\"},"
    "                   {\"type\": \"uts\"}, {\"type\": \"mount\"}],"
    "  \"maskedPaths\": [\"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", \"/proc/keys\","
    "    \"/proc/latency_stats\", \"/proc/timer_list\", \"/proc/timer_stats\","
    "    \"/proc/sched_debug\", \"/sys/firmware\", \"/proc/scsi\"],"
    "  \"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\","
    "    \"/proc/sysrq-trigger\"]}}";

/* Replaces a string; false: no memory. */
static bool set(char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	return *field;
}

static void drop_string(char **strs, size_t *n, size_t i)
{
	free(strs[i]);
	memmove(strs + i, strs + i + 1, (*n - i) * sizeof(*strs));
	(*n)--;
}

static struct oci_namespace *find_namespace(struct oci_linux *l, const char *type)
{
	for (size_t i = 0; i < l->n_namespaces; i++)
		if (strcmp(l->namespaces[i].type, type) == 0)
			return &l->namespaces[i];
	return NULL;
}

/* The network stays the host's, and what it needs may be set only with CAP_NET_ADMIN: so a user
 * namespace takes the place of the network namespace, and moves to the end as runc has it. */
static bool swap_network_for_user(struct oci_linux *l)
{
	struct oci_namespace *network = find_namespace(l, "network");
	struct oci_namespace *last = &l->namespaces[l->n_namespaces - 1];
	struct oci_namespace moved = *network;

	memmove(network, network + 1, (size_t)(last - network) * sizeof(*network));
	*last = moved;
	return set(&last->type, "user");
}

static bool map_to_root(struct oci_id_mapping **mappings, size_t *n, uint32_t id)
{
	*mappings = calloc(1, sizeof(**mappings));
	if (!*mappings)
		return false;
	*n = 1;
	(*mappings)->has_container_id = (*mappings)->has_host_id = (*mappings)->has_size = true;
	(*mappings)->host_id = id;
	(*mappings)->size = 1;
	return true;
}

/* sysfs can be mounted only by who owns the network namespace, and gid 5 is not mapped. */
static bool adapt_mounts(struct oci_config *c)
{
	for (size_t i = 0; i < c->n_mounts; i++) {
		struct oci_mount *m = &c->mounts[i];
		char **o;

		for (size_t j = 0; j < m->n_options; j++)
			if (strncmp(m->options[j], "gid=", 4) == 0)
				drop_string(m->options, &m->n_options, j--);
		if (strcmp(m->destination, "/sys") != 0)
			continue;
		o = reallocarray(m->options, m->n_options + 2, sizeof(*o));
		if (!o)
			return false;
		m->options = o;
		memmove(o + 1, o, (m->n_options + 1) * sizeof(*o));
		m->n_options++;
		o[0] = NULL;
		if (!set(&o[0], "rbind") || !set(&m->type, "none") || !set(&m->source, "/sys"))
			return false;
	}
	return true;
}

/* Without privileges cgroups cannot be limited either. */
static bool make_rootless(struct oci_config *c)
{
	struct oci_linux *l = c->linux;

	free(l->resources->devices[0].access);
	free(l->resources->devices);
	free(l->resources);
	l->resources = NULL;
	return map_to_root(&l->uid_mappings, &l->n_uid_mappings, geteuid()) &&
	       map_to_root(&l->gid_mappings, &l->n_gid_mappings, getegid()) &&
	       swap_network_for_user(l) && adapt_mounts(c);
}

/* A container in a cgroup namespace of its own is the rule where cgroup v2 is all there is. */
static bool add_cgroup_namespace(struct oci_linux *l)
{
	struct oci_namespace *n = reallocarray(l->namespaces, l->n_namespaces + 1, sizeof(*n));

	if (!n)
		return false;
	l->namespaces = n;
	n[l->n_namespaces].path = NULL;
	n[l->n_namespaces].type = strdup("cgroup");
	return n[l->n_namespaces].type && ++l->n_namespaces;
}

int cli_default_config(bool for_user, struct oci_config **out, struct error *err)
{
	char *why = NULL;
	bool ok = true;
	int r = oci_config_parse(default_config, strlen(default_config), out, &why);

	if (r < 0)
		return cli_oci_error(err, r, why);
	if (for_user)
		ok = make_rootless(*out);
	if (ok && access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
		ok = add_cgroup_namespace((*out)->linux);
	return ok ? 0 : error_errno(err, -ENOMEM, "spec");
}

static int write_config(const char *text, struct error *err)
{
	cleanup_close int fd = open("config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	const size_t n = strlen(text);

	if (fd < 0 && errno == EEXIST)
		return error_set(err, -EEXIST, "File config.json exists. Remove it first");
	if (fd < 0)
		return error_errno(err, -errno, "open config.json");
	if (write(fd, text, n) != (ssize_t)n)
		return error_errno(err, errno ? -errno : -EIO, "write config.json");
	return 0;
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct oci_config *config = NULL;
	cleanup_free char *text = NULL;
	int r;

	if (bundle && chdir(bundle) < 0)
		return error_errno(err, -errno, "chdir %s", bundle);
	r = cli_default_config(rootless, &config, err);
	if (r == 0) {
		text = oci_config_write(config, true);
		r = text ? write_config(text, err) : error_errno(err, -ENOMEM, "spec");
	}
	oci_config_free(config);
	return r;
}

const struct cli_command cli_spec = {
    .name = "spec",
    .summary = "write a config.json to start from",
    .usage = "[command options]",
    .text =
	"The file config.json is written to the bundle (default: the current directory), which "
	"must not have\none. Its process is \"sh\" in a terminal; edit \"args\" to run something "
	"else.\n\n"
	"EXAMPLE:\n\n"
	"    mkdir hello hello/rootfs\n"
	"    cd hello\n"
	"    docker export $(docker create hello-world) | tar -C rootfs -x\n"
	"    husk spec\n"
	"    sed -i 's;\"sh\";\"/hello\";' config.json\n"
	"    husk run container1",
    .options = options,
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
