# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the bats files share. Each file makes one busybox root file system; each test has a state
# directory and a name of its own, and must leave nothing behind (teardown checks it).

. "$BATS_TEST_DIRNAME/../lib.sh"
bats_require_minimum_version 1.5.0

husk_exe=$(runtime_path husk)

setup_file() {
	make_busybox_rootfs "$BATS_FILE_TMPDIR/rootfs"
	if [ "$(type -t file_setup)" = function ]; then
		file_setup
	fi
}

setup() {
	rootfs=$BATS_FILE_TMPDIR/rootfs
	state=$BATS_TEST_TMPDIR/state
	bundle=$BATS_TEST_TMPDIR/bundle
	id=cli-$BATS_TEST_NUMBER-$$
	before=$(footprint)
}

teardown() {
	local c after

	for c in "$state"/*/; do
		[ ! -d "$c" ] || h delete --force "$(basename "$c")" >/dev/null 2>&1 || true
	done
	after=$(footprint)
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$before" != "$after" ] || break
		sleep 0.2
		after=$(footprint)
	done
	if [ "$before" != "$after" ]; then
		echo "left over:"
		diff <(echo "$before") <(echo "$after")
		return 1
	fi
}

# Everything that a container can leave: mounts, cgroups, state, processes of this husk.
footprint() {
	cut -d' ' -f2,3 /proc/mounts | sort
	find /sys/fs/cgroup -type d -name "*$id*" 2>/dev/null | sort
	ls -A "$state" 2>/dev/null
	husk_processes
}

# pids of the husk under test whose command line names this test's state directory, or sandboxes of it.
husk_processes() {
	local p

	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/exe" 2>/dev/null)" != "$(readlink -f "$husk_exe")" ] ||
			! tr '\0' ' ' <"$p/cmdline" 2>/dev/null | grep -q "$BATS_FILE_TMPDIR\|$BATS_RUN_TMPDIR" ||
			echo "process ${p#/proc/}"
	done
}

# $HUSK_TEST_PLATFORM, if it is set, is the platform that containers run on.
h() {
	timeout -k 5 "${LIMIT:-60}" "$husk_exe" ${HUSK_TEST_PLATFORM:+--platform=$HUSK_TEST_PLATFORM} \
		--root "$state" "$@"
}

# A runtime beside husk, with the same bundle: what does runc say?
r() {
	timeout -k 5 60 runc --root "$state.runc" "$@"
}

bundle() { # ARG …
	make_bundle "$bundle" "$rootfs" "$@"
}

# Changes config.json by a jq program.
edit() { # [JQ-OPTION …] PROGRAM
	jq "$@" <"$bundle/config.json" >"$bundle/new" && mv "$bundle/new" "$bundle/config.json"
}

status_of() {
	h state "$1" | jq -r .status
}

# Waits until the command succeeds; at most 10 s.
wait_for() {
	local _i

	for _i in $(seq 100); do
		if "$@"; then
			return 0
		fi
		sleep 0.1
	done
	echo "never came true: $*"
	return 1
}

is_status() { # ID STATUS
	[ "$(status_of "$1")" = "$2" ]
}

sandbox_pid() {
	h state "$1" | jq .pid
}

# Does the process run? A zombie that nobody has reaped yet does not.
alive() { # PID
	[ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

fail() {
	echo "$*"
	return 1
}

equal() { # WHAT HAVE WANT
	[ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
}
