/* SPDX-License-Identifier: GPL-2.0-or-later */
/* oci_resources_merge(): what `update` makes of the resources that were and those that are new. */
#include "ocispec_test.h"

int failures;

static const struct {
	const char *to, *from, *result;
} cases[] = {
    /* nothing new, everything new */
    {"{}", "{}", "{}"},
    {"{\"memory\":{\"limit\":1}}", "{}", "{\"memory\":{\"limit\":1}}"},
    {"{}", "{\"cpu\":{\"cpus\":\"0\"}}", "{\"cpu\":{\"cpus\":\"0\"}}"},
    /* objects field by field; false and 0 are values */
    {"{\"memory\":{\"limit\":1,\"swap\":2}}", "{\"memory\":{\"limit\":3}}",
     "{\"memory\":{\"limit\":3,\"swap\":2}}"},
    {"{\"memory\":{\"disableOOMKiller\":true}}", "{\"memory\":{\"disableOOMKiller\":false}}",
     "{\"memory\":{\"disableOOMKiller\":false}}"},
    {"{\"cpu\":{\"idle\":1,\"cpus\":\"0-3\"}}", "{\"cpu\":{\"idle\":0,\"cpus\":\"1\"}}",
     "{\"cpu\":{\"cpus\":\"1\",\"idle\":0}}"},
    {"{\"blockIO\":{\"weight\":10,\"leafWeight\":20}}", "{\"blockIO\":{\"leafWeight\":30}}",
     "{\"blockIO\":{\"weight\":10,\"leafWeight\":30}}"},
    /* arrays and maps of objects as a whole, maps of strings name by name */
    {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1},{\"pageSize\":\"1GB\",\"limit\":2}]}",
     "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":3}]}",
     "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":3}]}"},
    {"{\"rdma\":{\"a\":{\"hcaHandles\":1},\"b\":{\"hcaHandles\":2}}}",
     "{\"rdma\":{\"c\":{\"hcaObjects\":3}}}", "{\"rdma\":{\"c\":{\"hcaObjects\":3}}}"},
    {"{\"unified\":{\"pids.max\":\"1\",\"cpu.max\":\"2\"}}", "{\"unified\":{\"pids.max\":\"3\",\"x\":\"4\"}}",
     "{\"unified\":{\"pids.max\":\"3\",\"cpu.max\":\"2\",\"x\":\"4\"}}"},
};

static struct oci_resources *parse(const char *text)
{
	struct oci_resources *r = NULL;
	char *why = NULL;

	CHECK(oci_resources_parse(text, strlen(text), &r, &why) == 0);
	if (why)
		fprintf(stderr, "%s\n", why);
	free(why);
	return r;
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct oci_resources *to = parse(cases[i].to), *from = parse(cases[i].from);
		char *text = NULL;

		if (to && from) {
			CHECK(oci_resources_merge(to, from) == 0);
			text = oci_resources_write(to, false);
		}
		if (!text || strcmp(text, cases[i].result)) {
			fprintf(stderr, "%s over %s: %s\n", cases[i].from, cases[i].to,
				text ? text : "nothing");
			failures++;
		}
		free(text);
		/* What was moved is released once. */
		oci_resources_free(from);
		oci_resources_free(to);
	}
	return failures != 0;
}
