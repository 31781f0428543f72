/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls at random, with arguments that programs do not pass: null and wild pointers, huge
 * lengths, descriptors of every kind. What they answer does not matter; the kernel must survive it,
 * and afterwards still run ordinary programs. Runs as a container's init: never on a host.
 *
 *   syscalls ROUNDS CALLS SEED      ROUNDS processes of CALLS calls each, two threads a process
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define AREA (16 * 4096)

static char *area;
static long calls;

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d)
{
	d->state ^= d->state << 13;
	d->state ^= d->state >> 7;
	d->state ^= d->state << 17;
	return d->state;
}

static uint64_t argument(struct dice *d)
{
	switch (roll(d) % 15) {
	case 0:
		return 0;
	case 1:
		return roll(d) % 8;
	case 2:
		return roll(d) % 256;
	case 3:
		return -1;
	case 4:
		return (uint64_t)area;
	case 5:
		return (uint64_t)area + roll(d) % AREA;
	case 6:
		return (uint64_t)area + AREA - roll(d) % 16; /* runs over the end */
	case 7:
		return roll(d);
	case 8:
		return 1ULL << roll(d) % 64;
	case 9:
		return 0x7fffffffe000 + roll(d) % 8192; /* where user space ends */
	case 10:
		return 0xffff800000000000 + roll(d) % 65536; /* where the stub lives */
	case 11:
		return roll(d) % 65536;
	case 12:
		return -(roll(d) % 4096);
	case 13:
		return 0x8000000000000000;
	default:
		return (uint32_t)roll(d);
	}
}

/* Calls that would end the process, multiply it without end, sleep for ever or reach its parent. */
static int left_out(long nr)
{
	static const short list[] = {
	    SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigreturn, SYS_execve, SYS_execveat, SYS_fork,
	    SYS_vfork, SYS_clone, SYS_clone3, SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo,
	    SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_rt_sigsuspend, SYS_alarm, SYS_setitimer,
	    SYS_seccomp, SYS_reboot, SYS_rt_sigprocmask, SYS_rt_sigaction,
	};

	for (unsigned i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i] == nr)
			return 1;
	return 0;
}

static void *storm(void *arg)
{
	struct dice d = {(uint64_t)arg};

	for (long i = 0; i < calls; i++) {
		long nr = roll(&d) % 470;
		uint64_t a[6];

		if (left_out(nr))
			continue;
		for (int k = 0; k < 48; k++)
			area[roll(&d) % AREA] = roll(&d) % 3 ? roll(&d) : 0;
		if (roll(&d) % 4 == 0)
			strcpy(area, roll(&d) % 2 ? "f" : "/proc/self/stat");
		for (int k = 0; k < 6; k++)
			a[k] = argument(&d);
		if (nr == SYS_prctl && a[0] == PR_SET_SECCOMP)
			continue;
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	return NULL;
}

/* Something behind every small descriptor. */
static void open_things(void)
{
	int sv[2], p[2];

	for (int fd = 3; fd < 64; fd++)
		close(fd);
	if (pipe(p) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0)
		_exit(3);
	eventfd(0, EFD_NONBLOCK);
	epoll_create1(0);
	syscall(SYS_openat, -100, "/proc/self", 0200000 /* O_DIRECTORY */);
	syscall(SYS_openat, -100, "/dev/ptmx", 2);
	syscall(SYS_openat, -100, "f", 0102, 0600);
	syscall(SYS_memfd_create, "m", 0);
	syscall(SYS_inotify_init1, 04000);
	syscall(SYS_timerfd_create, 1, 04000);
}

static void child(uint64_t seed)
{
	pthread_t t;

	alarm(4);
	area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chdir("/tmp") < 0)
		_exit(3);
	open_things();
	pthread_create(&t, NULL, storm, (void *)(seed * 0x9e3779b97f4a7c15 | 1));
	storm((void *)((seed + 1) * 0xbf58476d1ce4e5b9 | 1));
	_exit(0);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 50, orderly = 0;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;

	calls = argc > 2 ? atol(argv[2]) : 1000;
	for (int r = 0; r < rounds; r++) {
		pid_t pid = fork();
		int st;

		if (pid == 0)
			child(seed * 1000003 + 2 * r);
		while (waitpid(pid, &st, 0) != pid)
			;
		orderly += WIFEXITED(st);
	}
	printf("survived %d processes, %d of them ended by themselves\n", rounds, orderly);
	return 0;
}
