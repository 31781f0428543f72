#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# pause and resume, by the freezer of cgroup v1 and of v2.

load helper

# Runs a function of this file where only cgroup v2 is to be seen.
on_v2() { # FUNCTION [ARG …]
	export -f h fail equal bundle edit make_bundle status_of is_status wait_for sandbox_pid alive \
		runtime_path die counts stands_still moves paused_dies
	export husk_exe state rootfs bundle id tests_dir
	unshare -m bash -ec 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; "$@"' on_v2 "$@"
}

# A container whose process counts in a file, as fast as it can.
counts() {
	bundle sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/tmp/count; done'
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	wait_for test -s "$rootfs/tmp/count"
}

moves() {
	local now
	now=$(cat "$rootfs/tmp/count")
	wait_for eval "[ \"\$(cat '$rootfs/tmp/count')\" != '$now' ]"
}

stands_still() {
	local now
	now=$(cat "$rootfs/tmp/count")
	for _ in 1 2 3 4 5; do
		sleep 0.05
		equal count "$(cat "$rootfs/tmp/count")" "$now"
	done
}

paused_dies() { # COMMAND …: kills the paused container
	local pid

	counts
	h pause "$id"
	equal status "$(status_of "$id")" paused
	stands_still
	pid=$(sandbox_pid "$id")
	"$@" "$id" KILL
	wait_for eval "! alive $pid"
	h delete --force "$id"
}

@test "a paused container stands still and goes on where it was" {
	counts
	h pause "$id"
	equal status "$(status_of "$id")" paused
	equal list "$(h list | awk 'NR == 2 {print $3}')" paused
	stands_still
	h resume "$id"
	equal status "$(status_of "$id")" running
	moves
	for _ in $(seq 20); do
		h pause "$id"
		h resume "$id"
	done
	moves
}

@test "the same under cgroup v2" {
	again() {
		counts
		h pause "$id"
		equal status "$(status_of "$id")" paused
		stands_still
		h resume "$id"
		equal status "$(status_of "$id")" running
		moves
		h delete --force "$id"
	}
	export -f again
	on_v2 again
}

@test "SIGKILL ends a paused container" {
	paused_dies h kill
}

@test "kill --all KILL ends a paused container" {
	paused_dies h kill --all
}

@test "SIGKILL ends a paused container under cgroup v2" {
	on_v2 paused_dies h kill
}

@test "a paused container is deleted by force only" {
	counts
	h pause "$id"
	run -1 h delete "$id"
	[[ $output == *"that is not stopped: paused"* ]] || fail "$output"
	h delete --force "$id"
}

@test "signals to a paused container arrive when it goes on" {
	bundle sh -c 'trap "echo term >/tmp/got; exit 3" TERM; while :; do sleep 0.1; done'
	rm -f "$rootfs/tmp/got"
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	sleep 0.3
	h pause "$id"
	h kill "$id" TERM
	sleep 0.3
	[ ! -e "$rootfs/tmp/got" ] || fail "the signal was delivered to a paused container"
	h resume "$id"
	wait_for test -e "$rootfs/tmp/got"
}

@test "ps and kill --all leave a paused container paused" {
	counts
	h pause "$id"
	h ps "$id" | grep -q 'sh -c i=0'
	equal status "$(status_of "$id")" paused
	h kill --all "$id" WINCH
	equal status "$(status_of "$id")" paused
	stands_still
}

@test "exec in a paused container is refused, and resumes it with --ignore-paused" {
	counts
	h pause "$id"
	run -255 h exec "$id" true
	[[ $output == *"exec failed: cannot exec in a paused container (use --ignore-paused to override)"* ]] || fail "$output"
	equal output "$(h exec --ignore-paused "$id" echo awake)" awake
	equal status "$(status_of "$id")" running
}

@test "exit codes of pause, resume and others in each state are runc's" {
	bundle sleep 1000
	for rt in h r; do
		try() { # STATE COMMAND …
			local code=0

			"$rt" "${@:2}" >/dev/null 2>&1 </dev/null || code=$?
			echo "$*: $code"
		}
		{
			try none pause "$id"
			try none resume "$id"
			try - create --bundle "$bundle" "$id"
			try created resume "$id"
			try created pause "$id"
			try paused start "$id"
			try paused resume "$id"
			try created start "$id"
			try running pause "$id"
			for c in pause state ps start delete; do try paused $c "$id"; done
			try paused exec "$id" true
			try paused ps --format json "$id"
			try paused kill "$id" TERM
			try paused kill "$id" KILL
			sleep 0.3
			for c in pause resume state ps start; do try stopped $c "$id"; done
			try stopped ps --format json "$id"
			try stopped delete "$id"
		} >"$BATS_TEST_TMPDIR/codes.$rt"
	done
	diff "$BATS_TEST_TMPDIR/codes.r" "$BATS_TEST_TMPDIR/codes.h"
}

@test "a container frozen by others counts as paused and can be resumed" {
	counts
	echo FROZEN >"/sys/fs/cgroup/freezer/$id/freezer.state"
	wait_for is_status "$id" paused
	h resume "$id"
	moves
}

@test "stats and state --cpu-config, running and paused" {
	counts
	for status in running paused; do
		h stats "$id" >"$BATS_TEST_TMPDIR/stats"
		jq -e '.processes == 1 and .threads == 1 and .memory.anonymous > 0 and .platform.syscalls > 0' \
			"$BATS_TEST_TMPDIR/stats"
		h stats --platform "$id" | jq -e '.syscalls > 0 and (has("memory") | not)'
		h state --cpu-config "$id" | jq -e '(.cpuid | length) > 3'
		equal status "$(status_of "$id")" $status
		[ $status = paused ] || h pause "$id"
	done
	stands_still
	h resume "$id"
	moves
	h kill "$id" KILL
	wait_for is_status "$id" stopped
	run -1 h stats "$id"
	[[ $output == *"container not running"* ]] || fail "$output"
	run -1 h state --cpu-config "$id"
}
