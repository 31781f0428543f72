# SPDX-License-Identifier: GPL-2.0-or-later
check_PROGRAMS += contrib/platform-example/platform-example contrib/platform-example/hello
TESTS += contrib/platform-example/check
EXTRA_DIST += contrib/platform-example/check
contrib_platform_example_platform_example_SOURCES = contrib/platform-example/example.c
contrib_platform_example_platform_example_LDADD = libplatform.a libbase.a
contrib_platform_example_hello_SOURCES = contrib/platform-example/hello.c
# Not the build's own flags: no sanitizer and no start-up code can be in there.
contrib_platform_example_hello_CFLAGS = -O2 -fno-stack-protector -fno-sanitize=all
contrib_platform_example_hello_LDFLAGS = -static -nostdlib -no-pie
