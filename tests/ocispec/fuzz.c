/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Damaged documents: every truncation of a full one, and many random changes. Whatever comes, the
 * parser answers with an object or with a sentence. Most worth under --enable-asan. The generator
 * is seeded with a constant, or with the number given as argument, so that a failure repeats.
 */
#include "ocispec_test.h"

static uint64_t state;

static unsigned random_below(unsigned n)
{
	/* xorshift64 (Marsaglia) */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 16) % n);
}

static void feed(const char *text, size_t len)
{
	/* Exactly as large as the text, so that a sanitizer sees a byte read too far. */
	char *copy = malloc(len ? len : 1);
	struct oci_config *c = NULL;
	char *err = NULL, *again;
	int r;

	memcpy(copy, text, len);
	r = oci_config_parse(copy, len, &c, &err);
	CHECK(r <= 0);
	CHECK((r == 0) == (c != NULL));
	CHECK((r == 0) == (err == NULL));
	if (c) {
		again = oci_config_write(c, true);
		CHECK(again != NULL);
		free(again);
	}
	oci_config_free(c);
	free(err);
	free(copy);
}

static void truncations(void)
{
	size_t n = strlen(full_config);

	for (size_t len = 0; len <= n; len++)
		feed(full_config, len);
}

/* Bytes that mean something to JSON do more harm than others. */
static void damage(char *text, size_t n)
{
	static const char marks[] = "{}[]\",:\\-0123456789.eEtfnu";
	const unsigned at = random_below((unsigned)n);

	switch (random_below(4)) {
	case 0:
		text[at] ^= (char)(1u << random_below(8));
		break;
	case 1:
		text[at] = (char)random_below(256);
		break;
	case 2:
		text[at] = marks[random_below(sizeof(marks) - 1)];
		break;
	default: {
		/* A piece of it copied over another place. */
		unsigned from = random_below((unsigned)n), len = random_below(40);

		if (from + len < n && at + len < n)
			memmove(text + at, text + from, len);
	}
	}
}

int main(int argc, char **argv)
{
	const size_t n = strlen(full_config);
	char *text = malloc(n + 1);

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 20261121;
	truncations();
	for (int round = 0; round < 40000; round++) {
		strcpy(text, full_config);
		for (unsigned k = 0; k <= random_below(4); k++)
			damage(text, n);
		feed(text, n);
	}
	free(text);
	if (failures)
		fprintf(stderr, "seed %s\n", argc > 1 ? argv[1] : "20261121");
	return failures != 0;
}
