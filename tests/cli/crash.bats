#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# kill -9 at any moment: whatever is left, `delete --force` cleans. teardown compares what is left.

load helper

@test "kill -9 of the sandbox: stopped, 137, deleted" {
	bundle sleep 1000
	h run --bundle "$bundle" "$id" &
	wait_for is_status "$id" running
	kill -9 "$(sandbox_pid "$id")"
	code=0
	wait $! || code=$?
	equal status $code 137
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	kill -9 "$(sandbox_pid "$id")"
	wait_for is_status "$id" stopped
	h delete "$id"
}

@test "kill -9 of the command line at 25 moments of create: delete --force cleans" {
	bundle sleep 1000
	for i in $(seq 25); do
		"$husk_exe" --root "$state" create --bundle "$bundle" "$id-$i" </dev/null >/dev/null 2>&1 &
		pid=$!
		sleep "0.0$(printf %02d $((i * 2)))"
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		h delete --force "$id-$i" || fail "delete --force failed at moment $i"
	done
	equal "state directory" "$(ls -A "$state")" ""
}

@test "kill -9 of the command line at 15 moments of run: delete --force cleans" {
	bundle sleep 1000
	for i in $(seq 15); do
		"$husk_exe" --root "$state" run --bundle "$bundle" "$id-$i" </dev/null >/dev/null 2>&1 &
		pid=$!
		sleep "0.$(printf %03d $((i * 7)))"
		kill -9 $pid 2>/dev/null || true
		wait $pid 2>/dev/null || true
		h delete --force "$id-$i" || fail "delete --force failed at moment $i"
	done
	equal "state directory" "$(ls -A "$state")" ""
}

@test "kill -9 of the parent of a detached run: the container lives, and is deleted" {
	bundle sleep 1000
	bash -c '"$1" --root "$2" run --detach --bundle "$3" "$4" </dev/null >/dev/null 2>&1; sleep 100' \
		x "$husk_exe" "$state" "$bundle" "$id" &
	parent=$!
	wait_for is_status "$id" running
	kill -9 $parent
	sleep 0.2
	equal status "$(status_of "$id")" running
	h delete --force "$id"
}

@test "kill -9 of an exec's command line leaves the container running, and deletable" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	"$husk_exe" --root "$state" exec "$id" sleep 888 </dev/null >/dev/null 2>&1 &
	pid=$!
	there() { h exec "$id" ps -o args | grep -q '^sleep 888'; }
	wait_for there
	kill -9 $pid
	sleep 0.3
	equal status "$(status_of "$id")" running
	equal output "$(h exec "$id" echo still here)" "still here"
}

@test "a damaged state.json: delete refuses, delete --force finds the sandbox and leaves nothing" {
	local damage pid

	for damage in '' '{' '{}' '[1]' '{"phase": 7}'; do
		bundle sleep 1000
		h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
		pid=$(sandbox_pid "$id")
		echo "$damage" >"$state/$id/state.json"
		run h delete "$id"
		[ "$status" = 1 ]
		[[ "$output" == *"state.json is damaged"* ]]
		alive "$pid" || fail "the sandbox died of a delete that was refused"
		h delete --force "$id"
		! alive "$pid" || fail "the sandbox lives on after '$damage'"
	done
}

@test "neither state.json nor config.json: the sandbox is found by its control socket" {
	bundle sleep 1000
	edit '.linux.cgroupsPath = "/'"$id"'"'
	h create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	pid=$(sandbox_pid "$id")
	: >"$state/$id/state.json"
	: >"$state/$id/config.json"
	h delete --force "$id"
	! alive "$pid" || fail "the sandbox lives on"
	find /sys/fs/cgroup -type d -name "$id" -exec rmdir {} + # nothing says any more where it is
}
