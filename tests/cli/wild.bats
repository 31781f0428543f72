#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Programs that run wild end as they would under runc, and take nothing else with them.

load helper

limits() { # JQ-OBJECT
	edit --arg p "/cli-$id" '.linux.cgroupsPath = $p | .linux.resources += '"$1"
}

@test "a fork bomb under a pids limit gets EAGAIN, and its parent shell goes on" {
	bundle sh -c 'sh -c "i=0; while [ \$i -lt 200 ]; do sleep 3 & i=\$((i + 1)); done"; echo "status $?"; echo alive'
	limits '{pids: {limit: 60}}'
	out=$(h run --bundle "$bundle" "$id" 2>&1)
	[[ $out == *"can't fork: Resource temporarily unavailable"*"status 2"*alive* ]] || fail "$out"
}

@test "a memory hog alone dies, with 137, and its parent shell goes on" {
	bundle sh -c 'sh -c "x=a; while :; do x=\$x\$x; done"; echo "status $?"; echo alive'
	limits '{memory: {limit: 134217728}}'
	out=$(LIMIT=100 h run --bundle "$bundle" "$id" 2>&1)
	[[ $out == *"status 137"*alive* ]] || fail "$out"
}

@test "10,000 open files in a container" {
	cp "${HUSK_BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/abi/file" "$rootfs/abi-file"
	bundle /abi-file ten_thousand
	h run --bundle "$bundle" "$id" | grep -q '^ok 1 - ten_thousand: '
}

@test "a signal storm between processes starves nobody and ends with its senders" {
	cp "${HUSK_BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/abi/signal" "$rootfs/abi-signal"
	bundle /abi-signal storm many_signals
	equal ok "$(h run --bundle "$bundle" "$id" | grep -c '^ok ')" 2
}

@test "a full disk and a full tmpfs are ENOSPC, not the end" {
	bundle sh -c 'dd if=/dev/zero of=/small/x bs=64k 2>&1 | grep -c "No space"; rm /small/x && echo alive; echo x >/dev/full || echo full'
	edit '.mounts += [{destination: "/small", type: "tmpfs", source: "tmpfs", options: ["size=1m"]}]'
	mkdir -p "$rootfs/small"
	out=$(h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')
	equal output "$out" "1 alive full "
}

@test "deep recursion, wild pointers and bad instructions kill only their process" {
	bundle sh -c 'f() { f; }; (f) 2>/dev/null; echo "recursion over"; sh -c "kill -SEGV \$\$"; echo $?; sh -c "kill -ILL \$\$"; echo $?'
	out=$(LIMIT=100 h run --bundle "$bundle" "$id" 2>/dev/null | tr '\n' ' ')
	equal output "$out" "recursion over 139 132 "
}
