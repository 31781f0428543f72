/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of libocispec share: a check that counts, and a config.json with every field. */
#ifndef TESTS_OCISPEC_OCISPEC_TEST_H
#define TESTS_OCISPEC_OCISPEC_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libocispec/ocispec.h"

extern int failures;

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

/* One of every field of config.json that the tables know, in the writer's order. */
extern const char full_config[];

#endif
