/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.json's linux.seccomp as a program for kernel/seccomp.c: libseccomp compiles it, husk runs it
 * on the guest's system calls. Only x86-64 is compiled: the guest has no other entry, so what
 * the profile says of other architectures can never apply.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/private.h"
#include "sandbox/protocol.h"

#define ARGS 6

struct seccomp_filter *seccomp_profile;

static int action_of(const char *name, bool has_ret, uint32_t ret, uint32_t *out)
{
	uint16_t value = has_ret ? ret : EPERM;

	if (strcmp(name, "SCMP_ACT_ALLOW") == 0)
		*out = SCMP_ACT_ALLOW;
	else if (strcmp(name, "SCMP_ACT_ERRNO") == 0)
		*out = SCMP_ACT_ERRNO(value);
	else if (strcmp(name, "SCMP_ACT_KILL") == 0 || strcmp(name, "SCMP_ACT_KILL_THREAD") == 0)
		*out = SCMP_ACT_KILL_THREAD;
	else if (strcmp(name, "SCMP_ACT_KILL_PROCESS") == 0)
		*out = SCMP_ACT_KILL_PROCESS;
	else if (strcmp(name, "SCMP_ACT_TRAP") == 0)
		*out = SCMP_ACT_TRAP;
	else if (strcmp(name, "SCMP_ACT_TRACE") == 0)
		*out = SCMP_ACT_TRACE(value);
	else if (strcmp(name, "SCMP_ACT_LOG") == 0)
		*out = SCMP_ACT_LOG;
	else
		return -EINVAL; /* SCMP_ACT_NOTIFY among them */
	return 0;
}

static int compare_of(const char *op, enum scmp_compare *out)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
	    {"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT},
	    {"SCMP_CMP_LE", SCMP_CMP_LE}, {"SCMP_CMP_EQ", SCMP_CMP_EQ},
	    {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT},
	    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (strcmp(op, ops[i].name) == 0) {
			*out = ops[i].op;
			return 0;
		}
	}
	return -EINVAL;
}

/* Conditions on different arguments must all hold; two on the same one are alternatives (runc). */
static int add_rules(scmp_filter_ctx ctx, const struct oci_syscall *s, int nr, uint32_t action)
{
	struct scmp_arg_cmp cmp[ARGS];
	unsigned per_arg[ARGS] = {0}, n = 0;
	bool alternatives = false;
	int r = 0;

	if (s->n_args > ARGS)
		return -EINVAL;
	for (size_t i = 0; i < s->n_args; i++) {
		const struct oci_seccomp_arg *a = &s->args[i];
		enum scmp_compare op;

		if (a->index >= ARGS || compare_of(a->op, &op) < 0)
			return -EINVAL;
		cmp[n++] = (struct scmp_arg_cmp){a->index, op, a->value, a->value_two};
		alternatives = alternatives || ++per_arg[a->index] > 1;
	}
	if (!alternatives)
		return seccomp_rule_add_array(ctx, action, nr, n, cmp);
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add_array(ctx, action, nr, 1, &cmp[i]);
	return r;
}

static int add_syscalls(scmp_filter_ctx ctx, const struct oci_seccomp *p, bool strict,
			uint32_t fallback, struct error *err)
{
	for (size_t i = 0; i < p->n_syscalls; i++) {
		const struct oci_syscall *s = &p->syscalls[i];
		uint32_t action;
		int r = action_of(s->action, s->has_errno_ret, s->errno_ret, &action);

		if (r < 0)
			return error_set(err, r, "linux.seccomp.syscalls[%zu].action: %s is not supported",
					 i, s->action);
		if (action == fallback)
			continue; /* libseccomp refuses rules that change nothing */
		for (size_t k = 0; k < s->n_names; k++) {
			int nr = seccomp_syscall_resolve_name(s->names[k]);

			if (nr == __NR_SCMP_ERROR && strict)
				return error_set(err, -ENOENT, "linux.seccomp.syscalls[%zu].names[%zu]: %s "
							       "is not a system call", i, k, s->names[k]);
			/* Negative: unknown here, or of another architecture: nobody can call it. */
			if (nr < 0)
				continue;
			r = add_rules(ctx, s, nr, action);
			if (r < 0 && r != -EEXIST)
				return error_errno(err, r, "linux.seccomp.syscalls[%zu].names[%zu]: %s",
						   i, k, s->names[k]);
		}
	}
	return 0;
}

static int export(scmp_filter_ctx ctx, struct sock_filter **insns, size_t *n)
{
	cleanup_close int fd = memfd_create("husk-seccomp", MFD_CLOEXEC);
	char *bytes;
	size_t size;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r == 0)
		r = control_document_read(fd, &bytes, &size);
	if (r < 0)
		return r;
	*insns = (struct sock_filter *)bytes;
	*n = size / sizeof(**insns);
	return 0;
}

int seccomp_profile_compile(const struct oci_seccomp *p, bool strict, struct sock_filter **insns,
			    size_t *n, struct error *err)
{
	scmp_filter_ctx ctx;
	uint32_t fallback;
	int r = action_of(p->default_action, p->has_default_errno_ret, p->default_errno_ret, &fallback);

	if (r < 0)
		return error_set(err, r, "linux.seccomp.defaultAction: %s is not supported",
				 p->default_action);
	ctx = seccomp_init(fallback);
	if (!ctx)
		return error_errno(err, -ENOMEM, "linux.seccomp");
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	r = add_syscalls(ctx, p, strict, fallback, err);
	if (r == 0) {
		r = export(ctx, insns, n);
		if (r < 0)
			error_errno(err, r, "linux.seccomp: compile the filter");
	}
	seccomp_release(ctx);
	return r;
}
