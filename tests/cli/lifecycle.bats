#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# create, start, state, kill, delete, list: states and exit codes, as runc's on the same machine.

load helper

@test "create, start, kill, delete walk through the states" {
	bundle sleep 1000
	h create --bundle "$bundle" --pid-file "$BATS_TEST_TMPDIR/pid" "$id"
	equal status "$(status_of "$id")" created
	equal pid "$(cat "$BATS_TEST_TMPDIR/pid")" "$(sandbox_pid "$id")"
	h start "$id"
	equal status "$(status_of "$id")" running
	h kill "$id" TERM # pid 1 has no handler: ignored, as in every pid namespace
	sleep 0.3
	equal status "$(status_of "$id")" running
	h kill "$id" KILL
	wait_for is_status "$id" stopped
	equal pid "$(sandbox_pid "$id")" 0
	h delete "$id"
	run ! h state "$id"
}

@test "each command in each state gives runc's exit status" {
	bundle sleep 1000
	for rt in h r; do
		out=$BATS_TEST_TMPDIR/codes.$rt
		try() { # WHAT COMMAND …
			local what=$1
			shift
			local code=0
			"$rt" "$@" >/dev/null 2>&1 </dev/null || code=$?
			echo "$what: $1 $code"
		}
		{
			for c in state start "kill" delete; do try none $c "$id"; done
			try none delete --force "$id"
			try create create --bundle "$bundle" "$id"
			try created create --bundle "$bundle" "$id"
			try created exec "$id" true
			try created delete "$id.other"
			try created start "$id"
			try running start "$id"
			try running state "$id"
			try running delete "$id"
			try running exec "$id" true
			try running exec "$id" sh -c 'exit 7'
			try running exec "$id" /no/such
			try running kill "$id" NOSUCHSIGNAL
			try running kill "$id" 0
			try running kill "$id" KILL
			sleep 0.5
			try stopped kill "$id" KILL
			try stopped start "$id"
			try stopped exec "$id" true
			try stopped state "$id"
			try stopped delete "$id"
			try deleted delete "$id"
			try created create --bundle "$bundle" "$id"
			try created delete "$id"
		} >"$out"
	done
	r delete --force "$id" >/dev/null 2>&1 || true
	diff "$BATS_TEST_TMPDIR/codes.r" "$BATS_TEST_TMPDIR/codes.h"
}

@test "state is the OCI state object" {
	bundle sleep 1000
	edit '.annotations = {"org.example.a": "b"}'
	h create --bundle "$bundle" "$id"
	h state "$id" >"$BATS_TEST_TMPDIR/state.json"
	jq -e --arg id "$id" --arg b "$bundle" '.id == $id and .bundle == $b and .status == "created" and
		(.pid | type) == "number" and (.ociVersion | test("^1\\.")) and .annotations["org.example.a"] == "b"
		and (.created | test("^20[0-9-]*T[0-9:.]*Z$"))' "$BATS_TEST_TMPDIR/state.json"
	h delete --force "$id"
}

@test "list shows containers as a table, as names and as JSON" {
	bundle sleep 1000
	h create --bundle "$bundle" "$id-a"
	h create --bundle "$bundle" "$id-b"
	h start "$id-b"
	equal names "$(h list -q | tr '\n' ' ')" "$id-a $id-b "
	h list | head -n 1 | grep -qE '^ID +PID +STATUS +BUNDLE +CREATED +OWNER'
	h list | grep -qE "^$id-b +[0-9]+ +running +$bundle "
	equal statuses "$(h list --format json | jq -r '.[].status' | tr '\n' ' ')" "created running "
	run ! h list --format yaml
}

@test "the container sees its own hostname, pid 1, arguments, environment, user and directory" {
	bundle sh -c 'hostname; echo $$; echo "$A"; pwd; id -u; id -G; cat /proc/1/comm; umask'
	edit '.hostname = "inside" | .process.env += ["A=b c"] | .process.cwd = "/tmp"
		| .process.user = {uid: 1000, gid: 1000, additionalGids: [5, 6], umask: 63}'
	equal output "$(h run --bundle "$bundle" "$id" | tr '\n' '|')" "inside|1|b c|/tmp|1000|1000 5 6|sh|0077|"
}

