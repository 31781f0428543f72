#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Proof of the guest: where a container's instructions execute, as the host can see it.

load helper

# guest_time, in clock ticks: field 43 of stat, counted behind the name in parentheses.
guest_ticks() {
	sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f41
}

@test "the sandbox holds a KVM machine and CPUs, and guest time grows with the container's loop" {
	bundle sh -c 'while :; do :; done'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	pid=$(sandbox_pid "$id")
	links=$(find "/proc/$pid/fd" -printf '%l\n')
	grep -qx 'anon_inode:kvm-vm' <<<"$links"
	grep -q '^anon_inode:kvm-vcpu' <<<"$links"
	t0=$(guest_ticks "$pid")
	c0=$(awk '{print $14 + $15}' <(sed 's/(.*)/x/' "/proc/$pid/stat"))
	sleep 2
	guest=$(($(guest_ticks "$pid") - t0))
	cpu=$(($(awk '{print $14 + $15}' <(sed 's/(.*)/x/' "/proc/$pid/stat")) - c0))
	echo "guest $guest of $cpu ticks"
	[ $guest -gt 20 ] && [ $((guest * 100)) -ge $((cpu * 80)) ]
}

@test "a container of five processes is one process on the host" {
	bundle sh -c 'for i in 1 2 3; do sleep 1000 & done; (while :; do :; done) & wait'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	pid=$(sandbox_pid "$id")
	five() { [ "$(h exec "$id" ps -o comm | grep -cE '^(sleep|sh)$')" = 5 ]; }
	wait_for five
	ns=$(readlink "/proc/$pid/ns/pid")
	inside=0
	for p in /proc/[0-9]*; do
		if [ "$(readlink "$p/ns/pid" 2>/dev/null)" = "$ns" ] && alive "${p#/proc/}"; then
			inside=$((inside + 1))
			equal "process of the container on the host" "${p#/proc/}" "$pid"
		fi
	done
	equal "processes in the pid namespace" $inside 1
	[ -z "$(cat "/proc/$pid/task/$pid/children")" ] || fail "the sandbox has children"
}

@test "the sandbox is confined: seccomp filter, no_new_privs, empty effective capabilities, no exec" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	pid=$(sandbox_pid "$id")
	grep -qx 'Seccomp:	2' "/proc/$pid/status"
	grep -qx 'NoNewPrivs:	1' "/proc/$pid/status"
	for t in /proc/"$pid"/task/*; do
		grep -qx 'Seccomp:	2' "$t/status"
	done
	[ "$(readlink "/proc/$pid/root")" = "$(readlink -f "$rootfs")" ] || [ "$(readlink "/proc/$pid/root")" = / ]
}

@test "the kernel that programs see is husk's: no host module, device or process shows" {
	bundle sh -c 'ls /proc | grep -cE "^[0-9]+$"; ls /dev | sort | tr "\n" " "; ls /sys/module 2>/dev/null | head -n 0'
	out=$(h run --bundle "$bundle" "$id")
	equal processes "$(head -n 1 <<<"$out")" 3 # sh, ls and grep
	[[ $out != *kvm* ]] || fail "a device of the host: $out"
}
