/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /proc/PID/mem: a process' memory as a file whose offset is the address (proc(5)). The address
 * space is looked up by pid at each call, so that a program change is seen and a dead process
 * reads as empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "vfs/proc/node.h"

struct mem_file {
	struct file f;
	struct proc_node *node;
	_Atomic int64_t pos;
};

static ssize_t mem_move(struct file *f, const struct iovec *iov, int n, const off_t *at, bool write)
{
	struct mem_file *m = container_of(f, struct mem_file, f);
	uint64_t pos = at ? (uint64_t)*at : (uint64_t)m->pos;
	ssize_t done = 0, r = 0;

	if (!proc_ops.may_access(m->node->pid))
		return -EACCES;
	for (int i = 0; i < n && iov[i].iov_len > 0; i++) {
		r = proc_ops.access_mem(m->node->pid, pos, iov[i].iov_base, iov[i].iov_len, write);
		if (r <= 0)
			break;
		pos += r;
		done += r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	if (!at)
		m->pos = pos;
	if (done > 0)
		return done;
	/* The process is gone: end of file. */
	return r == -ESRCH ? 0 : r;
}

static ssize_t mem_read(struct file *f, const struct iovec *iov, int n, const off_t *at, int rwf)
{
	return mem_move(f, iov, n, at, false);
}

static ssize_t mem_write(struct file *f, const struct iovec *iov, int n, const off_t *at, int rwf)
{
	return mem_move(f, iov, n, at, true);
}

static off_t mem_seek(struct file *f, off_t offset, int whence)
{
	struct mem_file *m = container_of(f, struct mem_file, f);

	/* Offsets are addresses: those above 2^63 are as good as others. */
	if (whence == SEEK_CUR)
		offset = (off_t)((uint64_t)m->pos + (uint64_t)offset);
	else if (whence != SEEK_SET)
		return -EINVAL;
	m->pos = offset;
	return offset;
}

static int mem_stat(struct file *f, struct stat *st)
{
	pnode_stat(&container_of(f, struct mem_file, f)->node->node, st);
	return 0;
}

static unsigned mem_poll(struct file *f, struct waitq **queue)
{
	static struct waitq never = WAITQ_INIT(never);

	*queue = &never;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static int mem_set_flags(struct file *f, unsigned flags)
{
	return 0;
}

static void mem_release(struct file *f)
{
	struct mem_file *m = container_of(f, struct mem_file, f);

	pnode_put(&m->node->node);
	free(m);
}

static const struct file_ops mem_ops = {
	.name = "proc-mem",
	.read = mem_read,
	.write = mem_write,
	.seek = mem_seek,
	.stat = mem_stat,
	.poll = mem_poll,
	.set_flags = mem_set_flags,
	.release = mem_release,
};

int proc_open_mem(struct proc_node *n, unsigned flags, struct file **out)
{
	struct mem_file *m;

	if (!proc_ops.may_access(n->pid))
		return -EACCES;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	file_init(&m->f, &mem_ops, flags & (O_ACCMODE | O_NONBLOCK), S_IFREG);
	m->node = n;
	pnode_get(&n->node);
	m->f.ino = n->node.ino;
	*out = &m->f;
	return 0;
}
