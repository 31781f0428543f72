/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks between the host's tree and an emulated one, in a chroot of our own, twice: with a dead FUSE
 * mount where the emulated tree stands (the host says ENOTCONN there), and without.
 *
 *   /host/file /host/sub/   /mnt: the emulated tree, also reached through
 *   /to_mnt -> mnt   /to_hello -> /mnt/hello   /loop -> loop
 *   /mnt/hello  /mnt/dir/inner  /mnt/link -> dir/inner  /mnt/abs -> /host/file
 *   /mnt/up -> ../host/file  /mnt/magic: opens /host/file  /mnt/magicdir: opens /host
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hostcall.h"
#include "base/hostproc.h"
#include "tests/base/check.h"
#include "vfs/fs.h"
#include "vfs/pseudo.h"

/* ---- the emulated tree ----------------------------------------------------------------------- */

static struct pnode root, dir, hello, inner, link_, abs_, up, magic, magicdir;

static const struct {
	const char *name;
	struct pnode *dir, *node;
	const char *text;
} entries[] = {
    {"hello", &root, &hello, "hello\n"},   {"dir", &root, &dir, NULL},
    {"inner", &dir, &inner, "inner\n"},	   {"link", &root, &link_, "dir/inner"},
    {"abs", &root, &abs_, "/host/file"},   {"up", &root, &up, "../host/file"},
    {"magic", &root, &magic, "magic:[1]"}, {"magicdir", &root, &magicdir, "magic:[2]"},
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static int lookup(struct pnode *d, const char *name, struct pnode **out)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].dir == d && !strcmp(entries[i].name, name)) {
			*out = pnode_get(entries[i].node);
			return 0;
		}
	return -ENOENT;
}

static int list(struct pnode *d,
		bool (*emit)(void *arg, const char *name, unsigned char type, ino_t ino), void *arg)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].dir == d && !emit(arg, entries[i].name, 0, i + 1))
			break;
	return 0;
}

static const char *text_of(struct pnode *n)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].node == n)
			return entries[i].text;
	return "";
}

static int show(struct pnode *n, struct ptext *out)
{
	ptext_printf(out, "%s", text_of(n));
	return 0;
}

static ssize_t read_link(struct pnode *n, char *buf, size_t size)
{
	size_t len = strlen(text_of(n));

	memcpy(buf, text_of(n), len < size ? len : size);
	return (ssize_t)(len < size ? len : size);
}

static int open_target(struct pnode *n, unsigned flags, struct file **out)
{
	return path_open(NULL, n == &magic ? "/host/file" : "/host", flags, 0, 0, out);
}

static const struct pnode_ops dir_ops = {.lookup = lookup, .list = list};
static const struct pnode_ops text_ops = {.show = show};
static const struct pnode_ops link_ops = {.readlink = read_link};
static const struct pnode_ops magic_ops = {.readlink = read_link, .open_target = open_target};

static void make_tree(void)
{
	pnode_init(&root, &dir_ops, NULL, S_IFDIR | 0555);
	pnode_init(&dir, &dir_ops, &root, S_IFDIR | 0500);
	pnode_init(&hello, &text_ops, &root, S_IFREG | 0444);
	pnode_init(&inner, &text_ops, &dir, S_IFREG | 0400);
	pnode_init(&link_, &link_ops, &root, S_IFLNK | 0777);
	pnode_init(&abs_, &link_ops, &root, S_IFLNK | 0777);
	pnode_init(&up, &link_ops, &root, S_IFLNK | 0777);
	pnode_init(&magic, &magic_ops, &root, S_IFLNK | 0777);
	pnode_init(&magicdir, &magic_ops, &root, S_IFLNK | 0777);
	for (size_t i = 0; i < ENTRIES; i++)
		entries[i].node->name = entries[i].name;
}

/* ---- the chroot ------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Returns whether there is a placeholder. */
static bool make_root(const char *dirname, bool fuse)
{
	char options[100];
	int fd = -1;
	bool mounted = false;

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("test", dirname, "tmpfs", 0, NULL) == 0);
	if (fuse)
		fd = open("/dev/fuse", O_RDWR);
	CHECK(hostproc_init() == 0);
	CHECK(chdir(dirname) == 0 && chroot(".") == 0);
	CHECK(mkdir("host", 0755) == 0 && mkdir("host/sub", 0755) == 0 && mkdir("mnt", 0755) == 0);
	write_file("host/file", "file\n");
	CHECK(symlink("mnt", "to_mnt") == 0 && symlink("/mnt/hello", "to_hello") == 0);
	CHECK(symlink("loop", "loop") == 0 && symlink("/mnt/none", "dangling") == 0);
	if (fd >= 0) {
		snprintf(options, sizeof(options),
			 "fd=%d,rootmode=40555,user_id=0,group_id=0,allow_other", fd);
		mounted = mount("husk", "mnt", "fuse", 0, options) == 0;
		close(fd);
	}
	return mounted;
}

