/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read(2), write(2) and their families; what else is done to the contents of an open file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/hostcall.h"
#include "base/usermem.h"
#include "kernel/rlimit.h"
#include "kernel/syscalls/files.h"
#include "kernel/syscalls/syscalls.h"
#include "kernel/task.h"
#include "vfs/lock.h"
#include "vfs/pseudo.h"

/* Host iovecs of one host call: a page each in the worst case, so 512 KiB at least. */
#define PIECES 128
/* Guest iovecs on the stack; more are allocated. */
#define FEW_IOVECS 8

/* ---- transfers ------------------------------------------------------------------------------- */

void send_sigpipe(void)
{
	siginfo_t info = {.si_signo = SIGPIPE, .si_code = SI_USER};

	info.si_pid = current->group->tgid;
	info.si_uid = current->cred->ruid;
	signal_send_task(current, &info);
}

/* Takes n bytes off the front of a vector. */
static void advance(struct iovec **iov, int *n, size_t bytes)
{
	while (*n && bytes >= (*iov)->iov_len) {
		bytes -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n && bytes) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + bytes;
		(*iov)->iov_len -= bytes;
	}
}

/* Nothing to move: the file still says what it thinks of the attempt. */
static long transfer_nothing(struct file *f, bool write, const off_t *pos, int rwf)
{
	char nothing;
	struct iovec empty = {&nothing, 0};

	return write ? f->ops->write(f, &empty, 1, pos, rwf) : f->ops->read(f, &empty, 1, pos, rwf);
}

static long check_transfer(struct file *f, bool write)
{
	unsigned mode = f->flags & O_ACCMODE;

	if ((f->flags & O_PATH) || mode == (write ? O_RDONLY : O_WRONLY))
		return -EBADF;
	return (write ? !f->ops->write : !f->ops->read) ? -EINVAL : 0;
}

/* May a transfer go on behind a full piece? A reader of a stream takes what has come and goes. */
static bool goes_on(struct file *f, bool write)
{
	return write || f->type == S_IFREG || f->type == S_IFBLK;
}

long transfer(struct file *f, bool write, struct iovec *iov, int n, const off_t *pos, int rwf)
{
	struct iovec host[PIECES];
	off_t at = pos ? *pos : 0;
	size_t bytes;
	long done = 0, r = check_transfer(f, write);
	int pieces;

	if (r < 0)
		return r;
	advance(&iov, &n, 0);
	if (!n)
		return transfer_nothing(f, write, pos, rwf);
	r = write ? rlimit_cut_write(f, iov, &n, pos) : 0;
	if (r < 0)
		return r;
	while (n) {
		pieces = user_pin(iov, n, !write, host, PIECES, &bytes);
		if (pieces < 0) {
			r = pieces;
			break;
		}
		r = write ? f->ops->write(f, host, pieces, pos ? &at : NULL, rwf)
			  : f->ops->read(f, host, pieces, pos ? &at : NULL, rwf);
		user_unpin(host, pieces);
		if (r <= 0)
			break;
		done += r;
		at += r;
		advance(&iov, &n, (size_t)r);
		if ((size_t)r < bytes || !goes_on(f, write))
			break;
	}
	if (r == -EPIPE && write && f->type != S_IFREG)
		send_sigpipe();
	return done ? done : r;
}

static long rw_one(const uint64_t a[6], bool write, const off_t *pos)
{
	cleanup_file struct file *f = fd_get((int)a[0]);
	struct iovec iov = {(void *)a[1], a[2]};

	if (!f)
		return -EBADF;
	if ((ssize_t)a[2] < 0)
		return -EINVAL;
	if (iov.iov_len > MAX_RW_COUNT)
		iov.iov_len = MAX_RW_COUNT;
	return transfer(f, write, &iov, 1, pos, 0);
}

/* Positions mean something only where one can seek. */
static long check_position(int fd, off_t pos)
{
	cleanup_file struct file *f = fd_get(fd);

	if (pos < 0)
		return -EINVAL;
	if (!f)
		return -EBADF;
	return f->type == S_IFIFO || f->type == S_IFSOCK ? -ESPIPE : 0;
}

static long rw_vector(const uint64_t a[6], bool write, const off_t *pos, int rwf)
{
	cleanup_file struct file *f = fd_get((int)a[0]);
	struct iovec few[FEW_IOVECS];
	cleanup_free struct iovec *many = NULL;
	struct iovec *iov = few;
	size_t total;
	long r;

	if (!f)
		return -EBADF;
	if (a[2] > IOV_MAX)
		return -EINVAL;
	if (a[2] > FEW_IOVECS) {
		iov = many = malloc(a[2] * sizeof(*iov));
		if (!iov)
			return -ENOMEM;
	}
	r = copy_in_iovec(a[1], a[2], iov, &total);
	return r < 0 ? r : transfer(f, write, iov, (int)a[2], pos, rwf);
}

