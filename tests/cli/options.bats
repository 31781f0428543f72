#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Options that engines and people use and other files do not cover.

load helper

# Listens on a socket, takes the descriptor that comes, and says the pid that its fdinfo names.
receiver() { # SOCKET OUT
	python3 - "$1" >"$2" <<-'END' &
		import array, os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		s.settimeout(30)
		c, _ = s.accept()
		_, control, _, _ = c.recvmsg(64, socket.CMSG_SPACE(4))
		fd = array.array("i", control[0][2])[0]
		for line in open("/proc/self/fdinfo/%d" % fd):
		    if line.startswith("Pid:"):
		        print(line.split()[1])
	END
	wait_for test -S "$1"
}

@test "--pidfd-socket gets a pidfd of the sandbox, and of exec's helper" {
	bundle sleep 1000
	receiver "$BATS_TEST_TMPDIR/sock" "$BATS_TEST_TMPDIR/pid"
	h create --bundle "$bundle" --pidfd-socket "$BATS_TEST_TMPDIR/sock" "$id"
	wait_for test -s "$BATS_TEST_TMPDIR/pid"
	equal pid "$(cat "$BATS_TEST_TMPDIR/pid")" "$(sandbox_pid "$id")"
	h start "$id"
	receiver "$BATS_TEST_TMPDIR/sock2" "$BATS_TEST_TMPDIR/pid2"
	h exec --detach --pid-file "$BATS_TEST_TMPDIR/pidfile" --pidfd-socket "$BATS_TEST_TMPDIR/sock2" "$id" sleep 100
	wait_for test -s "$BATS_TEST_TMPDIR/pid2"
	equal pid "$(cat "$BATS_TEST_TMPDIR/pid2")" "$(cat "$BATS_TEST_TMPDIR/pidfile")"
}

@test "a --pidfd-socket that nobody listens on is an error, and leaves nothing" {
	bundle sleep 1000
	run -1 h create --bundle "$bundle" --pidfd-socket /no/such "$id"
	[[ $output == *"cannot connect to --pidfd-socket /no/such: No such file or directory"* ]] || fail "$output"
	run -1 h state "$id"
}

@test "--config names another file" {
	bundle echo one
	jq '.process.args = ["echo", "two"]' "$bundle/config.json" >"$bundle/other.json"
	jq '.process.args = ["echo", "three"]' "$bundle/config.json" >"$BATS_TEST_TMPDIR/third.json"
	equal output "$(h run --bundle "$bundle" "$id")" one
	equal output "$(h run --bundle "$bundle" --config other.json "$id")" two
	equal output "$(h run --bundle "$bundle" -f "$BATS_TEST_TMPDIR/third.json" "$id")" three
	run -1 h run --bundle "$bundle" --config none.json "$id"
	[[ $output == *"none.json: No such file or directory"* ]] || fail "$output"
}

@test "kill --regex takes all that match" {
	bundle sleep 1000
	for n in a1 a2 b1; do
		h run --detach --bundle "$bundle" "$id-$n" >/dev/null 2>&1 </dev/null
	done
	h kill --regex "^$id-a[0-9]\$" KILL
	wait_for is_status "$id-a1" stopped
	wait_for is_status "$id-a2" stopped
	equal status "$(status_of "$id-b1")" running
	h kill --regex "$id-" KILL # some have stopped: no error
	wait_for is_status "$id-b1" stopped
	run -1 h kill --regex '(' KILL
	[[ $output == *'invalid regular expression'* ]] || fail "$output"
}

@test "exec --process, --cwd, --env, --user, --additional-gids, --cap, --no-new-privs" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	for rt in h r; do
		[ $rt = h ] || r run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
		{
			"$rt" exec --cwd /tmp --env A=b --env C=d "$id" sh -c 'pwd; echo $A $C'
			"$rt" exec --user 1000:1001 --additional-gids 7 --additional-gids 8 "$id" id
			"$rt" exec --user 1000 "$id" sh -c 'id -u; id -g'
			"$rt" exec --no-new-privs "$id" grep NoNewPrivs /proc/self/status
			"$rt" exec --cap CAP_NET_RAW "$id" grep -E 'Cap(Bnd|Eff|Prm)' /proc/self/status
			jq '.process | .args = ["sh", "-c", "id; pwd; echo $X; grep NoNewPrivs /proc/self/status"]
				| .env += ["X=y"] | .cwd = "/var" | .user = {uid: 5, gid: 6, additionalGids: [9]}
				| .noNewPrivileges = true' "$bundle/config.json" >"$BATS_TEST_TMPDIR/process.json"
			"$rt" exec --process "$BATS_TEST_TMPDIR/process.json" "$id"
		} >"$BATS_TEST_TMPDIR/exec.$rt" 2>&1
	done
	r delete --force "$id"
	diff "$BATS_TEST_TMPDIR/exec.r" "$BATS_TEST_TMPDIR/exec.h"
}

@test "--preserve-fds and LISTEN_FDS reach run and exec alike" {
	bundle sh -c 'cat <&3; cat <&4; sleep 1000'
	echo three >"$BATS_TEST_TMPDIR/3"
	echo four >"$BATS_TEST_TMPDIR/4"
	edit '.process.args = ["sh", "-c", "cat <&3; cat <&4"]'
	equal output "$(h run --preserve-fds 2 --bundle "$bundle" "$id" 3<"$BATS_TEST_TMPDIR/3" 4<"$BATS_TEST_TMPDIR/4" |
		tr '\n' ' ')" "three four "
	edit '.process.args = ["sleep", "1000"]'
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	equal output "$(h exec --preserve-fds 2 "$id" sh -c 'cat <&4; cat <&3' 3<"$BATS_TEST_TMPDIR/3" \
		4<"$BATS_TEST_TMPDIR/4" | tr '\n' ' ')" "four three "
}

@test "what cannot be is refused by name" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	for c in checkpoint restore; do
		run -1 h $c "$id"
		[[ $output == *"husk $c: not supported in this release"* ]] || fail "$output"
	done
	run -1 h --cgroup-manager disabled run --bundle "$bundle" "$id-2"
	[[ $output == *"--cgroup-manager disabled: husk knows cgroupfs and systemd"* ]] || fail "$output"
	h --cgroup-manager cgroupfs exec "$id" true
}
