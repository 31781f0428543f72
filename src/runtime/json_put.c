/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/json_put.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void json_put_text(yajl_gen g, const char *text)
{
	yajl_gen_string(g, (const unsigned char *)text, strlen(text));
}

void json_put_number(yajl_gen g, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	yajl_gen_number(g, digits, strlen(digits));
}