long sys_read(const uint64_t a[6])
{
	return rw_one(a, false, NULL);
}

long sys_write(const uint64_t a[6])
{
	return rw_one(a, true, NULL);
}

static long rw_one_at(const uint64_t a[6], bool write)
{
	off_t pos = (off_t)a[3];
	long r = check_position((int)a[0], pos);

	return r < 0 ? r : rw_one(a, write, &pos);
}

long sys_pread64(const uint64_t a[6])
{
	return rw_one_at(a, false);
}

long sys_pwrite64(const uint64_t a[6])
{
	return rw_one_at(a, true);
}

long sys_readv(const uint64_t a[6])
{
	return rw_vector(a, false, NULL, 0);
}

long sys_writev(const uint64_t a[6])
{
	return rw_vector(a, true, NULL, 0);
}

static long rw_vector_at(const uint64_t a[6], bool write, int rwf)
{
	off_t pos = (off_t)a[3];
	long r = check_position((int)a[0], pos);

	return r < 0 ? r : rw_vector(a, write, &pos, rwf);
}

long sys_preadv(const uint64_t a[6])
{
	return rw_vector_at(a, false, 0);
}

long sys_pwritev(const uint64_t a[6])
{
	return rw_vector_at(a, true, 0);
}

/* Position -1 means the description's own. */
long sys_preadv2(const uint64_t a[6])
{
	return (off_t)a[3] == -1 ? rw_vector(a, false, NULL, (int)a[5])
				 : rw_vector_at(a, false, (int)a[5]);
}

long sys_pwritev2(const uint64_t a[6])
{
	return (off_t)a[3] == -1 ? rw_vector(a, true, NULL, (int)a[5])
				 : rw_vector_at(a, true, (int)a[5]);
}

/* vmsplice(2): pages are copied, never given away, so that it is a vectored read or write. */
long sys_vmsplice(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	if (!f || f->type != S_IFIFO)
		return -EBADF;
	if (a[3] & ~0xfULL)
		return -EINVAL;
	return rw_vector(a, (f->flags & O_ACCMODE) == O_WRONLY, NULL, 0);
}

long sys_lseek(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	if (!f)
		return -EBADF;
	if ((unsigned)a[2] > SEEK_HOLE)
		return -EINVAL;
	return f->ops->seek ? f->ops->seek(f, (off_t)a[1], (int)a[2]) : -ESPIPE;
}

/* ---- the host's answer on the descriptor ----------------------------------------------------- */

/* A call of the form nr(fd, b, c, d) that is right only for host-backed files. */
static long on_host(const uint64_t a[6], long nr, long otherwise)
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	if (!f)
		return -EBADF;
	return file_is_host(f) ? host_call(nr, f->fd, a[1], a[2], a[3]) : otherwise;
}

long sys_fsync(const uint64_t a[6])
{
	return on_host(a, SYS_fsync, -EINVAL);
}

long sys_fdatasync(const uint64_t a[6])
{
	return on_host(a, SYS_fdatasync, -EINVAL);
}

long sys_syncfs(const uint64_t a[6])
{
	return on_host(a, SYS_syncfs, 0);
}

long sys_sync(const uint64_t a[6])
{
	host_call(SYS_sync);
	return 0;
}

long sys_ftruncate(const uint64_t a[6])
{
	int r = rlimit_check_size((off_t)a[1]);

	if (r < 0)
		return r;
	return on_host(a, SYS_ftruncate, -EINVAL);
}

long sys_fallocate(const uint64_t a[6])
{
	off_t end;
	int r;

	if (__builtin_add_overflow((off_t)a[2], (off_t)a[3], &end))
		return -EFBIG;
	r = rlimit_check_size(end);
	return r < 0 ? r : on_host(a, SYS_fallocate, -ENODEV);
}

long sys_readahead(const uint64_t a[6])
{
	return on_host(a, SYS_readahead, -EINVAL);
}

long sys_fadvise64(const uint64_t a[6])
{
	return on_host(a, SYS_fadvise64, 0);
}

long sys_sync_file_range(const uint64_t a[6])
{
	return on_host(a, SYS_sync_file_range, -ESPIPE);
}

long sys_flock(const uint64_t a[6])
{
	cleanup_file struct file *f = fd_get_real((int)a[0]);

	return f ? lock_flock(f, (int)a[1]) : -EBADF;
}

/* ---- from file to file ----------------------------------------------------------------------- */

#define BOUNCE_SIZE (64 * 1024)

/* Is I/O on the host descriptor the file's own, without a terminal's rules in between? */
static bool moves_on_host(struct file *f)
{
	return file_is_host(f) && !file_is_tty(f);
}

