#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# run and exec: exit codes, signal deaths, descriptors, detaching.

load helper

@test "run passes exit codes on" {
	for code in 0 1 42 255; do
		bundle sh -c "exit $code"
		run -$code h run --bundle "$bundle" "$id"
	done
}

@test "run passes signal deaths on as 128 + n" {
	for sig in KILL:137 SEGV:139 TERM:143; do
		# pid 1 dies of what kills it by force; a child's death is the shell's status
		bundle sh -c "sh -c 'kill -${sig%:*} \$\$'; exit \$?"
		run -${sig#*:} h run --bundle "$bundle" "$id"
	done
}

@test "run of a container killed from outside gives 137" {
	bundle sleep 1000
	h run --bundle "$bundle" "$id" &
	wait_for is_status "$id" running
	h kill "$id" KILL
	code=0
	wait $! || code=$?
	equal status $code 137
}

@test "a program that does not exist: a message, runc's exit status, nothing left" {
	bundle /no/such/program
	code=0
	r run --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null || code=$?
	run -$code h run --bundle "$bundle" "$id"
	[[ $output == *"/no/such/program"* && $output == *"no such file or directory"* ]] || fail "$output"
	equal state "$(ls -A "$state")" ""
}

@test "stdin, stdout and stderr are passed through, binary and in order" {
	bundle cat
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	h run --bundle "$bundle" "$id" <"$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/in"
	bundle sh -c 'echo out; echo err >&2'
	equal stderr "$(h run --bundle "$bundle" "$id" 2>&1 >/dev/null)" err
}

@test "a closed reader of stdout ends the container's writer with SIGPIPE" {
	bundle sh -c 'yes; echo "status $?" >&2'
	h run --bundle "$bundle" "$id" 2>"$BATS_TEST_TMPDIR/err" | head -n 1
	grep -q 'status 141' "$BATS_TEST_TMPDIR/err"
}

@test "--detach returns at once, the pid file names the sandbox" {
	bundle sleep 1000
	h run --detach --pid-file "$BATS_TEST_TMPDIR/pid" --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	equal status "$(status_of "$id")" running
	equal pid "$(cat "$BATS_TEST_TMPDIR/pid")" "$(sandbox_pid "$id")"
	h delete --force "$id"
}

@test "--preserve-fds hands descriptors on, and no others" {
	bundle sh -c 'cat <&3; cat <&4; ls /proc/self/fd | wc -l'
	out=$(h run --preserve-fds 2 --bundle "$bundle" "$id" 3< <(echo three) 4< <(echo four) 5</dev/null | tr '\n' '|')
	equal output "$out" "three|four|6|"
}

@test "exec runs a second process: output, exit codes, signal deaths, environment, user, cwd" {
	bundle sleep 1000
	edit '.process.env += ["FROM=config"]'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	equal output "$(h exec "$id" echo hello)" hello
	run -7 h exec "$id" sh -c 'exit 7'
	run -143 h exec "$id" sh -c 'kill -TERM $$'
	equal env "$(h exec --env X=y "$id" sh -c 'echo $FROM $X')" "config y"
	equal user "$(h exec --user 1000:1000 --cwd /tmp "$id" sh -c 'id -u; id -g; pwd' | tr '\n' ' ')" "1000 1000 /tmp "
	equal stdin "$(echo fed | h exec "$id" cat)" fed
	h exec "$id" ps -o comm | grep -qx sleep
	echo '{"terminal": false, "args": ["sh", "-c", "echo $V"], "cwd": "/", "env": ["V=from file", "PATH=/bin"], "user": {"uid": 0, "gid": 0}}' >"$BATS_TEST_TMPDIR/p.json"
	equal process "$(h exec --process "$BATS_TEST_TMPDIR/p.json" "$id")" "from file"
}

@test "exec of what does not exist gives runc's status and names it" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	r run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	code=0
	r exec "$id" /no/such >/dev/null 2>&1 || code=$?
	r delete --force "$id"
	run -$code h exec "$id" /no/such
	[[ $output == *"/no/such"* ]] || fail "$output"
}

@test "exec --detach leaves a process with a pid file; its end is not the container's" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	h exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 1 </dev/null >/dev/null 2>&1
	alive "$(cat "$BATS_TEST_TMPDIR/pid")"
	sleep 1.5
	run ! alive "$(cat "$BATS_TEST_TMPDIR/pid")"
	equal status "$(status_of "$id")" running
}

@test "killing the helper of an exec kills the process" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	h exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$id" sleep 777 </dev/null >/dev/null 2>&1
	h exec "$id" ps -o args | grep -q 'sleep 777'
	kill -9 "$(cat "$BATS_TEST_TMPDIR/pid")"
	gone() { ! h exec "$id" ps -o args | grep -q 'sleep 777'; }
	wait_for gone
}

@test "the container ends with its first process; an exec in it ends with 137" {
	bundle sleep 2
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	run -137 h exec "$id" sleep 1000
	wait_for is_status "$id" stopped
}

@test "20 execs at once all run" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	for i in $(seq 20); do
		h exec "$id" sh -c "echo out $i" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
	done
	wait
	equal lines "$(cat "$BATS_TEST_TMPDIR"/out.* | grep -c '^out ')" 20
}

@test "signals to a foreground run reach the container" {
	bundle sh -c 'trap "echo got TERM; exit 3" TERM; echo ready; while :; do sleep 0.1; done'
	"$husk_exe" --root "$state" run --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" &
	pid=$!
	wait_for grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM $pid
	code=0
	wait $pid || code=$?
	equal status $code 3
	grep -q 'got TERM' "$BATS_TEST_TMPDIR/out"
}

@test "a host SIGTERM to the sandbox is one to the container's init" {
	bundle sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'
	h run --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" &
	pid=$!
	wait_for grep -q ready "$BATS_TEST_TMPDIR/out"
	kill -TERM "$(sandbox_pid "$id")"
	code=0
	wait $pid || code=$?
	equal status $code 9
}

@test "--log and --log-format json put errors where an engine reads them" {
	run -1 h --log "$BATS_TEST_TMPDIR/log" --log-format json state "$id-none"
	jq -e '.level == "error" and (.msg | test("does not exist")) and .time' "$BATS_TEST_TMPDIR/log"
}
