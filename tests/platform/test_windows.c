/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Windows on host files: the guest sees the page cache, both ways; the cache finds what it has;
 * a file that shrinks gives SWITCH_FILE_SHRUNK, and the guest goes on after its pages are unmapped.
 */
#include "guest.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

BLOB(peek_poke, "mov (%rdi),%rax\n syscall\n .balign 64\n mov %rsi,(%rdi)\n syscall");

static int make_file(uint64_t size, struct stat *st)
{
	char name[] = "/tmp/husk-window-XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, size) == 0 && fstat(fd, st) == 0);
	return fd;
}

static void at(struct context *c, struct address_space *as, uint64_t addr, bool write,
	       uint64_t value, struct user_regs_struct *regs, struct switch_event *ev)
{
	*regs = test_regs();
	regs->rdi = addr;
	regs->rsi = value;
	if (write)
		regs->rip += 64;
	context_switch(c, as, regs, -1, ev);
}

static void see_the_file(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, peek_poke);
	struct context *c = test_context(p);
	struct user_regs_struct regs;
	struct window *ro, *rw, *again;
	struct switch_event ev;
	struct stat st;
	uint64_t v = 0x1234567, got;
	int fd = make_file(4 * CHUNK_SIZE, &st);

	CHECK(pwrite(fd, &v, 8, CHUNK_SIZE + 5 * PAGE_SIZE) == 8);
	CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, CHUNK_SIZE, false, &ro) == 0);
	CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, CHUNK_SIZE, true, &rw) == 0);
	CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, CHUNK_SIZE, false, &again) == 0);
	CHECK(ro != rw && ro == again && platform_window_of(p, window_ptr(ro)) == ro);
	CHECK(platform_window_of(p, (char *)window_ptr(rw) + CHUNK_SIZE - 1) == rw);
	CHECK(platform_window_of(p, &v) == NULL);
	window_put(again);

	CHECK(address_space_map_window(as, DATA, ro, 0, CHUNK_PAGES, ACCESS_READ) == 0);
	CHECK(address_space_map_window(as, DATA + CHUNK_SIZE, rw, 4, 2,
				       ACCESS_READ | ACCESS_WRITE) == 0);
	at(c, as, DATA + 5 * PAGE_SIZE, false, 0, &regs, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == v);
	at(c, as, DATA + CHUNK_SIZE + PAGE_SIZE, true, 0x777, &regs, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL);
	CHECK(pread(fd, &got, 8, CHUNK_SIZE + 5 * PAGE_SIZE) == 8 && got == 0x777);
	at(c, as, DATA + 5 * PAGE_SIZE, false, 0, &regs, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == 0x777);
	at(c, as, DATA + 5 * PAGE_SIZE, true, 1, &regs, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault && ev.access == ACCESS_WRITE);

	address_space_unmap(as, DATA, 2 * CHUNK_SIZE);
	at(c, as, DATA + 5 * PAGE_SIZE, false, 0, &regs, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault);
	window_put(ro);
	window_put(rw);
	close(fd);
	address_space_release(as, 0);
	context_release(c);
}

static void shrinks(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, peek_poke);
	struct context *c = test_context(p);
	struct user_regs_struct regs;
	struct switch_event ev;
	struct window *w;
	struct stat st;
	int fd = make_file(CHUNK_SIZE, &st);

	CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, 0, true, &w) == 0);
	CHECK(address_space_map_window(as, DATA, w, 0, CHUNK_PAGES, ACCESS_READ | ACCESS_WRITE) ==
	      0);
	for (int i = 0; i < 20; i++) {
		at(c, as, DATA + 9 * PAGE_SIZE, i & 1, 3, &regs, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL);
		CHECK(ftruncate(fd, 4 * PAGE_SIZE) == 0);
		at(c, as, DATA + 9 * PAGE_SIZE, i & 1, 3, &regs, &ev);
		CHECK(ev.reason == SWITCH_FILE_SHRUNK, "%d", ev.reason);
		CHECK(regs.rip == CODE + (i & 1 ? 64 : 0) && regs.rdi == DATA + 9 * PAGE_SIZE);
		address_space_unmap(as, DATA + 4 * PAGE_SIZE, CHUNK_SIZE - 4 * PAGE_SIZE);
		context_switch(c, as, &regs, -1, &ev);
		CHECK(ev.reason == SWITCH_SIGNAL && ev.addr == DATA + 9 * PAGE_SIZE);
		at(c, as, DATA + PAGE_SIZE, false, 0, &regs, &ev);
		CHECK(ev.reason == SWITCH_SYSCALL);
		CHECK(ftruncate(fd, CHUNK_SIZE) == 0);
		CHECK(address_space_map_window(as, DATA, w, 0, CHUNK_PAGES,
					       ACCESS_READ | ACCESS_WRITE) == 0);
	}
	address_space_release(as, 0);
	window_put(w);
	close(fd);
	context_release(c);
}

