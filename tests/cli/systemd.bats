#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# --systemd-cgroup against a bus of the test's own with a manager that only pretends; this machine need
# not run systemd. What only the real one shows is tests/hardware's.

load helper

# A bus with a fake systemd, whose scopes are the cgroup /$id.
start_systemd() { # [RESULT]
	log=$BATS_TEST_TMPDIR/calls
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$BATS_TEST_TMPDIR/bus
	dbus-daemon --session --nofork --nopidfile --address="$DBUS_SYSTEM_BUS_ADDRESS" >/dev/null 2>&1 3>&- &
	bus_pid=$!
	wait_for test -S "$BATS_TEST_TMPDIR/bus"
	DBUS_SESSION_BUS_ADDRESS=$DBUS_SYSTEM_BUS_ADDRESS /usr/bin/python3 "$BATS_TEST_DIRNAME/fake_systemd.py" \
		"$log" "/$id" "$@" >/dev/null 2>"$BATS_TEST_TMPDIR/fake.err" 3>&- &
	fake_pid=$!
	wait_for test -s "$log"
	export DBUS_SYSTEM_BUS_ADDRESS
}

stop_systemd() {
	kill "$fake_pid" "$bus_pid"
	wait "$fake_pid" "$bus_pid" 2>/dev/null || true
	unset DBUS_SYSTEM_BUS_ADDRESS
}

called() { # METHOD JQ-CONDITION
	jq -se --arg m "$1" "map(select(.method == \$m)) | any($2)" "$log" >/dev/null || fail "$(cat "$log")"
}

@test "a scope is made, limited, joined, updated, paused, and stopped" {
	start_systemd
	bundle sleep 1000
	edit --arg n "$id" '.linux.cgroupsPath = "some.slice:pre:" + $n | .linux.resources += {
		memory: {limit: 209715200}, cpu: {shares: 512, quota: 20000, period: 50000}, pids: {limit: 90}}'
	h --systemd-cgroup run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	called StartTransientUnit ".unit == \"pre-$id.scope\" and .Slice == \"some.slice\" and .Delegate == true
		and .DefaultDependencies == false and .MemoryLimit == 209715200 and .CPUShares == 512
		and .CPUQuotaPerSecUSec == 400000 and .TasksMax == 90 and (.PIDs | length) == 1"
	for c in systemd memory pids cpu; do
		grep -qx "$(sandbox_pid "$id")" "/sys/fs/cgroup/$c/$id/cgroup.procs" || fail "$c"
	done
	# What kept the scope alive in the meantime is gone.
	equal members "$(wc -l <"/sys/fs/cgroup/systemd/$id/cgroup.procs")" 1
	equal limit "$(cat "/sys/fs/cgroup/memory/$id/memory.limit_in_bytes")" 209715200
	h exec "$id" true
	h pause "$id"
	equal status "$(status_of "$id")" paused
	h resume "$id"
	h update --memory 100m --pids-limit 70 "$id"
	called SetUnitProperties ".unit == \"pre-$id.scope\" and .MemoryLimit == 104857600 and .TasksMax == 70"
	equal limit "$(cat "/sys/fs/cgroup/memory/$id/memory.limit_in_bytes")" 104857600
	h delete --force "$id"
	called StopUnit ".unit == \"pre-$id.scope\""
	stop_systemd
}

@test "without a cgroupsPath husk names the scope; --cgroup-manager=systemd is the same" {
	start_systemd
	bundle true
	h --cgroup-manager systemd run --bundle "$bundle" "$id"
	called StartTransientUnit ".unit == \"husk-$id.scope\" and .Slice == \"system.slice\""
	stop_systemd
}

@test "annotations are properties of the unit" {
	start_systemd
	bundle true
	edit '.annotations = {"org.systemd.property.KillSignal": "37", "org.example": "x",
		"org.systemd.property.TimeoutStopUSec": "uint64 30000000", "org.systemd.property.CollectMode": "\u0027inactive\u0027",
		"org.systemd.property.SendSIGHUP": "true"}'
	h --systemd-cgroup run --bundle "$bundle" "$id"
	called StartTransientUnit '.KillSignal == 37 and .TimeoutStopUSec == 30000000 and .CollectMode == "inactive"
		and .SendSIGHUP == true'
	stop_systemd
}

@test "a cgroupsPath that is not systemd's is refused, and so is a property that cannot be passed on" {
	start_systemd
	bundle true
	for path in /a/b a:b a:b:c:d slice:pre: ; do
		edit --arg p "$path" '.linux.cgroupsPath = $p'
		run -1 h --systemd-cgroup run --bundle "$bundle" "$id"
		[[ $output == *"linux.cgroupsPath"*"is not of the form slice:prefix:name"* ]] || fail "$output"
	done
	edit '.linux.cgroupsPath = "" | .annotations = {"org.systemd.property.TimeoutStopUSec": "[1, 2]"}'
	run -1 h --systemd-cgroup run --bundle "$bundle" "$id"
	[[ $output == *"annotations[org.systemd.property.TimeoutStopUSec]"*"is not a value that husk can pass on"* ]] || fail "$output"
	stop_systemd
}

@test "a job that fails, a systemd that is not there, a bus that is not there: errors, and nothing left" {
	bundle true
	start_systemd failed
	run -1 h --systemd-cgroup run --bundle "$bundle" "$id"
	[[ $output == *"systemd: the job of husk-$id.scope ended as"*failed* ]] || fail "$output"
	rmdir "/sys/fs/cgroup/systemd/$id"
	kill "$fake_pid"
	wait "$fake_pid" || true
	run -1 h --systemd-cgroup run --bundle "$bundle" "$id"
	[[ $output == *"systemd: StartTransientUnit:"* ]] || fail "$output"
	kill "$bus_pid"
	wait "$bus_pid" || true
	run -1 h --systemd-cgroup run --bundle "$bundle" "$id"
	[[ $output == *"systemd cgroups: cannot connect to the system bus"* ]] || fail "$output"
	run -1 h state "$id"
}
