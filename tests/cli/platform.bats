#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# --platform and org.husk.platform: what the container's processes run on.

load helper

# Processes of the host that are stubs, and children of the sandbox PID.
stubs_of() { # PID
	local p n=0

	for p in $(cat "/proc/$1/task/"*/children 2>/dev/null); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" != husk-stub ] || n=$((n + 1))
	done
	echo $n
}

runs_on_ptrace() { # ID
	[ "$(stubs_of "$(sandbox_pid "$1")")" -gt 1 ]
}

@test "--platform=ptrace: processes run in stubs, and nothing of them is left" {
	bundle sleep 1000
	h --platform=ptrace run --detach --bundle "$bundle" "$id"
	runs_on_ptrace "$id"
	pid=$(sandbox_pid "$id")
	stubs=$(cat "/proc/$pid/task/"*/children)
	h exec "$id" sh -c 'for i in 1 2 3; do (exit $i); done; echo out; exit 7' || code=$?
	equal status "$code" 7
	h delete --force "$id"
	for p in $stubs; do
		alive "$p" && fail "stub $p is left"
	done
	true
}

@test "a traced process has no rights on the host" {
	bundle sleep 1000
	h --platform=ptrace run --detach --bundle "$bundle" "$id"
	for p in $(cat "/proc/$(sandbox_pid "$id")/task/"*/children); do
		grep -q '^CapEff:.0000000000000000$' "/proc/$p/status"
		grep -q '^CapPrm:.0000000000000000$' "/proc/$p/status"
		grep -q '^NoNewPrivs:.1$' "/proc/$p/status"
		grep -q '^Seccomp:.2$' "/proc/$p/status"
		# Nothing of this process' own memory or of its program.
		! grep -v 'memfd:husk-memory' "/proc/$p/maps" |
			grep -q 'husk\|ld-linux\|\[heap\]\|\[stack\]\|\[vdso\]\|\[vvar'
	done
}

@test "--platform=kvm: no stubs" {
	bundle sleep 1000
	h --platform=kvm run --detach --bundle "$bundle" "$id"
	equal stubs "$(stubs_of "$(sandbox_pid "$id")")" 0
}

@test "the annotation chooses, and the option goes before it" {
	bundle sleep 1000
	edit '.annotations["org.husk.platform"] = "ptrace"'
	h run --detach --bundle "$bundle" "$id"
	runs_on_ptrace "$id"
	h delete --force "$id"
	h --platform kvm run --detach --bundle "$bundle" "$id"
	equal stubs "$(stubs_of "$(sandbox_pid "$id")")" 0
}

@test "auto takes ptrace where KVM does not work, and says why in a line" {
	bundle sh -c 'echo ran; exit 3'
	run -3 unshare --mount sh -c 'mount --bind /dev/null /dev/kvm && shift && exec "$@"' - - \
		timeout -k 5 60 "$husk_exe" --root "$state" --log "$BATS_TEST_TMPDIR/log" \
		run --bundle "$bundle" "$id"
	[[ $output == ran* ]] || fail "$output"
	grep -q 'level=warning.*/dev/kvm.*ptrace instead' "$BATS_TEST_TMPDIR/log" || fail "$(cat "$BATS_TEST_TMPDIR/log")"
	# Who insists on KVM is told that there is none.
	run ! unshare --mount sh -c 'mount --bind /dev/null /dev/kvm && shift && exec "$@"' - - \
		timeout -k 5 60 "$husk_exe" --root "$state" --platform=kvm run --bundle "$bundle" "$id"
	[[ $output == *"/dev/kvm"* ]] || fail "$output"
}

@test "a platform that does not exist is refused by name" {
	bundle true
	run ! h --platform=cardboard run --bundle "$bundle" "$id"
	[[ $output == *'--platform: expected kvm, ptrace or auto, found '*cardboard* ]] || fail "$output"
}

@test "a plain user's processes come and go, too" {
	bundle sh -c 'id -u; for i in 1 2 3 4 5; do sh -c "exit $i" & done; wait; (sleep 100 & kill $!)'
	edit '.process.user = {uid: 1000, gid: 1000}'
	run -0 h --platform=ptrace run --bundle "$bundle" "$id"
	equal output "$output" 1000
}

@test "check shows both platforms with what a system call costs" {
	run -0 h check
	[[ $output == *"platform kvm"*"a system call costs "*" us"* ]] || fail "$output"
	[[ $output == *"platform ptrace"*"a system call costs "*" us"* ]] || fail "$output"
}
