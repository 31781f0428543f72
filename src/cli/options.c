/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command line options with the habits of Go's flag package, since scripts and engines that call
 * runc rely on them: -name and --name are the same, a value may follow after '=' or as the next
 * word, a flag may be given as --flag=false. Beyond that, letters without values may stand together
 * (-ti).
 */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One word that begins with a dash, taken apart. */
struct word {
	const char *name; /* behind the dashes */
	size_t len;	  /* up to '=' or the end */
	const char *value; /* behind '=', or NULL */
};

static const struct cli_option *find_option(const struct cli_option *options, const struct word *w)
{
	for (const struct cli_option *o = options; o->name; o++) {
		if (strlen(o->name) == w->len && memcmp(o->name, w->name, w->len) == 0)
			return o;
		if (o->letter && w->len == 1 && o->letter == w->name[0])
			return o;
	}
	return NULL;
}

/* The spellings that Go's strconv.ParseBool takes. */
static int parse_bool(const char *text, bool *out)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*out = strcmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

static int append_value(struct cli_strings *s, const char *text)
{
	const char **v = reallocarray(s->v, s->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v[s->n++] = text;
	s->v = v;
	return 0;
}

static int set_flag(const struct cli_option *o, const struct word *w, struct error *err)
{
	if (!w->value)
		*(bool *)o->value = true;
	else if (parse_bool(w->value, o->value) < 0)
		return error_set(err, -EINVAL,
				 "invalid boolean value \"%s\" for -%.*s: parse error", w->value,
				 (int)w->len, w->name);
	return 0;
}

static int set_value(const struct cli_option *o, const struct word *w, const char *text,
		     struct error *err)
{
	unsigned long n;

	switch (o->type) {
	case CLI_FLAG:
		break;
	case CLI_STRING:
		*(const char **)o->value = text;
		break;
	case CLI_STRINGS:
		if (append_value(o->value, text) < 0)
			return error_errno(err, -ENOMEM, "-%s", o->name);
		break;
	case CLI_NUMBER:
		if (cli_parse_number(text, 1 << 20, &n) < 0)
			return error_set(err, -EINVAL,
					 "invalid value \"%s\" for flag -%.*s: parse error", text,
					 (int)w->len, w->name);
		*(unsigned *)o->value = (unsigned)n;
		break;
	}
	return 0;
}

/* -ti: all letters of flags? Then sets them. */
static bool set_letters(const struct cli_option *options, const struct word *w)
{
	for (int set = 0; set < 2; set++) {
		for (size_t i = 0; i < w->len; i++) {
			struct word one = {w->name + i, 1, NULL};
			const struct cli_option *o = find_option(options, &one);

			if (!o || o->type != CLI_FLAG)
				return false;
			if (set)
				*(bool *)o->value = true;
		}
	}
	return true;
}

static bool is_help(const struct word *w)
{
	return (w->len == 1 && w->name[0] == 'h') || (w->len == 4 && !memcmp(w->name, "help", 4));
}

static bool is_option(const char *s)
{
	/* "-" is a name, and "-9" what people write behind kill. */
	return s[0] == '-' && s[1] && !isdigit((unsigned char)s[1]);
}

/* Handles argv[*i], and the word behind it where that is its value (*i then stands on that). */
static int take_option(const struct cli_option *options, int argc, char **argv, int *i, bool *help,
		       struct error *err)
{
	const bool two_dashes = argv[*i][1] == '-';
	struct word w = {.name = argv[*i] + (two_dashes ? 2 : 1)};
	const struct cli_option *o;

	w.len = strcspn(w.name, "=");
	if (w.name[w.len])
		w.value = w.name + w.len + 1;
	o = find_option(options, &w);
	if (!o) {
		if (help && is_help(&w)) {
			*help = true;
			return 0;
		}
		if (!two_dashes && !w.value && w.len > 1 && set_letters(options, &w))
			return 0;
		return error_set(err, -EINVAL, "flag provided but not defined: -%.*s", (int)w.len,
				 w.name);
	}
	if (o->type == CLI_FLAG)
		return set_flag(o, &w, err);
	if (w.value)
		return set_value(o, &w, w.value, err);
	if (*i + 1 >= argc)
		return error_set(err, -EINVAL, "flag needs an argument: -%.*s", (int)w.len, w.name);
	return set_value(o, &w, argv[++*i], err);
}

int cli_parse_options(const struct cli_option *options, bool options_first, int *argc, char **argv,
		      bool *help, struct error *err)
{
	int n = 0, i;

	for (i = 0; i < *argc; i++) {
		int r;

		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (!is_option(argv[i])) {
			if (options_first)
				break;
			argv[n++] = argv[i];
			continue;
		}
		r = take_option(options, *argc, argv, &i, help, err);
		if (r < 0)
			return r;
	}
	while (i < *argc)
		argv[n++] = argv[i++];
	argv[n] = NULL;
	*argc = n;
	return 0;
}

int cli_parse_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*out = strtoul(text, &end, 10);
	return *end || errno || *out > max ? -EINVAL : 0;
}

/* "--bundle value, -b value" */
static int option_label(char *buf, size_t size, const struct cli_option *o)
{
	const char *value = o->type == CLI_FLAG ? "" : " value";

	if (o->letter)
		return snprintf(buf, size, "--%s%s, -%c%s", o->name, value, o->letter, value);
	return snprintf(buf, size, "--%s%s", o->name, value);
}

void cli_print_options(FILE *out, const struct cli_option *options)
{
	char label[80];
	int width = 0;

	for (const struct cli_option *o = options; o->name; o++) {
		int n = option_label(label, sizeof(label), o);

		width = n > width ? n : width;
	}
	for (const struct cli_option *o = options; o->name; o++) {
		option_label(label, sizeof(label), o);
		fprintf(out, "   %-*s  %s\n", width, label, o->help);
	}
}
