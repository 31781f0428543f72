/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is parsed is in the structs, and is written as it was read. */
#include "ocispec_test.h"

static void every_field(void)
{
	struct oci_config *c;
	char *err = NULL, *text, *pretty, *again;

	CHECK(oci_config_parse(full_config, strlen(full_config), &c, &err) == 0);
	if (err) {
		fprintf(stderr, "%s\n", err);
		free(err);
		return;
	}
	text = oci_config_write(c, false);
	CHECK(strcmp(text, full_config) == 0);
	CHECK(c->n_unknown == 0);
	pretty = oci_config_write(c, true);
	oci_config_free(c);
	CHECK(oci_config_parse(pretty, strlen(pretty), &c, &err) == 0);
	again = oci_config_write(c, false);
	CHECK(strcmp(again, full_config) == 0);
	oci_config_free(c);
	free(text);
	free(pretty);
	free(again);
}

static void fields_are_found(void)
{
	struct oci_config *c;
	char *err = NULL;

	if (oci_config_parse(full_config, strlen(full_config), &c, &err))
		return;
	CHECK(c->process->has_terminal && c->process->terminal);
	CHECK(c->process->has_no_new_privileges && !c->process->no_new_privileges);
	CHECK(c->process->n_args == 3 && !c->process->args[3]);
	CHECK(strcmp(c->process->args[2], "echo \"ä\"\n\x01") == 0);
	CHECK(c->process->rlimits[0].hard == UINT64_MAX);
	CHECK(c->process->oom_score_adj == -1000);
	CHECK(c->process->user->n_additional_gids == 2 &&
	      c->process->user->additional_gids[1] == 6);
	CHECK(c->linux->n_namespaces == 8 && !c->linux->namespaces[0].path);
	CHECK(strcmp(oci_map_get(&c->annotations, "org.x"), "1") == 0);
	CHECK(!oci_map_get(&c->annotations, "org"));
	CHECK(c->linux->n_time_offsets == 2 && c->linux->time_offsets[0].secs == -172800);
	CHECK(strcmp(c->linux->time_offsets_keys[1], "boottime") == 0);
	CHECK(!c->linux->time_offsets[1].has_nanosecs);
	CHECK(c->linux->resources->devices[1].minor == -1);
	CHECK(!c->linux->resources->devices[0].has_minor);
	CHECK(c->vm->hw_config->memory == UINT64_C(1) << 32 && c->vm->hw_config->irqs[1] == 22);
	oci_config_free(c);
}

/* Absent, null, and unknown; linux and process.user are there all the same. */
static void minimal(void)
{
	static const char text[] =
	    "{\"ociVersion\":\"1.0.2-dev\",\"root\":{\"path\":\"r\",\"new\":[{}]},"
	    "\"hostname\":null,\"mounts\":null,\"solaris\":{\"a\":{\"a\":1}},"
	    "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"rlimits\":[],"
	    "\"capabilities\":null}}";
	struct oci_config *c;
	char *err = NULL, *out;

	CHECK(oci_config_parse(text, strlen(text), &c, &err) == 0);
	CHECK(!err && c);
	CHECK(c->linux && c->process->user && !c->process->user->has_uid);
	CHECK(!c->hostname && !c->n_mounts && !c->mounts && !c->process->capabilities && !c->hooks);
	CHECK(c->n_unknown == 2);
	out = oci_config_write(c, false);
	CHECK(strcmp(out,
		     "{\"ociVersion\":\"1.0.2-dev\",\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"},"
		     "\"root\":{\"path\":\"r\"}}") == 0);
	free(out);
	oci_config_free(c);
}

/* Arrays grow by doubling: every length around the powers of two. */
static void arrays_of_all_lengths(void)
{
	for (unsigned n = 1; n < 70; n++) {
		char text[2048] = "{\"cwd\":\"/\",\"args\":[\"0\"", *err = NULL;
		struct oci_process *p;

		for (unsigned i = 1; i < n; i++)
			sprintf(text + strlen(text), ",\"%u\"", i);
		strcat(text, "],\"user\":{\"additionalGids\":[0");
		for (unsigned i = 1; i < n; i++)
			sprintf(text + strlen(text), ",%u", i);
		strcat(text, "]}}");
		CHECK(oci_process_parse(text, strlen(text), &p, &err) == 0);
		CHECK(p->n_args == n && !p->args[n] && atoi(p->args[n - 1]) == (int)n - 1);
		CHECK(p->user->n_additional_gids == n && p->user->additional_gids[n - 1] == n - 1);
		oci_process_free(p);
	}
}

static void other_documents(void)
{
	static const char state[] = "{\"ociVersion\":\"1.2.0\",\"id\":\"c\",\"status\":\"running\","
				    "\"pid\":4422,\"bundle\":\"/b\",\"annotations\":{\"k\":\"v\"}}";
	static const char features[] =
	    "{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.2.0\",\"hooks\":[\"prestart\"],"
	    "\"linux\":{\"namespaces\":[\"pid\"],\"cgroup\":{\"v1\":true},\"mountExtensions\":{"
	    "\"idmap\":{\"enabled\":false}}},\"annotations\":{\"a\":\"b\"}}";
	struct oci_features *f;
	struct oci_state *s;
	char *err = NULL, *text;

	CHECK(oci_state_parse(state, strlen(state), &s, &err) == 0);
	text = oci_state_write(s, false);
	CHECK(strcmp(text, state) == 0);
	CHECK(s->pid == 4422);
	free(text);
	oci_state_free(s);
	CHECK(oci_features_parse(features, strlen(features), &f, &err) == 0);
	text = oci_features_write(f, false);
	CHECK(strcmp(text, features) == 0);
	free(text);
	oci_features_free(f);
}

static void pretty_form(void)
{
	static const char want[] = "{\n\t\"cwd\": \"/\"\n}";
	struct oci_process p = {.cwd = (char *)"/"};
	struct oci_user none = {0};
	char *text;

	p.user = &none;
	text = oci_process_write(&p, true);
	CHECK(strcmp(text, want) == 0);
	free(text);
}

static void helpers(void)
{
	struct oci_map map = {0};
	char **strs = NULL;
	size_t n = 0;

	CHECK(oci_map_set(&map, "a", "1") == 0 && oci_map_set(&map, "b", "2") == 0);
	CHECK(oci_map_set(&map, "a", "3") == 0 && map.n == 2);
	CHECK(strcmp(oci_map_get(&map, "a"), "3") == 0);
	for (size_t i = 0; i < map.n; i++) {
		free(map.keys[i]);
		free(map.values[i]);
	}
	free(map.keys);
	free(map.values);
	CHECK(oci_strs_append(&strs, &n, "x") == 0 && oci_strs_append(&strs, &n, "y") == 0);
	CHECK(n == 2 && strcmp(strs[1], "y") == 0 && !strs[2]);
	free(strs[0]);
	free(strs[1]);
	free(strs);
	CHECK(oci_capability_number("CAP_SYS_ADMIN") == 21 && oci_capability_number("CAP_X") == -1);
	CHECK(strcmp(oci_capability_name(40), "CAP_CHECKPOINT_RESTORE") == 0);
	CHECK(!oci_capability_name(41) && !oci_capability_name(-1));
	CHECK(oci_rlimit_number("RLIMIT_NOFILE") == 7 && oci_rlimit_number("NOFILE") == -1);
}

int main(void)
{
	every_field();
	fields_are_found();
	minimal();
	arrays_of_all_lengths();
	other_documents();
	pretty_form();
	helpers();
	return failures != 0;
}
