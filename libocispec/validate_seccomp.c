/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rules of config-linux.md for linux.seccomp. */
#include "libocispec/validate.h"

#include <errno.h>
#include <string.h>

static const char *const actions[] = {
    "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",
    "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE",	       "SCMP_ACT_ALLOW",       "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY", NULL};

static const char *const architectures[] = {
    "SCMP_ARCH_X86",	     "SCMP_ARCH_X86_64",    "SCMP_ARCH_X32",	    "SCMP_ARCH_ARM",
    "SCMP_ARCH_AARCH64",     "SCMP_ARCH_MIPS",	    "SCMP_ARCH_MIPS64",	    "SCMP_ARCH_MIPS64N32",
    "SCMP_ARCH_MIPSEL",	     "SCMP_ARCH_MIPSEL64",  "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
    "SCMP_ARCH_PPC64",	     "SCMP_ARCH_PPC64LE",   "SCMP_ARCH_S390",	    "SCMP_ARCH_S390X",
    "SCMP_ARCH_PARISC",	     "SCMP_ARCH_PARISC64",  "SCMP_ARCH_RISCV64",    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",	     "SCMP_ARCH_SH",	    "SCMP_ARCH_SHEB",	    NULL};

static const char *const flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
				    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
				    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};

static const char *const operators[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",
					"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
					"SCMP_CMP_MASKED_EQ", NULL};

/* The kernel's MAX_ERRNO: a filter cannot return more. */
#define MAX_ERRNO 4095

/* at: the number's place, action: what it belongs to. */
static int check_errno(char **err, const char *at, const char *action, bool given, uint32_t number)
{
	if (!given)
		return 0;
	if (strcmp(action, "SCMP_ACT_ERRNO") && strcmp(action, "SCMP_ACT_TRACE"))
		return oci_error(err, -EINVAL, "%s: %s returns no error number", at, action);
	if (number <= MAX_ERRNO)
		return 0;
	return oci_error(err, -EINVAL, "%s: expected 0 to %d, found %u", at, MAX_ERRNO, number);
}

static int check_syscall(const struct oci_syscall *s, size_t i, char **err)
{
	oci_place place;

	if (!s->n_names)
		return oci_error(err, -EINVAL,
				 "linux.seccomp.syscalls[%zu].names: must not be empty", i);
	if (oci_check_word(err, oci_at(place, "linux.seccomp.syscalls[%zu].action", i), s->action,
			   actions) ||
	    check_errno(err, oci_at(place, "linux.seccomp.syscalls[%zu].errnoRet", i), s->action,
			s->has_errno_ret, s->errno_ret))
		return -EINVAL;
	for (size_t j = 0; j < s->n_args; j++) {
		if (s->args[j].index > 5)
			return oci_error(
			    err, -EINVAL,
			    "linux.seccomp.syscalls[%zu].args[%zu].index: expected 0 to 5, "
			    "found %u",
			    i, j, s->args[j].index);
		if (oci_check_word(err,
				   oci_at(place, "linux.seccomp.syscalls[%zu].args[%zu].op", i, j),
				   s->args[j].op, operators))
			return -EINVAL;
	}
	return 0;
}

int oci_seccomp_validate(const struct oci_seccomp *s, char **err)
{
	if (oci_check_word(err, "linux.seccomp.defaultAction", s->default_action, actions) ||
	    check_errno(err, "linux.seccomp.defaultErrnoRet", s->default_action,
			s->has_default_errno_ret, s->default_errno_ret) ||
	    oci_check_words(err, "linux.seccomp.architectures", s->architectures,
			    s->n_architectures, architectures) ||
	    oci_check_words(err, "linux.seccomp.flags", s->flags, s->n_flags, flags))
		return -EINVAL;
	for (size_t i = 0; i < s->n_syscalls; i++)
		if (check_syscall(&s->syscalls[i], i, err))
			return -EINVAL;
	if (s->listener_metadata && !s->listener_path)
		return oci_error(
		    err, -EINVAL,
		    "linux.seccomp.listenerMetadata: needs linux.seccomp.listenerPath");
	return 0;
}