/* ---- the cases ------------------------------------------------------------------------------- */

/* The first word that a file says, or the error's number as text. */
static const char *text_at(struct file *at, const char *path, unsigned flags)
{
	static char buf[64];
	struct iovec iov = {buf, sizeof(buf) - 1};
	struct file *f;
	ssize_t n;
	int r = path_open(at, path, flags, 0, 0, &f);

	if (r < 0) {
		snprintf(buf, sizeof(buf), "%s", strerrorname_np(-r));
		return buf;
	}
	n = f->ops->read ? f->ops->read(f, &iov, 1, NULL, 0) : -EBADF;
	file_put(f);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return buf;
}

#define CHECK_TEXT(at, path, flags, expected)                                                      \
	do {                                                                                       \
		const char *got_ = text_at((at), (path), (flags));                                 \
		CHECK(!strcmp(got_, (expected)));                                                  \
		if (strcmp(got_, (expected)))                                                      \
			fprintf(stderr, "    %s: %s\n", (path), got_);                             \
	} while (0)

static void open_cases(void)
{
	static const char *const file[] = {
		"/host/file",	  "host/file",		"/host/../host/file", "/../host/file",
		"/mnt/../host/file", "mnt/up",		"/mnt/abs",	      "/mnt/dir/../up",
		"/mnt/magic",	  "mnt/magicdir/file",	"to_mnt/magicdir/../mnt/../host/file",
		"/to_mnt/dir/../../host/./sub/..//file",
	};
	static const char *const node[][2] = {
		{"/mnt/hello", "hello"},      {"mnt/hello", "hello"},	  {"/to_mnt/hello", "hello"},
		{"/to_hello", "hello"},	      {"to_hello", "hello"},	  {"/mnt//dir/./inner", "inner"},
		{"/mnt/link", "inner"},	      {"host/../mnt/link", "inner"}, {"/mnt/none", "ENOENT"},
		{"/mnt/hello/x", "ENOTDIR"},  {"/mnt/hello/", "ENOTDIR"}, {"/mnt/none/x", "ENOENT"},
		{"/loop", "ELOOP"},	      {"/loop/x", "ELOOP"},	  {"", "ENOENT"},
		{"/host/none/../file", "ENOENT"}, {"/dangling", "ENOENT"}, {"/host/file/x", "ENOTDIR"},
		{"/mnt/hello/..", "ENOTDIR"}, {"/mnt/hello/.", "ENOTDIR"},
	};

	for (size_t i = 0; i < sizeof(file) / sizeof(file[0]); i++)
		CHECK_TEXT(NULL, file[i], O_RDONLY, "file");
	for (size_t i = 0; i < sizeof(node) / sizeof(node[0]); i++)
		CHECK_TEXT(NULL, node[i][0], O_RDONLY, node[i][1]);
	CHECK_TEXT(NULL, "/mnt/link", O_RDONLY | O_NOFOLLOW, "ELOOP");
	CHECK_TEXT(NULL, "/mnt/magic", O_RDONLY | O_NOFOLLOW, "ELOOP");
	CHECK_TEXT(NULL, "/to_hello", O_RDONLY | O_NOFOLLOW, "ELOOP");
	CHECK_TEXT(NULL, "/mnt/hello", O_RDONLY | O_DIRECTORY, "ENOTDIR");
	CHECK_TEXT(NULL, "/mnt/hello", O_RDONLY | O_CREAT | O_EXCL, "EEXIST");
	CHECK_TEXT(NULL, "/mnt/new", O_RDWR | O_CREAT, "ENOENT");
	CHECK_TEXT(NULL, "/dangling", O_RDWR | O_CREAT, "ENOENT");
	CHECK_TEXT(NULL, "/dangling", O_RDWR | O_CREAT | O_EXCL, "EEXIST");
	CHECK_TEXT(NULL, "/mnt/dir", O_RDWR, "EISDIR");
	CHECK_TEXT(NULL, "/mnt/up", O_RDWR | O_CREAT, "file");
}

