/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * docs/OCI.md against the code: it has one row for each property that libocispec knows, no row for one
 * that it does not, and what it calls refused is what refusals.c refuses.
 *
 * A row is "| `path` | word | …". A path is a property's place in config.json, `state` or `features`:
 * [] stands for each of an array, * for each name of a map.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libocispec/object.h"
#include "runtime/files.h"
#include "runtime/refusals.h"
#include "tests/base/check.h"

#define ROWS_MAX 1000
#define PATH_LENGTH 160

static struct row {
	char path[PATH_LENGTH];
	char word[16];
	bool met;
} rows[ROWS_MAX];
static unsigned n_rows;

static const char *const words[] = {"done", "in part", "host", "refused", "nothing", NULL};

static struct row *find_row(const char *path)
{
	for (unsigned i = 0; i < n_rows; i++)
		if (!strcmp(rows[i].path, path))
			return &rows[i];
	return NULL;
}

static bool is_word(const char *s)
{
	for (size_t i = 0; words[i]; i++)
		if (!strcmp(words[i], s))
			return true;
	return false;
}

static bool read_rows(const char *file)
{
	FILE *f = fopen(file, "re");
	char line[1024];
	struct row r = {0};

	if (!f) {
		perror(file);
		return false;
	}
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "| `%159[^`]` | %15[^|]|", r.path, r.word) != 2)
			continue;
		/* Annotations have a table of their own: no program can know their names. */
		if (!strncmp(r.path, "org.", 4) || !strncmp(r.path, "run.", 4))
			continue;
		r.word[strcspn(r.word, "|")] = '\0';
		while (*r.word && r.word[strlen(r.word) - 1] == ' ')
			r.word[strlen(r.word) - 1] = '\0';
		if (find_row(r.path) || !is_word(r.word) || n_rows == ROWS_MAX) {
			fprintf(stderr, "%s: row `%s` (%s): twice, or an unknown word\n", file, r.path,
				r.word);
			check_failed++;
			continue;
		}
		rows[n_rows++] = r;
	}
	fclose(f);
	return true;
}

/* ---- every property has a row -------------------------------------------------------------- */

static void walk(const struct oci_object *o, const char *prefix)
{
	char path[PATH_LENGTH];

	for (unsigned i = 0; i < o->n_fields; i++) {
		const struct oci_field *f = &o->fields[i];
		const char *behind = f->kind == OCI_OBJS ? "[]" : f->kind == OCI_OBJMAP ? ".*" : "";

		if (f->kind == OCI_COUNT)
			continue;
		snprintf(path, sizeof(path), "%s%s%s%s", prefix, *prefix ? "." : "", f->json, behind);
		if (f->kind == OCI_OBJ || f->kind == OCI_OBJS || f->kind == OCI_OBJMAP) {
			walk(f->object(), path);
			continue;
		}
		struct row *r = find_row(path);

		if (r) {
			r->met = true;
			check_passed++;
		} else {
			fprintf(stderr, "docs/OCI.md has no row for `%s`\n", path);
			check_failed++;
		}
	}
}

/* ---- what is refused ----------------------------------------------------------------------- */

/* One path is the other, or an object around it. */
static bool covers(const char *outer, const char *inner)
{
	size_t n = strlen(outer);

	return !strncmp(outer, inner, n) && (!inner[n] || strchr(".[", inner[n]));
}

/* refusals.c writes paths as messages do, without [] and *. */
static void plain_path(const char *path, char *out)
{
	for (; *path; path++)
		if (strncmp(path, "[]", 2) == 0)
			path++;
		else
			*out++ = *path;
	*out = '\0';
}

static bool is_refused(const char *path)
{
	char plain[PATH_LENGTH];

	plain_path(path, plain);
	for (size_t i = 0; refusal_path(i); i++)
		if (covers(refusal_path(i), plain))
			return true;
	return false;
}

static void compare_refusals(void)
{
	for (unsigned i = 0; i < n_rows; i++) {
		if (strcmp(rows[i].word, "refused") || is_refused(rows[i].path)) {
			check_passed++;
			continue;
		}
		fprintf(stderr, "docs/OCI.md: `%s` is not refused\n", rows[i].path);
		check_failed++;
	}
	for (size_t i = 0; refusal_path(i); i++) {
		const char *path = refusal_path(i);
		bool found = false;

		for (unsigned k = 0; k < n_rows && !found; k++) {
			char plain[PATH_LENGTH];

			plain_path(rows[k].path, plain);
			found = covers(path, plain) && strcmp(rows[k].word, "done") &&
				strcmp(rows[k].word, "nothing");
		}
		if (!found)
			fprintf(stderr, "docs/OCI.md does not say that `%s` is refused\n", path);
		CHECK(found);
	}
}

int main(void)
{
	const char *srcdir = getenv("srcdir");
	char *file = string_format("%s/docs/OCI.md", srcdir ? srcdir : "..");

	if (!file || !read_rows(file))
		return 99;
	walk(oci_object_config(), "");
	walk(oci_object_state(), "state");
	walk(oci_object_features(), "features");
	for (unsigned i = 0; i < n_rows; i++) {
		if (!rows[i].met)
			fprintf(stderr, "docs/OCI.md: libocispec knows no `%s`\n", rows[i].path);
		CHECK(rows[i].met);
	}
	compare_refusals();
	free(file);
	return check_done();
}