/* More windows than stay unused: the oldest go, none is lost, and contents are never mixed up. */
static void eviction(struct platform *p)
{
	enum { FILES = 1500 };
	struct platform_stats before, after;
	struct stat st;
	uint64_t v;
	int fd = make_file(FILES * CHUNK_SIZE, &st);

	for (uint64_t i = 0; i < FILES; i++)
		CHECK(pwrite(fd, &i, 8, i * CHUNK_SIZE) == 8);
	platform_stats(p, &before);
	for (int round = 0; round < 2; round++)
		for (uint64_t i = 0; i < FILES; i++) {
			struct window *w;

			CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, i * CHUNK_SIZE,
						  false, &w) == 0);
			memcpy(&v, window_ptr(w), 8);
			CHECK(v == i);
			window_put(w);
		}
	platform_stats(p, &after);
	CHECK(after.windows < before.windows + FILES / 2, "%lu windows", after.windows);
	close(fd);
}

/* A file that is copied up keeps its number, but later users must not see the lower one. */
static void copied_up(struct platform *p)
{
	char dir[] = "/tmp/husk-overlay-XXXXXX", path[6][64], options[256];
	static const char *const names[] = {"", "l", "u", "w", "m", "m/f"};
	struct window *before, *after;
	struct stat st;
	uint64_t v = 1;
	int fd;

	CHECK(mkdtemp(dir) && unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("tmpfs", dir, "tmpfs", 0, NULL) == 0);
	for (int i = 0; i < 6; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", dir, names[i]);
	for (int i = 1; i < 5; i++)
		CHECK(mkdir(path[i], 0755) == 0);
	snprintf(options, sizeof(options), "%s/l/f", dir);
	fd = open(options, O_CREAT | O_RDWR, 0644);
	CHECK(fd >= 0 && write(fd, &v, 8) == 8 && close(fd) == 0);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s", path[1], path[2],
		 path[3]);
	CHECK(mount("overlay", path[4], "overlay", 0, options) == 0);

	fd = open(path[5], O_RDONLY);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, 0, false, &before) == 0);
	close(fd);
	v = 2;
	fd = open(path[5], O_RDWR);
	CHECK(fd >= 0 && pwrite(fd, &v, 8, 0) == 8);
	CHECK(platform_window_get(p, fd, st.st_dev, st.st_ino, 0, false, &after) == 0);
	close(fd);
	CHECK(*(uint64_t *)window_ptr(after) == 2, "%lu", *(uint64_t *)window_ptr(after));
	window_put(before);
	window_put(after);
	CHECK(umount2(path[4], MNT_DETACH) == 0 && umount2(dir, MNT_DETACH) == 0);
	CHECK(rmdir(dir) == 0);
}

static void own_pages(struct platform *p)
{
	struct address_space *as = TEST_SPACE(p, peek_poke);
	struct context *c = test_context(p);
	struct user_regs_struct regs;
	struct switch_event ev;
	struct window *w;
	uint64_t *page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	page[512] = 0xfeed;
	if (test_on_ptrace()) { /* that maps files only, and says so */
		CHECK(platform_window_host(p, page, 2, &w) == -ENODEV);
		address_space_release(as, 0);
		context_release(c);
		return;
	}
	CHECK(platform_window_host(p, page, 2, &w) == 0);
	CHECK(platform_window_of(p, page + 700) == w);
	CHECK(address_space_map_window(as, DATA, w, 0, 2, ACCESS_READ) == 0);
	at(c, as, DATA + PAGE_SIZE, false, 0, &regs, &ev);
	CHECK(ev.reason == SWITCH_SYSCALL && regs.orig_rax == 0xfeed);
	at(c, as, DATA + PAGE_SIZE, true, 0, &regs, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault);
	address_space_unmap(as, DATA, 2 * PAGE_SIZE);
	at(c, as, DATA + PAGE_SIZE, false, 0, &regs, &ev);
	CHECK(ev.reason == SWITCH_SIGNAL && ev.page_fault);
	CHECK(page[512] == 0xfeed);
	window_put(w);
	address_space_release(as, 0);
	context_release(c);
}

int main(void)
{
	struct platform *p = test_platform(0);

	see_the_file(p);
	shrinks(p);
	eviction(p);
	own_pages(p);
	if (!test_on_tcg()) /* that kernel has no overlayfs */
		copied_up(p);
	platform_destroy(p);
	return 0;
}
