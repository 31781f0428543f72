#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `husk run -t` in a real terminal (tmux): what a person does with a shell; and console sockets.

load helper

tm() {
	tmux -L "$id" -f /dev/null "$@"
}

# Starts a terminal that runs husk with a shell in it.
open_terminal() { # ARG …
	bundle "$@"
	edit '.process.terminal = true | .process.env += ["PS1=in> ", "HISTFILE="]'
	tm new-session -d -x 80 -y 24 "$husk_exe --root $state run --bundle $bundle $id; echo ended with \$?; sleep 1000"
}

# At the end of each test; also when it failed, from teardown.
close_terminal() {
	tm kill-server 2>/dev/null || true
}

teardown_file() {
	:
}

keys() {
	tm send-keys "$@"
}

screen() {
	tm capture-pane -p
}

shows() { # REGEX
	screen | grep -qE -- "$1"
}

# Waits for a line on the screen; says what is there when it does not come.
expect() { # REGEX
	wait_for shows "$1" >/dev/null || { echo "no line like '$1' on:"; screen; close_terminal; return 1; }
}

@test "line editing, history, ^C, ^D and the exit status" {
	open_terminal sh
	expect '^in>$'
	keys 'echo helloxx' BSpace BSpace ' w' C-a C-e 'orld' Enter
	expect '^hello world$'
	keys Up Enter
	wait_for sh -c "[ \$(tmux -L '$id' capture-pane -p | grep -c '^hello world\$') = 2 ]"
	keys 'sleep 1000' Enter
	sleep 0.3
	keys C-c
	keys 'echo status $?' Enter
	expect '^status 130$'
	keys 'tty; test -t 0 && echo terminal' Enter
	expect '^terminal$'
	keys 'exit 5' Enter
	expect '^ended with 5$'
	close_terminal
}

@test "^Z stops a job, jobs lists it, fg and bg continue it" {
	open_terminal sh
	expect '^in>$'
	keys 'sleep 1000' Enter
	sleep 0.3
	keys C-z
	expect 'Stopped'
	keys 'jobs' Enter
	expect '\[1\].*Stopped.*sleep 1000'
	keys 'fg' Enter
	sleep 0.3
	keys C-c
	keys 'echo fg $?' Enter
	expect '^fg 130$'
	keys 'sleep 777 & cat &' Enter
	sleep 0.4
	keys 'jobs' Enter
	expect 'Stopped \(tty input\) +cat'
	keys 'kill %1 %2; exit' Enter
	sleep 0.2
	keys 'exit' Enter
	expect '^ended with'
	close_terminal
}

@test "a window that changes its size tells the shell and the foreground program" {
	open_terminal sh
	expect '^in>$'
	keys 'stty size' Enter
	expect '^24 80$'
	keys "sh -c 'trap \"echo winch; stty size\" WINCH; echo go; while :; do sleep 0.1; done'" Enter
	expect '^go$'
	tm resize-window -x 100 -y 30
	expect '^winch$'
	expect '^30 100$'
	keys C-c
	keys 'exit 0' Enter
	expect '^ended with 0$'
	close_terminal
}

@test "vi edits a file on the full screen" {
	open_terminal sh
	expect '^in>$'
	keys 'cd /tmp; vi note' Enter
	expect '^~$'
	keys 'ihello from vi' Escape
	sleep 0.6 # or vi takes Escape and the colon for one key
	keys ':wq' Enter
	expect '^in>$'
	keys 'cat note' Enter
	expect '^hello from vi$'
	keys 'exit' Enter
	expect '^ended with 0$'
	close_terminal
}

@test "^C, ^\\ and keys reach the foreground group only; raw programs get them as bytes" {
	open_terminal sh
	expect '^in>$'
	keys "sh -c 'trap \"echo caught\" INT; sleep 2; echo over'" Enter
	sleep 0.5
	keys C-c
	expect 'caught$'
	expect '^over$'
	keys 'stty raw -echo; head -c 1 | hexdump -C; stty sane' Enter
	sleep 0.4
	keys C-c
	expect '^00000000  03 '
	keys '' Enter
	keys 'exit 0' Enter
	expect '^ended with 0$'
	close_terminal
}

@test "exec -t beside a terminal init: each has its own, both work" {
	open_terminal sh
	expect '^in>$'
	tm split-window "$husk_exe --root $state exec -t $id sh; echo exec ended with \$?; sleep 1000"
	sleep 0.5
	tm send-keys -t 1 'tty; echo in exec; ps -o comm | grep -c sh; exit 4' Enter
	wait_for sh -c "tmux -L '$id' capture-pane -t 1 -p | grep -q '^exec ended with 4'"
	tm capture-pane -t 1 -p | grep -q '^in exec'
	tm send-keys -t 0 'echo still here; exit 0' Enter
	wait_for sh -c "tmux -L '$id' capture-pane -t 0 -p | grep -q '^ended with 0'"
	close_terminal
}

@test "closing the terminal ends the container" {
	open_terminal sh
	expect '^in>$'
	tm kill-server
	ended() { [ "$(status_of "$id" 2>/dev/null)" != running ]; }
	wait_for ended
}

@test "create with a console socket sends the terminal to it" {
	bundle sh -c 'test -t 0 && stty size; read x; echo "read $x"'
	edit '.process.terminal = true | .process.consoleSize = {height: 33, width: 111}'
	sock=$BATS_TEST_TMPDIR/s
	python3 - "$sock" >"$BATS_TEST_TMPDIR/out" <<-'END' &
		import array, os, socket, sys
		s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); s.settimeout(20)
		c, _ = s.accept()
		msg, anc, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(4))
		fd = array.array("i", anc[0][2])[0]
		os.write(fd, b"typed\n")
		out = b""
		try:
		    while b"read" not in out: out += os.read(fd, 100)
		except OSError: pass
		print(os.isatty(fd), msg, out)
	END
	receiver=$!
	wait_for test -S "$sock"
	h create --bundle "$bundle" --console-socket "$sock" "$id" </dev/null >/dev/null 2>&1
	h start "$id"
	wait $receiver
	grep -q "^True b'.*ptmx'.*33 111.*read typed" "$BATS_TEST_TMPDIR/out" || fail "$(cat "$BATS_TEST_TMPDIR/out")"
}

@test "terminal true without a console socket or a terminal is refused by name, as by runc" {
	bundle sh
	edit '.process.terminal = true'
	run -1 h create --bundle "$bundle" "$id" </dev/null
	[[ $output == *"console socket"* || $output == *console-socket* ]] || fail "$output"
	mkdir -p "$BATS_TEST_TMPDIR/x"
	run -1 h run --detach --bundle "$bundle" "$id" </dev/null
}
