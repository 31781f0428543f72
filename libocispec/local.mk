# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libocispec.a
libocispec_a_SOURCES = \
	libocispec/load.c \
	libocispec/merge.c \
	libocispec/names.c \
	libocispec/object.c libocispec/object.h \
	libocispec/ocispec.h \
	libocispec/parse.c libocispec/parse_error.c libocispec/parser.h \
	libocispec/tables.h \
	libocispec/validate.c libocispec/validate.h \
	libocispec/validate_linux.c \
	libocispec/validate_resources.c \
	libocispec/validate_seccomp.c \
	libocispec/write.c
