/* SPDX-License-Identifier: GPL-2.0-or-later */
/* features: what husk can do, as the features object of the OCI runtime specification. */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "config.h"
#include "libocispec/ocispec.h"
#include "runtime/mount_options.h"
#include "runtime/scheduling.h"

static const char *const hooks[] = {"prestart",	      "createRuntime", "createContainer",
				    "startContainer", "poststart",     "poststop", NULL};

/* The words that mean the mounts below as well; runtime/mount_options.c derives them. */
static const char *const recursive_options[] = {
    "rro",	   "rrw",	   "rnosuid",	   "rsuid",	   "rnodev",	   "rdev",
    "rnoexec",	   "rexec",	   "rnosymfollow", "rsymfollow",   "rnodiratime",  "rdiratime",
    "rnoatime",	   "ratime",	   "rrelatime",	   "rnorelatime",  "rstrictatime", "rnostrictatime",
    NULL};

/* Prefixes: they bound the guest, and name files of the host's for hooks to write to. */
static const char *const unsafe_annotations[] = {"org.husk.", "run.oci.", NULL};

static const char *const namespaces[] = {"cgroup", "ipc", "mount", "network",
					 "pid",	   "time", "user", "uts", NULL};

/* Appends a NULL-terminated list; false: no memory. */
static bool fill(char ***strs, size_t *n, const char *const *list)
{
	for (; *list; list++)
		if (oci_strs_append(strs, n, *list) < 0)
			return false;
	return true;
}

static bool fill_capabilities(struct oci_features_linux *l)
{
	for (int i = 0; oci_capability_name(i); i++)
		if (oci_strs_append(&l->capabilities, &l->n_capabilities,
				    oci_capability_name(i)) < 0)
			return false;
	return true;
}

static bool fill_mount_options(struct oci_features *f)
{
	for (size_t i = 0; mount_option_name(i); i++)
		if (oci_strs_append(&f->mount_options, &f->n_mount_options,
				    mount_option_name(i)) < 0)
			return false;
	return fill(&f->mount_options, &f->n_mount_options, recursive_options);
}

/* {"enabled": …} */
static bool enabled(struct oci_features_enabled **out, bool yes)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return false;
	(*out)->has_enabled = true;
	(*out)->enabled = yes;
	return true;
}

/* libseccomp compiles the profile, husk's kernel runs it on the guest's system calls. */
static bool fill_seccomp(struct oci_features_seccomp *s)
{
	static const char *const actions[] = {
	    "SCMP_ACT_ALLOW",	    "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",	"SCMP_ACT_KILL_PROCESS",
	    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",   "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
	    NULL};
	static const char *const operators[] = {
	    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT",
	    "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL};
	static const char *const archs[] = {"SCMP_ARCH_X86_64", NULL};

	static const char *const flags[] = {
	    "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};

	s->has_enabled = s->enabled = true;
	/* All are accepted: what they say about a filter in the host is true of husk's as it is. */
	return fill(&s->known_flags, &s->n_known_flags, flags) &&
	       fill(&s->supported_flags, &s->n_supported_flags, flags) && fill(&s->actions, &s->n_actions, actions) &&
	       fill(&s->operators, &s->n_operators, operators) &&
	       fill(&s->archs, &s->n_archs, archs);
}

static bool fill_linux(struct oci_features_linux *l)
{
	struct oci_features_cgroup *g = l->cgroup = calloc(1, sizeof(*g));
	struct oci_features_seccomp *s = l->seccomp = calloc(1, sizeof(*s));
	struct oci_features_intel_rdt *rdt = l->intel_rdt = calloc(1, sizeof(*rdt));
	struct oci_features_mount_extensions *m = l->mount_extensions = calloc(1, sizeof(*m));
	struct oci_features_memory_policy *mp = l->memory_policy = calloc(1, sizeof(*mp));

	if (!g || !s || !rdt || !m || !mp)
		return false;
	g->has_v1 = g->v1 = true;
	g->has_v2 = g->v2 = true;
	g->has_rdma = g->rdma = true;
	g->has_systemd = g->has_systemd_user = true;
	rdt->has_enabled = rdt->enabled = true;
	rdt->has_schemata = rdt->schemata = true;
	rdt->has_monitoring = rdt->monitoring = true;
	for (size_t i = 0; memory_policy_mode_name(i); i++)
		if (oci_strs_append(&mp->modes, &mp->n_modes, memory_policy_mode_name(i)) < 0)
			return false;
	for (size_t i = 0; memory_policy_flag_name(i); i++)
		if (oci_strs_append(&mp->flags, &mp->n_flags, memory_policy_flag_name(i)) < 0)
			return false;
	return fill_seccomp(s) && enabled(&m->idmap, true) && enabled(&l->apparmor, true) &&
	       enabled(&l->selinux, true) &&
	       enabled(&l->net_devices, true) && fill_capabilities(l) &&
	       fill(&l->namespaces, &l->n_namespaces, namespaces);
}

static bool fill_annotations(struct oci_map *m)
{
	const struct scmp_version *v = seccomp_version();
	char text[64] = "";

	if (v)
		snprintf(text, sizeof(text), "%u.%u.%u", v->major, v->minor, v->micro);
	return oci_map_set(m, "io.github.seccomp.libseccomp.version", text) == 0 &&
	       oci_map_set(m, "husk.version", PACKAGE_VERSION) == 0;
}

static bool fill_features(struct oci_features *f)
{
	f->oci_version_min = strdup("1.0.0");
	f->oci_version_max = strdup(OCI_SPEC_VERSION);
	f->linux = calloc(1, sizeof(*f->linux));
	return f->oci_version_min && f->oci_version_max && f->linux && fill_linux(f->linux) &&
	       fill(&f->hooks, &f->n_hooks, hooks) &&
	       fill_mount_options(f) &&
	       fill(&f->potentially_unsafe_config_annotations,
		    &f->n_potentially_unsafe_config_annotations, unsafe_annotations) &&
	       fill_annotations(&f->annotations);
}

static int run(const struct cli *cli, int argc, char **argv, struct error *err)
{
	struct oci_features *f = calloc(1, sizeof(*f));
	cleanup_free char *text = NULL;

	if (f && fill_features(f))
		text = oci_features_write(f, true);
	oci_features_free(f);
	if (!text)
		return error_errno(err, -ENOMEM, "features");
	puts(text);
	return 0;
}

const struct cli_command cli_features = {
    .name = "features",
    .summary = "show what husk supports",
    .usage = "",
    .text = "The output is the features object of the OCI runtime specification, as JSON.",
    .options = (const struct cli_option[]){{0}},
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
