/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program without any library, for platform-example. Exits with 7. */
#include <sys/syscall.h>

static long call(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

void _start(void);
void _start(void)
{
	static const char text[] = "hello from user mode\n";
	volatile char deep[100000]; /* touches the stack far down */

	deep[0] = text[0];
	if (call(SYS_getpid, 0, 0, 0) != -38 || call(SYS_write, 1, 8, 5) != -14 || deep[0] != 'h')
		call(SYS_exit, 1, 0, 0);
	call(SYS_write, 1, (long)text, sizeof(text) - 1);
	call(SYS_exit, 7, 0, 0);
}