static void relative_cases(void)
{
	struct file *at;

	CHECK(path_open(NULL, "/mnt/dir", O_RDONLY | O_DIRECTORY, 0, 0, &at) == 0);
	CHECK_TEXT(at, "inner", O_RDONLY, "inner");
	CHECK_TEXT(at, "../hello", O_RDONLY, "hello");
	CHECK_TEXT(at, "../../host/file", O_RDONLY, "file");
	CHECK_TEXT(at, "../../../../host/file", O_RDONLY, "file");
	file_put(at);
	CHECK(path_open(NULL, "/mnt/magicdir", O_PATH, 0, 0, &at) == 0);
	CHECK_TEXT(at, "file", O_RDONLY, "file");
	CHECK_TEXT(at, "../mnt/hello", O_RDONLY, "hello");
	file_put(at);
	CHECK(path_open(NULL, "/mnt/magic", O_PATH | O_NOFOLLOW, 0, 0, &at) == 0);
	CHECK(at->type == S_IFLNK);
	CHECK_TEXT(at, "file", O_RDONLY, "ENOTDIR");
	file_put(at);
}

static void stat_cases(void)
{
	struct stat st, st2;
	struct statx stx;
	struct statfs sfs;
	char buf[64];

	CHECK(path_stat(NULL, "/mnt", 0, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(path_stat(NULL, "mnt/.", 0, &st2) == 0 && st2.st_ino == st.st_ino);
	CHECK(path_stat(NULL, "/to_mnt", 0, &st2) == 0 && st2.st_dev == st.st_dev);
	CHECK(path_stat(NULL, "/to_mnt", AT_SYMLINK_NOFOLLOW, &st2) == 0 && S_ISLNK(st2.st_mode));
	CHECK(path_stat(NULL, "/mnt/link", 0, &st) == 0 && S_ISREG(st.st_mode));
	CHECK(path_stat(NULL, "/mnt/magic", 0, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 5);
	CHECK(path_stat(NULL, "/mnt/magic", AT_SYMLINK_NOFOLLOW, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(path_stat(NULL, "/mnt/..", 0, &st) == 0 && path_stat(NULL, "/", 0, &st2) == 0 &&
	      st.st_ino == st2.st_ino);
	CHECK(path_statx(NULL, "mnt", AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &stx) == 0);
	CHECK(path_stat(NULL, "/mnt", 0, &st) == 0 && stx.stx_ino == st.st_ino &&
	      makedev(stx.stx_dev_major, stx.stx_dev_minor) == st.st_dev);
	CHECK(path_statfs("/mnt/hello", &sfs) == 0 && sfs.f_type == 0x9fa0);
	CHECK(path_statfs("/mnt/magic", &sfs) == 0 && sfs.f_type == 0x01021994);
	CHECK(path_readlink(NULL, "/mnt/magic", buf, sizeof(buf)) == 9);
	CHECK(path_readlink(NULL, "/mnt/link", buf, 3) == 3 && !memcmp(buf, "dir", 3));
	CHECK(path_readlink(NULL, "mnt/hello", buf, sizeof(buf)) == -EINVAL);
	CHECK(path_readlink(NULL, "to_mnt", buf, sizeof(buf)) == 3);
	CHECK(path_access(NULL, "/mnt/hello", R_OK, 0) == 0);
	CHECK(path_access(NULL, "/mnt/none", F_OK, 0) == -ENOENT);
}

static void name_cases(void)
{
	struct file *f;
	struct stat st;

	CHECK(path_mkdir(NULL, "/mnt/dir", 0755) == -EEXIST);
	CHECK(path_mkdir(NULL, "/mnt/new", 0755) == -ENOENT);
	CHECK(path_mkdir(NULL, "mnt", 0755) == -EEXIST);
	CHECK(path_unlink(NULL, "mnt/hello", 0) == -EPERM);
	CHECK(path_unlink(NULL, "mnt/none", 0) == -ENOENT);
	CHECK(path_rename(NULL, "mnt/hello", NULL, "mnt/x", 0) == -EPERM);
	CHECK(path_rename(NULL, "mnt/hello", NULL, "host/x", 0) == -EXDEV);
	CHECK(path_link(NULL, "mnt/hello", NULL, "host/x", 0) == -EXDEV);
	CHECK(path_symlink("x", NULL, "mnt/s") == -ENOENT);
	CHECK(path_chmod(NULL, "mnt/hello", 0777, 0) == -EPERM);
	/* By way of the emulated tree to the host's. */
	CHECK(path_mkdir(NULL, "/mnt/../host/made/", 0755) == 0);
	CHECK(path_rename(NULL, "mnt/magicdir/made", NULL, "/mnt/../host/moved", 0) == 0);
	CHECK(path_unlink(NULL, "/mnt/magicdir/moved", AT_REMOVEDIR) == 0);
	CHECK(path_chmod(NULL, "/mnt/magic", 0600, 0) == 0);
	CHECK(path_stat(NULL, "/host/file", 0, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(path_truncate("/mnt/magic", 4) == 0);
	CHECK(path_stat(NULL, "/host/file", 0, &st) == 0 && st.st_size == 4);
	CHECK(path_truncate("/mnt/magic", 5) == 0);
	CHECK(path_link(NULL, "/mnt/magic", NULL, "/mnt/../host/linked", AT_SYMLINK_FOLLOW) == 0);
	CHECK(path_stat(NULL, "/host/linked", 0, &st) == 0 && st.st_nlink == 2);
	CHECK(path_unlink(NULL, "/mnt/../host/linked", 0) == 0);
	/* A new file through an emulated link's text. */
	CHECK(path_open(NULL, "/mnt/../host/new", O_CREAT | O_RDWR | O_EXCL, 0640, 0, &f) == 0);
	file_put(f);
	CHECK(path_unlink(NULL, "host/new", 0) == 0);
}

static void directory_cases(void)
{
	char buf[256];
	struct file *f;

	CHECK(fs_chdir("/mnt/dir") == 0);
	CHECK(fs_getcwd(buf, sizeof(buf)) == 9 && !strcmp(buf, "/mnt/dir"));
	CHECK(fs_getcwd(buf, 4) == -ERANGE);
	CHECK_TEXT(NULL, "inner", O_RDONLY, "inner");
	CHECK_TEXT(NULL, "../../host/file", O_RDONLY, "file");
	CHECK(fs_chdir("..") == 0 && fs_getcwd(buf, sizeof(buf)) == 5 && !strcmp(buf, "/mnt"));
	CHECK(fs_describe(fs_current(), false, buf, sizeof(buf)) == 0 && !strcmp(buf, "/mnt"));
	CHECK(fs_chdir("hello") == -ENOTDIR);
	CHECK(fs_chdir("..") == 0 && fs_getcwd(buf, sizeof(buf)) == 2 && !strcmp(buf, "/"));
	CHECK(fs_chdir("mnt/magicdir") == 0 && fs_getcwd(buf, sizeof(buf)) == 6);
	CHECK(fs_describe(fs_current(), false, buf, sizeof(buf)) == 0 && !strcmp(buf, "/host"));
	CHECK_TEXT(NULL, "../mnt/hello", O_RDONLY, "hello");
	CHECK(path_open(NULL, "/mnt", O_RDONLY, 0, 0, &f) == 0);
	CHECK(fs_fchdir(f) == 0);
	file_put(f);
	CHECK_TEXT(NULL, "hello", O_RDONLY, "hello");
	CHECK(fs_chroot("/mnt") == -EPERM);
	/* A root below /: the prefix of the emulated tree means something else there. */
	CHECK(fs_chdir("/") == 0 && fs_chroot("/mnt/magicdir") == 0);
	CHECK_TEXT(NULL, "/file", O_RDONLY, "file");
	CHECK_TEXT(NULL, "/mnt/hello", O_RDONLY, "ENOENT");
	CHECK_TEXT(NULL, "mnt/hello", O_RDONLY, "hello");
}

static int run(const char *dirname, bool fuse)
{
	bool placeholder = make_root(dirname, fuse);

	if (fuse && !placeholder)
		fprintf(stderr, "no FUSE here: the placeholder half is not tested\n");
	make_tree();
	CHECK(fs_attach(fs_new(), true) == 0);
	CHECK(fs_mount_pseudo("/mnt", &root, placeholder) == 0);
	open_cases();
	relative_cases();
	stat_cases();
	name_cases();
	directory_cases();
	return check_done();
}

int main(void)
{
	char dirname[] = "/tmp/husk-path-XXXXXX";
	int status, failed = 0;

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: needs root, for chroot and mount\n");
		return 77;
	}
	if (!mkdtemp(dirname))
		return 1;
	for (int fuse = 0; fuse < 2; fuse++) {
		pid_t pid = fork();

		if (pid == 0) {
			hostcall_init();
			host_thread_init(NULL, NULL);
			status = run(dirname, fuse);
			fflush(NULL);
			/* Not exit(): a leak checker would look for /proc in the chroot. */
			_exit(status);
		}
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status))
			fprintf(stderr, "killed by signal %d\n", WTERMSIG(status));
		failed |= status;
	}
	rmdir(dirname);
	return failed != 0;
}
