/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Members of a JSON object that yajl is writing. yajl keeps what goes wrong, until its text is asked for. */
#ifndef HUSK_RUNTIME_JSON_PUT_H
#define HUSK_RUNTIME_JSON_PUT_H

#include <stdint.h>
#include <yajl/yajl_gen.h>

/* The name of a member, whose value comes next; or a string of its own. */
void json_put_text(yajl_gen g, const char *text);

/* A number, any up to UINT64_MAX: yajl's own integers are signed. */
void json_put_number(yajl_gen g, uint64_t value);

#endif