static long write_all(struct file *out, char *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		struct iovec iov = {data + done, n - done};
		long r = out->ops->write(out, &iov, 1, NULL, 0);

		if (r <= 0)
			return done ? (long)done : r;
		done += (size_t)r;
	}
	return (long)done;
}

/* sendfile through a buffer of husk's. *pos moves; NULL: in's own offset does. */
static long bounce(struct file *out, struct file *in, off_t *pos, size_t n)
{
	cleanup_free char *data = malloc(BOUNCE_SIZE);
	long done = 0, r = 0, w;

	if (!data)
		return -ENOMEM;
	while (n) {
		struct iovec iov = {data, n < BOUNCE_SIZE ? n : BOUNCE_SIZE};

		r = in->ops->read(in, &iov, 1, pos, 0);
		if (r <= 0)
			break;
		w = write_all(out, data, (size_t)r);
		if (w < r && !pos && in->ops->seek)
			in->ops->seek(in, (w > 0 ? w : 0) - r, SEEK_CUR);
		if (w <= 0) {
			r = w;
			break;
		}
		done += w;
		n -= (size_t)w;
		if (pos)
			*pos += w;
		if (w < r)
			break;
	}
	return done ? done : r;
}

static long sendfile_files(struct file *out, struct file *in, off_t *pos, size_t n)
{
	long r;

	if (!moves_on_host(out) || !moves_on_host(in))
		return bounce(out, in, pos, n);
	r = host_call_intr(SYS_sendfile, out->fd, in->fd, (long)pos, (long)n, 0, 0);
	return r == -EINTR ? -ERESTARTSYS : r;
}

long sys_sendfile(const uint64_t a[6])
{
	cleanup_file struct file *out = fd_get((int)a[0]);
	cleanup_file struct file *in = fd_get((int)a[1]);
	size_t n = a[3] < MAX_RW_COUNT ? a[3] : MAX_RW_COUNT;
	off_t pos;
	long r;

	if (!out || !in)
		return -EBADF;
	r = check_transfer(in, false);
	if (!r)
		r = check_transfer(out, true);
	if (r < 0)
		return r;
	if (a[2] && copy_in_obj(&pos, a[2]) < 0)
		return -EFAULT;
	if (a[2] && (in->type == S_IFIFO || in->type == S_IFSOCK))
		return -ESPIPE;
	if (a[2] && pos < 0)
		return -EINVAL;
	r = sendfile_files(out, in, a[2] ? &pos : NULL, n);
	if (r == -EPIPE)
		send_sigpipe();
	if (r >= 0 && a[2] && copy_out_obj(a[2], &pos) < 0)
		return -EFAULT;
	return r;
}

/*
 * splice(2) and copy_file_range(2) have one shape: two files, an offset for each (a guest address
 * or 0) that moves, a length and flags.
 */
static long two_files(const uint64_t a[6], long nr)
{
	cleanup_file struct file *in = fd_get_real((int)a[0]);
	cleanup_file struct file *out = fd_get_real((int)a[2]);
	off_t in_pos, out_pos;
	long r;

	if (!in || !out)
		return -EBADF;
	if (!moves_on_host(in) || !moves_on_host(out))
		return nr == SYS_splice ? -EINVAL : -EXDEV;
	if ((a[1] && copy_in_obj(&in_pos, a[1]) < 0) || (a[3] && copy_in_obj(&out_pos, a[3]) < 0))
		return -EFAULT;
	r = host_call_intr(nr, in->fd, (long)(a[1] ? &in_pos : NULL), out->fd,
			   (long)(a[3] ? &out_pos : NULL), (long)a[4], (long)(unsigned)a[5]);
	if (r == -EPIPE && nr == SYS_splice)
		send_sigpipe();
	if (r >= 0 && ((a[1] && copy_out_obj(a[1], &in_pos) < 0) ||
		       (a[3] && copy_out_obj(a[3], &out_pos) < 0)))
		return -EFAULT;
	return r == -EINTR ? -ERESTARTSYS : r;
}

long sys_splice(const uint64_t a[6])
{
	return two_files(a, SYS_splice);
}

long sys_copy_file_range(const uint64_t a[6])
{
	return two_files(a, SYS_copy_file_range);
}

long sys_tee(const uint64_t a[6])
{
	cleanup_file struct file *in = fd_get_real((int)a[0]);
	cleanup_file struct file *out = fd_get_real((int)a[1]);
	long r;

	if (!in || !out)
		return -EBADF;
	if (in->type != S_IFIFO || out->type != S_IFIFO)
		return -EINVAL;
	r = host_call_intr(SYS_tee, in->fd, out->fd, (long)a[2], (long)(unsigned)a[3], 0, 0);
	if (r == -EPIPE)
		send_sigpipe();
	return r == -EINTR ? -ERESTARTSYS : r;
}
