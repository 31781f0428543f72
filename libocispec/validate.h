/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two halves of the rules share. Every function returns 0, or -EINVAL with a sentence. */
#ifndef OCISPEC_VALIDATE_H
#define OCISPEC_VALIDATE_H

#include "libocispec/object.h"

/* Writes the name of a place into buf and returns it: AT(buf, "mounts[%zu].type", i). */
typedef char oci_place[160];
const char *oci_at(oci_place buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* s is one of the words (NULL-terminated), or absent. */
int oci_check_word(char **err, const char *at, const char *s, const char *const *words);
/* The same for each of an array of strings. */
int oci_check_words(char **err, const char *at, char *const *strs, size_t n,
		    const char *const *words);
/* s begins with a slash, or is absent. */
int oci_check_absolute(char **err, const char *at, const char *s);
/* "0-3,7", as cpuset(7) calls the List Format; or absent or empty. */
int oci_check_list(char **err, const char *at, const char *s);
/* Ranges of ids: not empty, within 32 bits, not overlapping on either side. */
int oci_check_mappings(char **err, const char *at, const struct oci_id_mapping *m, size_t n);

/* The first namespace of that type, or NULL. */
const struct oci_namespace *oci_find_namespace(const struct oci_config *c, const char *type);

/* Everything below config.linux. */
int oci_linux_validate(const struct oci_config *c, char **err);
/* config.linux.seccomp */
int oci_seccomp_validate(const struct oci_seccomp *s, char **err);
/* config.linux.resources */
int oci_resources_validate(const struct oci_resources *r, char **err);

/* Reads a decimal number below 65536 and moves *s behind it. 0 or -EINVAL. */
int oci_read_number(const char **s, unsigned long *n);

#endif