@test "hooks of create, start and stop run in order with the state on stdin" {
	bundle true
	log=$BATS_TEST_TMPDIR/hooks
	for kind in prestart createRuntime poststart poststop; do
		edit --arg kind $kind --arg log "$log" '.hooks[$kind] = [{path: "/bin/sh",
			args: ["sh", "-c", "echo \($kind) $(jq -r .id) >>\($log)"], env: ["PATH=/usr/bin:/bin"]}]'
	done
	h run --bundle "$bundle" "$id"
	equal hooks "$(cut -d' ' -f1 "$log" | tr '\n' ' ')" "prestart createRuntime poststart poststop "
	grep -q "createRuntime $id" "$log"
}

@test "200 containers in a row leave no process, mount, cgroup, file or descriptor" {
	bundle true
	fds=$(ls /proc/$$/fd | wc -l)
	for i in $(seq 200); do
		h create --bundle "$bundle" "$id-$i"
		h start "$id-$i"
		h delete --force "$id-$i"
	done
	equal "state directory" "$(ls -A "$state")" ""
	equal descriptors "$(ls /proc/$$/fd | wc -l)" "$fds"
}

@test "20 containers at once run, and leave nothing" {
	bundle sh -c 'for i in 1 2 3; do :; done; echo done'
	for i in $(seq 20); do
		h run --bundle "$bundle" "$id-$i" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
	done
	wait
	equal outputs "$(cat "$BATS_TEST_TMPDIR"/out.* | sort | uniq -c | tr -s ' ')" " 20 done"
	equal "state directory" "$(ls -A "$state")" ""
}

@test "two creates of one name: one wins, the other says that it exists" {
	bundle sleep 1000
	for i in 1 2; do
		h create --bundle "$bundle" "$id" >/dev/null 2>"$BATS_TEST_TMPDIR/err.$i" </dev/null &
		pids[i]=$!
	done
	won=0
	for i in 1 2; do
		if wait ${pids[i]}; then won=$((won + 1)); fi
	done
	equal winners $won 1
	cat "$BATS_TEST_TMPDIR"/err.* | grep -q 'exists'
	h delete --force "$id"
}

@test "cgroup limits of config.json are set" {
	bundle sleep 1000
	edit --arg p "/husk-test-$id" '.linux.cgroupsPath = $p | .linux.resources += {
		memory: {limit: 268435456}, pids: {limit: 77}, cpu: {shares: 512, quota: 50000, period: 100000}}'
	h create --bundle "$bundle" "$id"
	if [ -d /sys/fs/cgroup/memory ]; then
		equal memory "$(cat "/sys/fs/cgroup/memory/husk-test-$id/memory.limit_in_bytes")" 268435456
		equal pids "$(cat "/sys/fs/cgroup/pids/husk-test-$id/pids.max")" 77
		equal shares "$(cat "/sys/fs/cgroup/cpu/husk-test-$id/cpu.shares")" 512
		equal quota "$(cat "/sys/fs/cgroup/cpu/husk-test-$id/cpu.cfs_quota_us")" 50000
		grep -qx "$(sandbox_pid "$id")" "/sys/fs/cgroup/memory/husk-test-$id/cgroup.procs"
	else
		equal memory "$(cat "/sys/fs/cgroup/husk-test-$id/memory.max")" 268435456
		equal pids "$(cat "/sys/fs/cgroup/husk-test-$id/pids.max")" 77
	fi
	h delete --force "$id"
	equal cgroups "$(find /sys/fs/cgroup -type d -name "husk-test-$id")" ""
}

@test "mounts, masked and read-only paths are as config.json says" {
	mkdir "$BATS_TEST_TMPDIR/volume"
	echo hello >"$BATS_TEST_TMPDIR/volume/file"
	bundle sh -c 'cat /vol/file; echo x 2>/dev/null >/vol/new || echo ro; echo y >/rw/new && cat /rw/new
		cat /proc/kcore 2>/dev/null | wc -c; ls /sys/firmware | wc -l; echo 1 2>/dev/null >/proc/sys/kernel/domainname || echo ro
		echo z 2>/dev/null >/etc/z || echo ro root; stat -f -c %T /scratch; ls -l /dev/null | cut -c1; test -c /dev/full && echo full'
	edit --arg v "$BATS_TEST_TMPDIR/volume" '.root.readonly = true | .mounts += [
		{destination: "/vol", type: "bind", source: $v, options: ["rbind", "ro"]},
		{destination: "/rw", type: "bind", source: $v, options: ["bind"]},
		{destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["size=1m"]}]'
	mkdir -p "$rootfs/vol" "$rootfs/rw" "$rootfs/scratch"
	equal output "$(h run --bundle "$bundle" "$id" | tr '\n' '|')" "hello|ro|y|0|0|ro|ro root|tmpfs|c|full|"
}

