/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assertions for unit tests: they count, go on, and decide the exit status in check_done(). */
#ifndef HUSK_TESTS_CHECK_H
#define HUSK_TESTS_CHECK_H

#include <stdio.h>

static int check_failed, check_passed;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (cond) {                                                                        \
			check_passed++;                                                            \
		} else {                                                                           \
			check_failed++;                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
		}                                                                                  \
	} while (0)

static inline int check_done(void)
{
	printf("%d passed, %d failed\n", check_passed, check_failed);
	return check_failed ? 1 : 0;
}

#endif
