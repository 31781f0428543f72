# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs that assert what the man pages promise (tests/abi/abi.h). They are static, so that the
# same file runs on the host and in any container, and never instrumented: what is under test is
# the kernel below them. tests/abi/run runs them; `make check` only builds them.

abi_programs = \
	tests/abi/clock tests/abi/cred tests/abi/file tests/abi/futex tests/abi/lock \
	tests/abi/memory tests/abi/poll tests/abi/process tests/abi/procfs tests/abi/pty \
	tests/abi/signal tests/abi/socket
check_PROGRAMS += $(abi_programs)
EXTRA_DIST += tests/abi/run tests/lib.sh

# Bad pointers and lengths are what some cases are about.
abi_cflags = -std=gnu11 -O2 -Wall -Wextra -Wno-nonnull -Wno-stringop-overflow -Wno-stringop-overread
abi_ldflags = -static -pthread

tests_abi_clock_SOURCES = tests/abi/clock.c tests/abi/abi.h
tests_abi_clock_CFLAGS = $(abi_cflags)
tests_abi_clock_LDFLAGS = $(abi_ldflags)
tests_abi_cred_SOURCES = tests/abi/cred.c tests/abi/abi.h
tests_abi_cred_CFLAGS = $(abi_cflags)
tests_abi_cred_LDFLAGS = $(abi_ldflags)
tests_abi_file_SOURCES = tests/abi/file.c tests/abi/abi.h
tests_abi_file_CFLAGS = $(abi_cflags)
tests_abi_file_LDFLAGS = $(abi_ldflags)
tests_abi_futex_SOURCES = tests/abi/futex.c tests/abi/abi.h
tests_abi_futex_CFLAGS = $(abi_cflags)
tests_abi_futex_LDFLAGS = $(abi_ldflags)
tests_abi_lock_SOURCES = tests/abi/lock.c tests/abi/abi.h
tests_abi_lock_CFLAGS = $(abi_cflags)
tests_abi_lock_LDFLAGS = $(abi_ldflags)
tests_abi_memory_SOURCES = tests/abi/memory.c tests/abi/abi.h
tests_abi_memory_CFLAGS = $(abi_cflags)
tests_abi_memory_LDFLAGS = $(abi_ldflags)
tests_abi_poll_SOURCES = tests/abi/poll.c tests/abi/abi.h
tests_abi_poll_CFLAGS = $(abi_cflags)
tests_abi_poll_LDFLAGS = $(abi_ldflags)
tests_abi_process_SOURCES = tests/abi/process.c tests/abi/abi.h
tests_abi_process_CFLAGS = $(abi_cflags)
tests_abi_process_LDFLAGS = $(abi_ldflags)
tests_abi_procfs_SOURCES = tests/abi/procfs.c tests/abi/abi.h
tests_abi_procfs_CFLAGS = $(abi_cflags)
tests_abi_procfs_LDFLAGS = $(abi_ldflags)
tests_abi_pty_SOURCES = tests/abi/pty.c tests/abi/abi.h
tests_abi_pty_CFLAGS = $(abi_cflags)
tests_abi_pty_LDFLAGS = $(abi_ldflags)
tests_abi_signal_SOURCES = tests/abi/signal.c tests/abi/abi.h
tests_abi_signal_CFLAGS = $(abi_cflags)
tests_abi_signal_LDFLAGS = $(abi_ldflags)
tests_abi_socket_SOURCES = tests/abi/socket.c tests/abi/abi.h
tests_abi_socket_CFLAGS = $(abi_cflags)
tests_abi_socket_LDFLAGS = $(abi_ldflags)

.PHONY: abi-programs
abi-programs: $(abi_programs)