@test "spec makes a bundle that runs" {
	mkdir "$bundle"
	(cd "$bundle" && "$husk_exe" spec)
	run ! sh -c "cd '$bundle' && '$husk_exe' spec" # exists already
	edit --arg r "$rootfs" '.root.path = $r | .process.terminal = false | .process.args = ["echo", "made by spec"]'
	equal output "$(h run --bundle "$bundle" "$id")" "made by spec"
	[ "$(jq -S 'del(.ociVersion, .hostname)' <(cd "$(mktemp -d "$BATS_TEST_TMPDIR/x.XXX")" && "$husk_exe" spec && cat config.json))" = \
		"$(jq -S 'del(.ociVersion, .hostname)' <(cd "$(mktemp -d "$BATS_TEST_TMPDIR/x.XXX")" && runc spec && cat config.json))" ]
}

@test "features is JSON that names hooks, mount options and namespaces" {
	h features | jq -e '.ociVersionMin and .ociVersionMax and (.hooks | index("createRuntime"))
		and (.mountOptions | index("rbind")) and (.linux.namespaces | index("pid"))'
}

@test "help, version and check answer" {
	"$husk_exe" --version | grep -q '^husk version 0\.1'
	"$husk_exe" help | grep -q create
	for c in create start run state kill delete exec list ps spec features; do
		"$husk_exe" $c --help | grep -qi usage
	done
	"$husk_exe" check | tail -n 1 | grep -q 'can run husk'
}

@test "ps lists the container's processes" {
	bundle sh -c 'sleep 500 & sleep 600'
	h run --detach --bundle "$bundle" "$id"
	wait_for sh -c "'$husk_exe' --root '$state' ps '$id' | grep -q 'sleep 600'"
	h ps "$id" | grep -q 'sleep 500'
}

# The host's processes, as in "4711 4712".
host_processes() {
	h ps --format json "$id" | jq -r 'map(tostring) | join(" ")'
}

@test "ps --format json lists the sandbox and the helpers of exec, each once" {
	local pids sandbox

	# On ptrace guest processes are processes of the host, too.
	export HUSK_TEST_PLATFORM=kvm
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	sandbox=$(sandbox_pid "$id")
	equal "before exec" "$(host_processes)" "$sandbox"
	for i in 1 2; do
		h exec --detach --pid-file "$BATS_TEST_TMPDIR/pid$i" "$id" sleep 1000 >/dev/null 2>&1 </dev/null
	done
	pids=$(sort -n "$BATS_TEST_TMPDIR/pid1" <(echo) "$BATS_TEST_TMPDIR/pid2" | xargs)
	equal "after exec" "$(host_processes)" "$sandbox $pids"
	# Threads of the sandbox in a group below make it no second process.
	mkdir "/sys/fs/cgroup/freezer$(awk -F: '$2 == "freezer" { print $3 }' "/proc/$sandbox/cgroup")/sub"
	h exec --detach --cgroup freezer:sub --pid-file "$BATS_TEST_TMPDIR/pid3" "$id" sleep 1000 \
		>/dev/null 2>&1 </dev/null
	pids=$(sort -n "$BATS_TEST_TMPDIR/pid1" <(echo) "$BATS_TEST_TMPDIR/pid2" <(echo) "$BATS_TEST_TMPDIR/pid3" | xargs)
	equal "with one below" "$(host_processes)" "$sandbox $pids"
	h pause "$id"
	equal paused "$(host_processes)" "$sandbox $pids"
	h resume "$id"
	kill "$(cat "$BATS_TEST_TMPDIR/pid1")" "$(cat "$BATS_TEST_TMPDIR/pid2")" "$(cat "$BATS_TEST_TMPDIR/pid3")"
	at_end() { [ "$(host_processes)" = "$sandbox" ]; }
	wait_for at_end
}

@test "ps --format json on the platform ptrace lists the processes of the guest's code, too" {
	local sandbox

	export HUSK_TEST_PLATFORM=ptrace
	bundle sh -c 'sleep 1000 & sleep 1000'
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	sandbox=$(sandbox_pid "$id")
	three() { [ "$(host_processes | wc -w)" -ge 3 ]; }
	wait_for three
	[[ $(host_processes) == "$sandbox "* ]]
}
