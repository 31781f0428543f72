/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device rules on cgroup v2: there is no devices controller, but a BPF program type that is asked at
 * every mknod and open of a device node in the cgroup (BPF_PROG_TYPE_CGROUP_DEVICE). The program is
 * generated from the rules, the last rule first, since the last one that matches counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/cgroup/cgroup.h"

#define PROLOGUE 6
#define PER_RULE 8
#define EPILOGUE 2

struct program {
	struct bpf_insn *insn;
	size_t n;
};

static void emit(struct program *p, __u8 code, __u8 dst, __u8 src, __s16 off, __s32 imm)
{
	p->insn[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

/* if dst != value: skip the rest of this rule; the distance is filled in when its end is known. */
static void unless_equal(struct program *p, __u8 dst, long value)
{
	emit(p, BPF_JMP | BPF_JNE | BPF_K, dst, 0, 0, value);
}

/*
 * r2: type, r3: access, r4: major, r5: minor. An allowing rule must cover all of the access that is
 * asked for; a denying one counts when it forbids any of it.
 */
static void emit_rule(struct program *p, const struct device_rule *d)
{
	size_t start = p->n;

	if (d->type != 'a')
		unless_equal(p, BPF_REG_2, d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (d->access != (DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE)) {
		emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_1, 0, 0, d->access);
		if (d->allow)
			emit(p, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		else
			emit(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, 0, 0);
	}
	if (d->major >= 0)
		unless_equal(p, BPF_REG_4, d->major);
	if (d->minor >= 0)
		unless_equal(p, BPF_REG_5, d->minor);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, d->allow);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	for (size_t i = start; i < p->n; i++)
		if (BPF_CLASS(p->insn[i].code) == BPF_JMP && BPF_OP(p->insn[i].code) != BPF_EXIT)
			p->insn[i].off = p->n - i - 1;
}

/* The verifier refuses unreachable code: nothing may follow a rule that matches everything. */
static bool matches_all(const struct device_rule *d)
{
	return d->type == 'a' && d->major < 0 && d->minor < 0;
}

static void generate(struct program *p, const struct device_rule *rules, size_t n)
{
	/* struct bpf_cgroup_dev_ctx: u32 access_type (access << 16 | type), major, minor. */
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	for (size_t i = n; i-- > 0;) {
		emit_rule(p, &rules[i]);
		if (matches_all(&rules[i]))
			return;
	}
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int load(const struct program *p)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)p->insn;
	attr.insn_cnt = p->n;
	attr.license = (uintptr_t) "GPL";
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int attach(int cgroup, int prog)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = cgroup;
	attr.attach_bpf_fd = prog;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	return syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int device_rules_attach_bpf(const char *dir, const struct device_rule *rules, size_t n,
			    struct error *err)
{
	struct program p = {0};
	cleanup_free struct bpf_insn *insns =
		calloc(PROLOGUE + n * PER_RULE + EPILOGUE, sizeof(*insns));
	int r;

	if (!insns)
		return error_set(err, -ENOMEM, "out of memory");
	p.insn = insns;
	generate(&p, rules, n);
	cleanup_close int prog = load(&p);
	cleanup_close int cgroup = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (prog < 0)
		return error_errno(err, prog, "linux.resources.devices: cannot load the BPF program");
	if (cgroup < 0)
		return error_errno(err, -errno, "cannot open the cgroup %s", dir);
	r = attach(cgroup, prog);
	return r < 0 ? error_errno(err, r, "linux.resources.devices: cannot attach to %s", dir) : 0;
}
