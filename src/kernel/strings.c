/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/strings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/usermem.h"

/* One string, with its NUL; Linux' MAX_ARG_STRLEN. */
#define STRING_MAX (32 * 4096)
#define TOTAL_MIN (32 * 4096)
#define TOTAL_MAX (6UL << 20)
#define POINTERS_AT_ONCE 64

size_t exec_strings_limit(uint64_t stack_limit)
{
	uint64_t limit = stack_limit / 4;

	if (limit > TOTAL_MAX)
		limit = TOTAL_MAX;
	return limit < TOTAL_MIN ? TOTAL_MIN : limit;
}

static size_t total(const struct exec_strings *s)
{
	return s->argv.len + s->env.len + (s->argv.n + s->env.n) * sizeof(uint64_t);
}

static int reserve(struct strings *v, size_t n)
{
	size_t cap = v->cap ? v->cap : 1024;
	char *data;

	while (cap < v->len + n)
		cap *= 2;
	if (cap == v->cap)
		return 0;
	data = realloc(v->data, cap);
	if (!data)
		return -ENOMEM;
	v->data = data;
	v->cap = cap;
	return 0;
}

static int append(struct strings *v, const char *str, size_t len)
{
	int r = reserve(v, len);

	if (r < 0)
		return r;
	memcpy(v->data + v->len, str, len);
	v->len += len;
	v->n++;
	return 0;
}

static int append_from_guest(struct strings *v, uint64_t addr)
{
	ssize_t n = -ENAMETOOLONG;

	/* Most are short: try little before making room for the longest. */
	for (size_t max = 256; n == -ENAMETOOLONG && max <= STRING_MAX; max *= STRING_MAX / 256) {
		int r = reserve(v, max);

		if (r < 0)
			return r;
		n = copy_in_str(v->data + v->len, addr, max);
	}
	if (n < 0)
		return n == -ENAMETOOLONG ? -E2BIG : (int)n;
	v->len += n + 1;
	v->n++;
	return 0;
}

static int vector_from_guest(struct exec_strings *s, struct strings *v, uint64_t addr)
{
	uint64_t pointers[POINTERS_AT_ONCE];

	if (!addr)
		return 0; /* Linux takes NULL for an empty list */
	for (;;) {
		/* Up to the end of the page: the list may end right before an unmapped one. */
		size_t n = (4096 - addr % 4096) / sizeof(uint64_t);
		int r;

		if (n == 0)
			n = 1;
		if (n > POINTERS_AT_ONCE)
			n = POINTERS_AT_ONCE;
		r = copy_in(pointers, addr, n * sizeof(uint64_t));
		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++) {
			if (!pointers[i])
				return 0;
			r = append_from_guest(v, pointers[i]);
			if (r < 0)
				return r;
			if (total(s) > s->limit)
				return -E2BIG;
		}
		addr += n * sizeof(uint64_t);
	}
}

/* Programs rely on argv[0]; Linux puts an empty one there since 5.18. */
static int ensure_argv0(struct exec_strings *s)
{
	return s->argv.n ? 0 : append(&s->argv, "", 1);
}

int exec_strings_from_guest(struct exec_strings *s, uint64_t argv, uint64_t env)
{
	int r = vector_from_guest(s, &s->argv, argv);

	if (r == 0)
		r = vector_from_guest(s, &s->env, env);
	return r < 0 ? r : ensure_argv0(s);
}

static int vector_from_host(struct exec_strings *s, struct strings *v, const char *const *list)
{
	for (; list && *list; list++) {
		size_t len = strlen(*list) + 1;
		int r = len > STRING_MAX ? -E2BIG : append(v, *list, len);

		if (r == 0 && total(s) > s->limit)
			r = -E2BIG;
		if (r < 0)
			return r;
	}
	return 0;
}

int exec_strings_from_host(struct exec_strings *s, const char *const *argv,
			   const char *const *env)
{
	int r = vector_from_host(s, &s->argv, argv);

	if (r == 0)
		r = vector_from_host(s, &s->env, env);
	return r < 0 ? r : ensure_argv0(s);
}

int exec_strings_script(struct exec_strings *s, const char *interpreter, const char *argument,
			const char *script)
{
	struct strings v = {0};
	size_t first = strlen(s->argv.data) + 1;
	int r = append(&v, interpreter, strlen(interpreter) + 1);

	if (r == 0 && argument)
		r = append(&v, argument, strlen(argument) + 1);
	if (r == 0)
		r = append(&v, script, strlen(script) + 1);
	if (r == 0 && s->argv.n > 1) {
		r = append(&v, s->argv.data + first, s->argv.len - first);
		v.n += s->argv.n - 2;
	}
	if (r < 0) {
		free(v.data);
		return r;
	}
	free(s->argv.data);
	s->argv = v;
	return total(s) > s->limit ? -E2BIG : 0;
}

void exec_strings_free(struct exec_strings *s)
{
	free(s->argv.data);
	free(s->env.data);
	memset(&s->argv, 0, sizeof(s->argv));
	memset(&s->env, 0, sizeof(s->env));
}
