#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# config.json's properties, one by one: what docs/OCI.md says is done is done.

load helper

# The bundle does not run, and the error says all of this.
refused() { # TEXT …
	run -1 h run --bundle "$bundle" "$id"
	for text; do
		[[ $output == *"$text"* ]] || fail "$output"
	done
}

# ---- hooks -------------------------------------------------------------------------------------

# One hook that appends a line "KIND CWD STATUS PID" to a log.
log_hook() { # KIND LOG
	edit --arg kind "$1" --arg log "$2" '.hooks[$kind] = [{path: "/bin/sh",
		args: ["sh", "-c", "set -- $(pwd) $(tr -d \" \\n\"); echo \($kind) $1 $(echo $2 | sed \"s/.*status.:.\\\\([a-z]*\\\\).*pid.:\\\\([0-9]*\\\\).*/\\\\1 \\\\2/\") >>\($log)"],
		env: ["PATH=/bin:/usr/bin"]}]'
}

@test "startContainer hooks run in the guest, before the program, as its user, with the state" {
	bundle sh -c 'cat /tmp/hooked; ls -l /proc/1/fd | wc -l >/dev/null; echo program $$'
	edit '.process.user = {uid: 1000, gid: 1000} | .process.cwd = "/tmp" | .annotations = {a: "b"}
		| .hooks.startContainer = [{path: "/bin/busybox", args: ["sh", "-c",
			"echo hook $V $(id -u) $(pwd) pid $$ init $(cat /proc/1/comm) >/tmp/hooked; cat >>/tmp/hooked; echo >>/tmp/hooked"],
			env: ["V=of-the-hook", "PATH=/bin"]},
			{path: "/bin/sh", args: ["sh", "-c", "echo second >>/tmp/hooked"]}]
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"]}]'
	h run --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	grep -qx 'hook of-the-hook 1000 /tmp pid [2-9] init .*' "$BATS_TEST_TMPDIR/out"
	sed -n 2p "$BATS_TEST_TMPDIR/out" | jq -e --arg id "$id" '.status == "created" and .pid == 1 and .id == $id and .annotations.a == "b"'
	equal order "$(sed -n '3,$p' "$BATS_TEST_TMPDIR/out" | tr '\n' ' ')" "second program 1 "
}

@test "startContainer hooks run at start, not at create" {
	bundle sleep 1000
	edit '.hooks.startContainer = [{path: "/bin/touch", args: ["touch", "/tmp/ran"]}]
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
	h create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	run ! h exec "$id" test -e /tmp/ran
	equal status "$(status_of "$id")" created
	h start "$id"
	h exec "$id" test -e /tmp/ran
	equal status "$(status_of "$id")" running
}

@test "a startContainer hook that fails: start says so, the container is stopped, poststop runs" {
	bundle sh -c 'echo never'
	edit --arg log "$BATS_TEST_TMPDIR/log" '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "echo because; exit 3"]}]
		| .hooks.poststart = [{path: "/bin/sh", args: ["sh", "-c", "echo poststart >>\($log)"]}]
		| .hooks.poststop = [{path: "/bin/sh", args: ["sh", "-c", "echo poststop >>\($log)"]}]'
	h create --bundle "$bundle" "$id" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	run -1 h start "$id"
	[[ $output == *"hooks.startContainer[0] (/bin/sh) failed with exit status 3: because"* ]] || fail "$output"
	wait_for is_status "$id" stopped
	h delete "$id"
	equal output "$(cat "$BATS_TEST_TMPDIR/out")" ""
	equal hooks "$(cat "$BATS_TEST_TMPDIR/log")" poststop
	run -1 h run --bundle "$bundle" "$id"
	[[ $output != *never* && $output == *"hooks.startContainer[0]"* ]] || fail "$output"
}

@test "a startContainer hook that takes longer than its timeout is killed, one that is missing named" {
	bundle sh -c 'echo never'
	edit '.hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]'
	refused "hooks.startContainer[0] (/bin/sleep) took longer than 1 s"
	edit '.hooks.startContainer = [{path: "/no/such"}]'
	refused "hooks.startContainer[0] (/no/such)" "no such file"
}

@test "killing a container while its startContainer hook runs ends start and leaves nothing" {
	bundle sleep 1000
	edit '.hooks.startContainer = [{path: "/bin/sleep", args: ["sleep", "1000"]}]'
	h create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	h start "$id" >"$BATS_TEST_TMPDIR/out" 2>&1 &
	running() { kill -0 $! && [ "$(ls /proc/"$(sandbox_pid "$id")"/task | wc -l)" -gt 4 ]; }
	wait_for running
	kill -KILL "$(sandbox_pid "$id")"
	code=0
	wait $! || code=$?
	equal status $code 1
	h delete "$id"
}

@test "the hooks' working directories are those of runc, the states those of the specification" {
	for rt in r h; do
		bundle true
		for kind in prestart createRuntime createContainer poststart poststop; do
			log_hook $kind "$BATS_TEST_TMPDIR/$rt.log"
		done
		cd /
		$rt create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
		cd "$bundle"
		$rt start "$id"
		ended() { [ "$($rt state "$id" | jq -r .status)" = stopped ]; }
		wait_for ended
		$rt delete "$id"
		cd /
	done
	cat "$BATS_TEST_TMPDIR"/?.log
	equal directories "$(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/h.log")" "$(cut -d' ' -f1,2 "$BATS_TEST_TMPDIR/r.log")"
	# The states are the specification's and crun's: runc 1.1 says "creating" and then "created".
	equal states "$(cut -d' ' -f3 "$BATS_TEST_TMPDIR/h.log" | tr '\n' ' ')" "created created created running stopped "
	# createContainer hooks are in the container's namespaces, where it is pid 1
	equal pid "$(grep createContainer "$BATS_TEST_TMPDIR/h.log" | cut -d' ' -f4)" 1
}

# ---- id-mapped mounts --------------------------------------------------------------------------

# A directory with files of 0, 5 and 1000, and a bundle that mounts it at /data with these options.
owned() { # MAPPINGS OPTION …
	local maps=$1
	shift
	mkdir -p "$BATS_TEST_TMPDIR/data/sub" "$rootfs/data" # root of a user namespace could not make it
	for u in 0 5 1000; do
		echo $u >"$BATS_TEST_TMPDIR/data/f$u"
		chown $u:$u "$BATS_TEST_TMPDIR/data/f$u"
	done
	bundle sh -c 'cd /data; stat -c "%n %u %g" f0 f5 f1000 | tr "\n" " "; echo x >new && stat -c "%u" new'
	edit --arg d "$BATS_TEST_TMPDIR/data" --argjson maps "$maps" '.mounts += [{destination: "/data", type: "bind", source: $d,
		options: $ARGS.positional} + $maps]' --args -- "$@"
}

@test "an id-mapped mount shows other owners, and keeps the old ones on disk" {
	map='[{containerID: 0, hostID: 3000, size: 10}, {containerID: 1000, hostID: 0, size: 1}]'
	owned "$(jq -n "{uidMappings: $map, gidMappings: $map}")" bind
	equal seen "$(h run --bundle "$bundle" "$id")" "f0 3000 3000 f5 3005 3005 f1000 0 0 0"
	equal made "$(stat -c %u "$BATS_TEST_TMPDIR/data/new")" 1000
	owned '{}' bind 'idmap=uids=0-3000-10#1000-0-1;gids=0-3000-10#1000-0-1'
	equal text "$(h run --bundle "$bundle" "$id")" "f0 3000 3000 f5 3005 3005 f1000 0 0 0"
}

@test "idmap without mappings takes those of the user namespace; ridmap maps the mounts below" {
	owned '{}' rbind idmap
	mount -t tmpfs -o uid=5 below "$BATS_TEST_TMPDIR/data/sub"
	edit '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 2000}]
		| .linux.gidMappings = .linux.uidMappings | .process.args[2] += "; stat -c %u sub"'
	chmod o+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/.." "$BATS_TEST_TMPDIR/.."
	run h run --bundle "$bundle" "$id"
	edit '.mounts[-1].options = ["rbind", "ridmap"]'
	run2=$(h run --bundle "$bundle" "$id" | tail -n 1) || true
	umount "$BATS_TEST_TMPDIR/data/sub"
	equal seen "${lines[0]} ${lines[1]}" "f0 0 0 f5 5 5 f1000 1000 1000 0 65534"
	equal made "$(stat -c %u "$BATS_TEST_TMPDIR/data/new")" 0
	equal below "$run2" 5
}

@test "what cannot be id-mapped is refused by name" {
	map='{uidMappings: [{containerID: 0, hostID: 1, size: 1}], gidMappings: [{containerID: 0, hostID: 1, size: 1}]}'
	owned "$(jq -n "$map")" bind
	edit '.mounts[-1] += {type: "tmpfs", options: []}'
	refused "mounts[" "/data: only bind mounts can be id-mapped"
	owned '{}' bind idmap
	refused "needs uidMappings and gidMappings"
	owned '{}' bind 'idmap=uids=0-1-0;gids=0-1-1'
	refused "cannot write the mappings"
}

# ---- scheduling --------------------------------------------------------------------------------

# Of all threads of the sandbox: a field of stat (proc(5)), each value once.
thread_field() { # ID FIELD
	cut -d' ' -f"$2" /proc/"$(sandbox_pid "$1")"/task/*/stat | sort -u | tr '\n' ' '
}

@test "scheduler and ioPriority are those of all threads, and what the guest sees" {
	bundle sleep 1000
	edit '.process.scheduler = {policy: "SCHED_BATCH", nice: 7} | .process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	equal guest "$(h exec "$id" sh -c 'cut -d" " -f19,41 /proc/1/stat; sh -c "cut -d\" \" -f19,41 /proc/self/stat; ionice -p 1"' |
		tr '\n' ' ')" "7 3 7 3 idle "
	equal policies "$(thread_field "$id" 41)" "3 "
	equal nices "$(thread_field "$id" 19)" "7 "
	for t in /proc/"$(sandbox_pid "$id")"/task/*; do
		ionice -p "${t##*/}" | grep -qx idle
	done
	# another one for an exec would not be true
	jq '.process | .scheduler.nice = 8' "$bundle/config.json" >"$BATS_TEST_TMPDIR/p.json"
	run -255 h exec --process "$BATS_TEST_TMPDIR/p.json" "$id"
	[[ $output == *"process.scheduler: the sandbox has one"* ]] || fail "$output"
}

@test "a realtime policy is set where the host lets it, and said to the guest" {
	bundle cut -d ' ' -f 40,41 /proc/1/stat
	edit '.process.scheduler = {policy: "SCHED_FIFO", priority: 5}'
	run h run --bundle "$bundle" "$id"
	if [ $status = 0 ]; then
		equal guest "$output" "5 1"
	else
		# v1 cpu cgroups without cpu.rt_runtime_us refuse it
		[[ $output == *"process.scheduler: cannot set SCHED_FIFO"* ]] || fail "$output"
	fi
}

@test "scheduling that cannot be: refused by name" {
	bundle true
	edit '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 2000000, period: 2000000}'
	refused "process.scheduler.policy: SCHED_DEADLINE is not supported"
	edit '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_RESET_ON_FORK"]}'
	refused "process.scheduler.flags: SCHED_FLAG_RESET_ON_FORK is not supported"
}

@test "execCPUAffinity.final is the exec'd process' and its children's, not init's" {
	bundle sleep 1000
	edit '.process.execCPUAffinity = {initial: "0", final: "1"}'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	equal exec "$(h exec "$id" sh -c 'taskset -p $$; sh -c "taskset -p \$\$"' | sed 's/.*: //' | tr '\n' ' ')" "2 2 "
	equal init "$(h exec "$id" taskset -p 1 | sed 's/.*: //')" 3
	jq '.process | .execCPUAffinity = {final: "4000"} | .args = ["true"]' "$bundle/config.json" >"$BATS_TEST_TMPDIR/p.json"
	run -255 h exec --process "$BATS_TEST_TMPDIR/p.json" "$id"
	[[ $output == *'process.execCPUAffinity.final: cannot run on'* ]] || fail "$output"
}

@test "memoryPolicy is the sandbox' memory policy" {
	bundle sleep 1000
	edit '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	grep -q ' bind=static:0 ' /proc/"$(sandbox_pid "$id")"/numa_maps
	h delete --force "$id"
	edit '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "77"}'
	refused 'linux.memoryPolicy: cannot set MPOL_BIND for nodes'
}

@test "personality LINUX32 is what uname says" {
	bundle sh -c 'uname -m; sh -c "uname -m"'
	edit '.linux.personality = {domain: "LINUX32"}'
	equal machine "$(h run --bundle "$bundle" "$id" | tr '\n' ' ')" "i686 i686 "
	edit '.linux.personality = {domain: "LINUX"}'
	equal machine "$(h run --bundle "$bundle" "$id" | tr '\n' ' ')" "x86_64 x86_64 "
}

# ---- security modules --------------------------------------------------------------------------

@test "labels are refused by name where the host has no such module" {
	if [ ! -d /sys/module/apparmor ]; then
		bundle true
		edit '.process.apparmorProfile = "unconfined"'
		h run --bundle "$bundle" "$id"
		edit '.process.apparmorProfile = "container-default"'
		refused "process.apparmorProfile: this host has no AppArmor"
	fi
	if [ ! -d /sys/fs/selinux ]; then
		bundle true
		edit '.process.selinuxLabel = "system_u:system_r:container_t:s0"'
		refused "process.selinuxLabel: this host has no SELinux"
		bundle true
		edit '.linux.mountLabel = "system_u:object_r:container_file_t:s0"'
		run h run --bundle "$bundle" "$id"
		[[ $status = 0 && $output == *"ignoring linux.mountLabel: this host has no SELinux"* ]] || fail "$output"
	fi
}

@test "unknown capabilities are a warning, once each, as with runc" {
	bundle sh -c 'grep CapBnd /proc/1/status'
	edit '.process.capabilities.bounding += ["CAP_OF_TOMORROW"] | .process.capabilities.effective += ["CAP_OF_TOMORROW"]'
	h run --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/h.out" 2>"$BATS_TEST_TMPDIR/h.err"
	r run --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/r.out" 2>"$BATS_TEST_TMPDIR/r.err" </dev/null
	cmp "$BATS_TEST_TMPDIR/h.out" "$BATS_TEST_TMPDIR/r.out"
	equal warning "$(sed 's/.*level/level/' "$BATS_TEST_TMPDIR/h.err")" "$(sed 's/.*level/level/' "$BATS_TEST_TMPDIR/r.err")"
}

# ---- devices of the network, and caches --------------------------------------------------------

# A command in a network namespace of its own with two veth pairs: eth9 (addresses, mtu) and ext9.
with_devices() { # COMMAND …
	unshare -n sh -ec '
		ip link set lo up
		ip link add eth9 mtu 1400 address 02:00:00:00:00:09 type veth peer name peer9
		ip link add ext9 type veth peer name peer8
		ip link set peer9 up; ip link set peer8 up; ip link set ext9 up
		ip addr add 10.9.0.1/24 broadcast 10.9.0.255 dev eth9
		ip addr add 10.9.1.1 peer 10.9.1.2/32 dev eth9
		ip -6 addr add fd09::1/64 nodad dev eth9
		ip link set eth9 up
		"$@"' sh "$@"
}

@test "netDevices: moved, renamed, with their addresses, mtu and hardware address, and up" {
	bundle sh -c 'cd /sys/class/net; for d in *; do echo $d $(cat $d/mtu $d/address $d/flags); done; ip -o addr show dev wan | sed "s/  */ /g;s/ *$//"; ip -o -4 addr show dev ext9 | wc -l'
	edit '.linux.netDevices = {eth9: {name: "wan"}, ext9: {}}'
	with_devices timeout 60 "$husk_exe" --root "$state" run --bundle "$bundle" "$id" >"$BATS_TEST_TMPDIR/out"
	cat "$BATS_TEST_TMPDIR/out"
	grep -qx 'wan 1400 02:00:00:00:00:09 0x1003' "$BATS_TEST_TMPDIR/out"
	grep -q '^ext9 .* 0x1003$' "$BATS_TEST_TMPDIR/out"
	grep -q 'inet 10.9.0.1/24 brd 10.9.0.255 scope global wan' "$BATS_TEST_TMPDIR/out"
	grep -q 'inet 10.9.1.1 peer 10.9.1.2/32' "$BATS_TEST_TMPDIR/out"
	grep -q 'inet6 fd09::1/64' "$BATS_TEST_TMPDIR/out"
	equal others "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" 0
	# a template: the kernel chooses the numbers
	edit '.linux.netDevices = {eth9: {name: "lan%d"}, ext9: {name: "lan%d"}} | .process.args = ["sh", "-c", "cd /sys/class/net; echo *"]'
	equal names "$(with_devices timeout 60 "$husk_exe" --root "$state" run --bundle "$bundle" "$id")" "lan0 lan1 lo"
}

@test "netDevices: one that is missing is named, and the others stay where they were" {
	bundle true
	edit '.linux.netDevices = {eth9: {name: "wan"}, none9: {}}'
	run with_devices sh -c '"$@"; echo "status $?"; ip -o addr show dev eth9' sh timeout 60 "$husk_exe" --root "$state" run --bundle "$bundle" "$id"
	[[ $output == *"linux.netDevices: "*none9*"No such device"*"status 1"*"inet 10.9.0.1/24"* ]] || fail "$output"
	# two of one name: the second move fails, and the first comes back as it was
	edit '.linux.netDevices = {eth9: {name: "same"}, ext9: {name: "same"}}'
	run with_devices sh -c '"$@"; echo "status $?"; ip -o addr show dev eth9; ip -o link show dev eth9' sh timeout 60 "$husk_exe" --root "$state" run --bundle "$bundle" "$id"
	[[ $output == *"linux.netDevices: "*"status 1"*"inet 10.9.0.1/24"*"fd09::1/64"*"UP"*"mtu 1400"* ]] || fail "$output"
	edit '.linux.netDevices = {lo: {}}'
	refused "is the loopback device"
}

@test "intelRdt is refused by name where there is no resctrl" {
	if grep -q ' resctrl ' /proc/mounts; then
		bundle sleep 1000
		edit '.linux.intelRdt = {}'
		h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
		dir=$(awk '$3 == "resctrl" { print $2 }' /proc/mounts | head -n 1)
		grep -qx "$(sandbox_pid "$id")" "$dir/$id/tasks"
		h delete --force "$id"
		[ ! -d "$dir/$id" ]
	else
		bundle true
		edit '.linux.intelRdt = {closID: "gold"}'
		refused "linux.intelRdt: this host has no resctrl"
	fi
}

# ---- annotations -------------------------------------------------------------------------------

@test "run.oci.hooks.stdout and .stderr take what hooks write" {
	bundle true
	edit --arg o "$BATS_TEST_TMPDIR/o" --arg e "$BATS_TEST_TMPDIR/e" '.annotations = {"run.oci.hooks.stdout": $o, "run.oci.hooks.stderr": $e}
		| .hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "echo out; echo err >&2"]}],
			poststop: [{path: "/bin/sh", args: ["sh", "-c", "echo late; echo later >&2"]}]}'
	h run --bundle "$bundle" "$id"
	equal stdout "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/o")" "out late "
	equal stderr "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/e")" "err later "
	edit '.annotations["run.oci.hooks.stdout"] = "/no/such/directory/file"'
	refused "hooks.createRuntime[0]" "cannot open /no/such/directory/file"
}

@test "run.oci.seccomp_fail_unknown_syscall refuses a profile with names that nobody knows" {
	bundle true
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["no_such_call"], action: "SCMP_ACT_ERRNO"}]}'
	h run --bundle "$bundle" "$id"
	edit '.annotations["run.oci.seccomp_fail_unknown_syscall"] = "1"'
	refused "linux.seccomp.syscalls[0].names[0]: no_such_call is not a system call"
}

@test "annotations that would change what the container may do are refused by name" {
	for a in run.oci.handler=krun run.oci.keep_original_groups=1 run.oci.timens_offset=x run.oci.seccomp.receiver=/s; do
		bundle true
		edit --arg k "${a%%=*}" --arg v "${a#*=}" '.annotations[$k] = $v'
		refused "annotations[${a%%=*}]: "
	done
}

@test "org.husk annotations bound the guest, and nonsense in them is named" {
	bundle sh -c 'echo fine'
	edit '.annotations = {"org.husk.platform": "kvm", "org.husk.vcpus": "1", "org.husk.memory": "64M", "org.husk.trace": "false"}'
	equal output "$(h run --bundle "$bundle" "$id")" fine
	edit '.process.args = ["sh", "-c", "dd if=/dev/zero of=/dev/null bs=100M count=1 && echo too much"]'
	run h run --bundle "$bundle" "$id"
	[[ $output != *"too much"* ]] || fail "$output"
	for a in platform=qemu vcpus=0 vcpus=two memory=1T memory=-1 memory=1KB trace=yes; do
		bundle true
		edit --arg k "org.husk.${a%%=*}" --arg v "${a#*=}" '.annotations[$k] = $v'
		refused "annotations[org.husk.${a%%=*}]: expected"
	done
}

# The messages of a log in JSON: of each line, or it is no JSON.
messages() { # LOG
	jq -er .msg "$1"
}

traced() { # LOG REGEX
	messages "$1" | grep -qE -- "$2" || fail "no $2 in:
$(messages "$1")"
}

@test "org.husk.trace: a line for each system call, signal and end, and none that the guest made up" {
	local log=$BATS_TEST_TMPDIR/log

	bundle sh -c 'cat "/no
[1:1] +++ \"such\" +++"; trap "echo caught" USR1; kill -USR1 $$; sleep 100 &
		until [ "$(sed -n "s/^State:.\\(.\\).*/\\1/p;s/^Name:.//p" /proc/$!/status | tr -d "\n")" = sleepS ]; do :; done
		kill -9 $!; wait; sleep 0.3; exit 3'
	edit '.annotations = {"org.husk.trace": "true"}'
	run -3 h --log "$log" --log-format json run --bundle "$bundle" "$id"
	[[ $output == *caught* ]] || fail "$output"
	traced "$log" '^\[1:1\] clone\(0x[0-9a-f]+, NULL, NULL, 0x[0-9a-f]+, NULL\) = 2 <[0-9]+\.[0-9]{6}>$'
	traced "$log" '^\[2:2\] execve\(".*", \["cat", "/no\\n\[1:1\] \+\+\+ \\"such\\" \+\+\+"\], 0x[0-9a-f]+\) = 0 <'
	traced "$log" '^\[2:2\] open(at)?\((AT_FDCWD, )?"/no\\n\[1:1\] \+\+\+ \\"such\\" \+\+\+", .*\) = -1 ENOENT <'
	traced "$log" '^\[2:2\] \+\+\+ exited with 1 \+\+\+$'
	traced "$log" '^\[1:1\] --- SIGCHLD, code 1, from 2 ---$'
	traced "$log" '^\[1:1\] --- SIGUSR1, code 0, from 1 ---$'
	traced "$log" '^\[1:1\] write\(1, "caught\\n", 7\) = 7 <'
	traced "$log" '^\[3:3\] (clock_)?nanosleep\(.*\) = \? <'
	traced "$log" '^\[3:3\] \+\+\+ killed by SIGKILL \+\+\+$'
	traced "$log" '^\[[0-9]+:[0-9]+\] (clock_)?nanosleep\(.*\) = 0 <0\.[3-9]'
	traced "$log" '^\[1:1\] exit_group\(3\) = \? <'
	traced "$log" '^\[1:1\] \+\+\+ exited with 3 \+\+\+$'
	equal "ends of init" "$(messages "$log" | grep -c '^\[1:1\] +++')" 1
	equal "calls that do not return" "$(messages "$log" | grep '= ? <' | grep -c '^\[1:1\]')" 1
	h delete --force "$id" 2>/dev/null || true
	rm "$log"
	edit 'del(.annotations)'
	run -3 h --log "$log" --log-format json run --bundle "$bundle" "$id"
	equal "lines without it" "$(grep -c '<0\.\|+++\|---' "$log" || true)" 0
}

@test "org.husk.trace: only the calls that it names; of exec's processes too; on stderr without --log" {
	local log=$BATS_TEST_TMPDIR/log

	bundle sleep 100
	edit '.annotations = {"org.husk.trace": "write,exit_group"}'
	h --log "$log" --log-format json create --bundle "$bundle" "$id" </dev/null >/dev/null
	h start "$id"
	equal exec "$(h exec "$id" echo "of exec")" "of exec"
	traced "$log" '^\[2:2\] write\(1, "of exec\\n", 8\) = 8 <'
	traced "$log" '^\[2:2\] exit_group\(0\) = \? <'
	traced "$log" '^\[2:2\] \+\+\+ exited with 0 \+\+\+$'
	equal "other calls" "$(messages "$log" | grep -vc ' write(\| exit_group(\| --- \| +++ ' || true)" 0
	h delete --force "$id"
	bundle echo fine
	edit '.annotations = {"org.husk.trace": "write"}'
	equal stdout "$(h run --bundle "$bundle" "$id" 2>"$log")" fine
	grep -qF 'msg="[1:1] write(1, \"fine\\n\", 5) = 5 <' "$log" || fail "$(cat "$log")"
	edit '.annotations = {"org.husk.trace": "false"}'
	equal "all output" "$(h run --bundle "$bundle" "$id" 2>&1)" fine
}

@test "org.husk.trace: what is no name of a call is refused by name, and so is a trace without a place" {
	for v in yes '' write, write,opnat 'write, opnat' TRUE; do
		bundle true
		edit --arg v "$v" '.annotations["org.husk.trace"] = $v'
		refused "annotations[org.husk.trace]: expected true, false, all or names of system calls, found \\\"${v#write,}\\\""
	done
	bundle true
	edit '.annotations = {"org.husk.trace": "all"} | .process.terminal = true'
	run -1 h create --bundle "$bundle" --console-socket "$BATS_TEST_TMPDIR/none" "$id"
	[[ $output == *"annotations[org.husk.trace]: with a terminal, it needs --log"* ]] || fail "$output"
}

@test "vm.hwConfig: vcpus and memory bound the guest; hardware to pass through is refused" {
	bundle sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null && echo enough'
	edit '.vm = {hwConfig: {vcpus: 1, memory: 67108864}}'
	run h run --bundle "$bundle" "$id"
	[[ $output != *enough* ]] || fail "$output"
	edit '.vm.hwConfig.memory = 1073741824'
	equal output "$(h run --bundle "$bundle" "$id")" enough
	for hw in '{deviceTree: "/x"}' '{dtdevs: ["x"]}' '{iomems: [{firstGFN: 1, firstMFN: 2, nrMFNs: 3}]}' '{irqs: [3]}'; do
		edit ".vm = {hwConfig: $hw}"
		refused "vm.hwConfig.$(jq -nr "$hw | keys[0]"): the guest has no hardware"
	done
	for part in 'hypervisor: {path: "/x"}' 'kernel: {path: "/x"}' 'image: {path: "/x", format: "raw"}'; do
		edit ".vm = {$part}"
		refused "vm.${part%%:*}: husk"
	done
}

# ---- husk beside runc --------------------------------------------------------------------------

# Runs the bundle: its output, its errors, its status. Apart, for runc copies the two streams as it comes.
outcome() { # RUNTIME
	local out

	out=$("$1" run --bundle "$bundle" "$id" </dev/null 2>"$BATS_TEST_TMPDIR/errors"; echo "status $?")
	printf '%s\n' "$out" && cat "$BATS_TEST_TMPDIR/errors"
}

# The outcome must be the same under both.
same() { # WHAT
	local h r

	r=$(outcome r)
	h=$(outcome h)
	[ "$h" = "$r" ] || fail "$1:
$(diff <(echo "$r") <(echo "$h"))"
}

@test "users: uid, gid, groups, umask, a working directory that is missing" {
	bundle sh -c 'id -u; id -g; id -G; umask; pwd; stat -c "%a %u %g" .; touch f; stat -c %a f'
	edit '.process.user = {uid: 0, gid: 5, umask: 63, additionalGids: [7, 12345]} | .process.cwd = "/tmp/new/dir"
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"]}]'
	same "root of group 5"
	edit '.process.user = {uid: 1000, gid: 1000} | .process.cwd = "/tmp"'
	same "user 1000"
}

@test "capabilities: each of the five sets, for root and for a user" {
	bundle sh -c 'grep -E "^(Cap|NoNewPrivs)" /proc/self/status'
	sets='.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"], permitted: ["CAP_KILL", "CAP_CHOWN"],
		effective: ["CAP_KILL"], inheritable: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"]}'
	edit "$sets"' | .process.noNewPrivileges = true'
	same "root"
	edit "$sets"' | .process.user = {uid: 1000, gid: 1000}'
	same "user"
	edit '.process.capabilities = {}'
	same "none"
}

@test "rlimits, as /proc/self/limits has them" {
	bundle sh -c 'cut -c1-66 /proc/self/limits'
	edit '.process.rlimits = ({CORE: [0, 5], CPU: [100, 200], DATA: [1000000000, 2000000000], FSIZE: [1048576, 2097152],
			MEMLOCK: [4096, 8192], MSGQUEUE: [1, 2], NICE: [0, 0], NOFILE: [100, 200], RTPRIO: [0, 0], RTTIME: [5, 6],
			SIGPENDING: [10, 20], STACK: [8388608, 16777216], LOCKS: [7, 8], RSS: [9, 10], AS: [4000000000, 5000000000], NPROC: [500, 600]}
		| to_entries | map({type: ("RLIMIT_" + .key), soft: .value[0], hard: .value[1]}))'
	same limits
}

@test "devices of every type, with modes and owners" {
	bundle sh -c 'umask 0; cd /dev; stat -c "%n %F %t:%T %a %u %g" d-* /opt/dev/null sub/deep; stat -c "%n %F %t:%T %a %u %g" null zero full random urandom tty; for l in fd stdin stdout stderr ptmx; do readlink $l; done; echo x >/opt/dev/null'
	edit '.linux.devices = [{path: "/dev/d-char", type: "c", major: 1, minor: 5, fileMode: 384, uid: 7, gid: 8},
			{path: "/dev/d-unbuffered", type: "u", major: 1, minor: 7, fileMode: 511},
			{path: "/dev/d-block", type: "b", major: 7, minor: 200, fileMode: 438, uid: 1000, gid: 1000},
			{path: "/dev/d-pipe", type: "p", fileMode: 416, uid: 3, gid: 4},
			{path: "/opt/dev/null", type: "c", major: 1, minor: 3, fileMode: 438},
			{path: "/dev/sub/deep", type: "c", major: 1, minor: 9, fileMode: 292}]
		| .mounts += [{destination: "/opt", type: "tmpfs", source: "tmpfs"}]'
	same devices
	edit '.linux.devices = [{path: "/bin/busybox", type: "c", major: 1, minor: 3}]'
	refused "linux.devices[0]: cannot make /bin/busybox"
}

@test "masked and read-only paths, in /proc and elsewhere, and a read-only root" {
	bundle sh -c 'cat /etc/secret; ls /var/hidden; echo x >/etc/fixed; touch /srv/new; touch /root/new; cat /proc/keys; echo x >/proc/sys/kernel/hostname; cat /no/such; echo 1 >/tmp/x && echo ok'
	cp -a "$rootfs" "$BATS_TEST_TMPDIR/root"
	mkdir "$BATS_TEST_TMPDIR/root/var/hidden" "$BATS_TEST_TMPDIR/root/srv"
	touch "$BATS_TEST_TMPDIR/root/var/hidden/file" "$BATS_TEST_TMPDIR/root/etc/fixed"
	echo secret >"$BATS_TEST_TMPDIR/root/etc/secret"
	edit --arg root "$BATS_TEST_TMPDIR/root" '.root.path = $root | .linux.maskedPaths += ["/etc/secret", "/var/hidden", "/no/such"]
		| .linux.readonlyPaths += ["/etc/fixed", "/srv"] | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
	same "some paths"
	edit '.root.readonly = true'
	same "read-only root"
}

@test "tmpcopyup: a tmpfs with what it covers, owners and links and all" {
	bundle sh -c 'cd /opt; ls -ln . sub | sed "s/ [A-Z][a-z][a-z] .*:[0-9]* / /;/^total/d"; cat sub/file; touch new && echo writable'
	cp -a "$rootfs" "$BATS_TEST_TMPDIR/root"
	mkdir -p "$BATS_TEST_TMPDIR/root/opt/sub"
	echo content >"$BATS_TEST_TMPDIR/root/opt/sub/file"
	chown -R 5:6 "$BATS_TEST_TMPDIR/root/opt/sub"
	chmod 640 "$BATS_TEST_TMPDIR/root/opt/sub/file"
	ln -s sub/file "$BATS_TEST_TMPDIR/root/opt/link"
	edit --arg root "$BATS_TEST_TMPDIR/root" '.root.path = $root | .mounts += [{destination: "/opt", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "mode=755"]}]'
	same copy
	[ ! -e "$BATS_TEST_TMPDIR/root/opt/new" ]
}

@test "sysctl, hostname, domainname" {
	bundle sh -c 'cd /proc/sys; cat net/ipv4/ip_forward net/ipv4/ip_unprivileged_port_start kernel/shmmni fs/mqueue/msg_max kernel/hostname; hostname; cat kernel/domainname'
	edit '.hostname = "here" | .linux.sysctl = {"net.ipv4.ip_forward": "1", "net/ipv4/ip_unprivileged_port_start": "80",
		"kernel.shmmni": "77", "fs.mqueue.msg_max": "9", "kernel.domainname": "by.sysctl"}'
	same sysctl
	edit 'del(.linux.sysctl["kernel.domainname"]) | .domainname = "by.config"'
	equal domain "$(h run --bundle "$bundle" "$id" | tail -n 1)" by.config
}

# ---- mounts, as the host sees them --------------------------------------------------------------

# Created under both; a line for each mount at a path: its options and propagation, without numbers.
# Without husk's own /proc for who enters from the host (src/sandbox/outside.c).
mount_lines() { # RUNTIME PATTERN
	"$1" create --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1 || return 1
	awk -v p="$2" '$5 ~ p && !/ - fuse husk-proc / { $1 = $2 = $3 = $4 = ""; sub(/ - .*/, ""); gsub(/:[0-9]+/, ":N"); print }' \
		/proc/"$("$1" state "$id" | jq .pid)"/mountinfo | sed 's/ propagate_from:N//;s/  */ /g' | sort
	"$1" delete --force "$id"
}

same_mounts() { # WHAT PATTERN
	local h r

	r=$(mount_lines r "$2")
	h=$(mount_lines h "$2")
	[ "$h" = "$r" ] && [ -n "$h" ] || fail "$1:
runc: $r
husk: $h"
}

# /data with a mount below it, on the host, in a mount namespace that ends with the test's command.
tree() {
	mkdir -p "$BATS_TEST_TMPDIR/data/sub"
	mount -t tmpfs data "$BATS_TEST_TMPDIR/data"
	mkdir "$BATS_TEST_TMPDIR/data/sub"
	mount -t tmpfs sub "$BATS_TEST_TMPDIR/data/sub"
	mount --make-rshared "$BATS_TEST_TMPDIR/data"
}

no_tree() {
	umount "$BATS_TEST_TMPDIR/data/sub" "$BATS_TEST_TMPDIR/data"
}

@test "mount options of bind mounts: attributes, recursive attributes, propagation" {
	tree
	bad=
	for o in bind rbind rbind,ro bind,ro,nosuid,nodev,noexec rbind,rro rbind,rro,rnosuid,rnodev,rnoexec rbind,ro,rrw rbind,rnoatime \
		rbind,rnodiratime,rstrictatime bind,noatime,nodiratime bind,strictatime rbind,rnosymfollow rbind,private rbind,rprivate \
		bind,slave rbind,rslave bind,shared rbind,rshared bind,unbindable rbind,runbindable; do
		bundle true
		edit --arg d "$BATS_TEST_TMPDIR/data" --arg o "$o" '.mounts += [{destination: "/data", type: "bind", source: $d, options: ($o | split(","))}]'
		out=$(same_mounts "$o" '^/data') || bad="$bad
$out"
	done
	no_tree
	[ -z "$bad" ] || fail "$bad"
}

@test "rootfsPropagation in all its modes" {
	bad=
	for p in "" private rprivate slave rslave; do
		bundle true
		edit --arg p "$p" '.linux.rootfsPropagation = $p'
		out=$(same_mounts "'$p'" '^/(proc|dev)?$') || bad="$bad
$out"
	done
	[ -z "$bad" ] || fail "$bad"
	# runc 1.1 leaves a shared root private, and cannot make an unbindable one
	for p in shared rshared unbindable runbindable; do
		edit --arg p "$p" '.linux.rootfsPropagation = $p'
		lines=$(mount_lines h '^/(proc|dev)?$')
		word=$(sed 's/r\?shared/shared:N/;s/r\(unbind.*\)/\1/' <<<"$p")
		case $p in
		r*) equal "$p" "$(grep -c " $word$" <<<"$lines")" 3 ;;
		*) equal "$p" "$(grep " $word$" <<<"$lines" | cut -d' ' -f2)" / ;;
		esac
	done
}

@test "whatever the propagation, a container takes no mount of the host with it" {
	for p in shared rshared slave unbindable; do
		bundle true
		edit --arg p "$p" '.linux.rootfsPropagation = $p'
		# A host whose mounts are all shared, as systemd makes it.
		unshare -m --propagation shared sh -ec 'cut -d" " -f5 /proc/self/mountinfo >"$0.1"; "$@"; cut -d" " -f5 /proc/self/mountinfo >"$0.2"' \
			"$BATS_TEST_TMPDIR/mounts" timeout 60 "$husk_exe" --root "$state" run --bundle "$bundle" "$id"
		cmp "$BATS_TEST_TMPDIR/mounts.1" "$BATS_TEST_TMPDIR/mounts.2"
	done
}

@test "a slave of the host's sees what is mounted there later, a shared mount shows it to the host" {
	tree
	bundle sh -c 'while [ ! -e /data/go/file ]; do sleep 0.1; done; echo seen'
	edit --arg d "$BATS_TEST_TMPDIR/data" '.mounts += [{destination: "/data", type: "bind", source: $d, options: ["rbind", "rslave"]}] | .linux.rootfsPropagation = "rslave"'
	mkdir "$BATS_TEST_TMPDIR/data/go"
	h create --bundle "$bundle" "$id" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	h start "$id"
	mount -t tmpfs go "$BATS_TEST_TMPDIR/data/go"
	touch "$BATS_TEST_TMPDIR/data/go/file"
	wait_for is_status "$id" stopped || true
	umount "$BATS_TEST_TMPDIR/data/go"
	no_tree
	equal output "$(cat "$BATS_TEST_TMPDIR/out")" seen
}

# ---- namespaces --------------------------------------------------------------------------------

# A process that holds namespaces of its own, of all types; its pid in $holder.
hold() { # UNSHARE-OPTION …
	unshare "$@" sleep 1000 &
	holder=$!
	wait_for sh -c "[ \$(cat /proc/$holder/comm) = sleep ]"
}

namespace_of() { # PID TYPE
	readlink "/proc/$1/ns/$2"
}

@test "every type of namespace is joined by path" {
	hold --mount --uts --ipc --net --cgroup --time --boottime 5000
	bundle sleep 1000
	for pair in network:net uts:uts ipc:ipc cgroup:cgroup time:time mount:mnt pid:pid; do
		edit --arg t "${pair%%:*}" --arg p "/proc/$holder/ns/${pair#*:}" \
			'.linux.namespaces = [.linux.namespaces[] | select(.type != $t)] + [{type: $t, path: $p}]'
	done
	edit '.mounts = [{destination: "/proc", type: "proc", source: "proc"}] | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/err" || fail "$(cat "$BATS_TEST_TMPDIR/err")"
	for ns in net uts ipc cgroup time mnt pid; do
		equal $ns "$(namespace_of "$(sandbox_pid "$id")" $ns)" "$(namespace_of $holder $ns)"
	done
	h delete --force "$id"
	kill $holder
}

@test "a user namespace with several mappings, and one joined by path" {
	chmod o+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/.." "$BATS_TEST_TMPDIR/.."
	bundle sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /tmp/mine; chown 1000:1000 /tmp/mine; stat -c "%u %g" /tmp/mine'
	edit '.linux.namespaces += [{type: "user"}] | .process.user = {uid: 5, gid: 5} | .process.user = {uid: 0, gid: 0}
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 1000, hostID: 200000, size: 5}, {containerID: 2000, hostID: 0, size: 1}]
		| .linux.gidMappings = [{containerID: 0, hostID: 100000, size: 10}, {containerID: 1000, hostID: 300000, size: 5}]
		| .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"]}]'
	same mappings
	bundle sleep 1000
	edit '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	first=$(sandbox_pid "$id")
	user=$(namespace_of "$first" user)
	mkdir "$BATS_TEST_TMPDIR/second"
	jq --arg p "/proc/$first/ns/user" '.linux.namespaces = [.linux.namespaces[] | select(.type != "user")] + [{type: "user", path: $p}]
		| del(.linux.uidMappings, .linux.gidMappings) | .process.args = ["sh", "-c", "cat /proc/self/uid_map; id -u; readlink /proc/self/ns/user"]' \
		"$bundle/config.json" >"$BATS_TEST_TMPDIR/second/config.json"
	out=$(h run --bundle "$BATS_TEST_TMPDIR/second" "$id-2" | tr -s ' \n' ' ')
	h delete --force "$id"
	equal joined "$out" " 0 100000 1000 0 $user "
}

@test "timeOffsets: the guest's clocks, its uptime and its vDSO" {
	bundle sh -c 'cut -d. -f1 /proc/uptime; exec /opt/clocks'
	mkdir "$BATS_TEST_TMPDIR/opt"
	gcc -static -x c -o "$BATS_TEST_TMPDIR/opt/clocks" - <<-END
		#include <stdio.h>
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>
		int main(void)
		{
			struct timespec a, b;
			clock_gettime(CLOCK_MONOTONIC, &a);
			syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b);
			printf("%ld\\n%ld\\n", a.tv_sec, b.tv_sec);
			return 0;
		}
	END
	edit --arg opt "$BATS_TEST_TMPDIR/opt" '.mounts += [{destination: "/opt", type: "bind", source: $opt, options: ["bind"]}] | .linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000}, monotonic: {secs: 2000000, nanosecs: 5}}'
	out=$(h run --bundle "$bundle" "$id")
	up=$(cut -d. -f1 /proc/uptime)
	n=0
	for offset in 1000000 2000000 2000000; do
		n=$((n + 1))
		have=$(sed -n ${n}p <<<"$out")
		[ "$have" -ge $offset ] && [ "$have" -le $((up + offset + 10)) ] || fail "$out (host: $up)"
	done
}

@test "oomScoreAdj is the sandbox' for the host and the program's in the guest" {
	bundle sleep 1000
	edit '.process.oomScoreAdj = 321'
	h run --detach --bundle "$bundle" "$id" </dev/null >/dev/null 2>&1
	equal host "$(cat /proc/"$(sandbox_pid "$id")"/oom_score_adj)" 321
	equal guest "$(h exec "$id" cat /proc/1/oom_score_adj)" 321
}

@test "namespaces that are none, or of another type, are refused before anything is made" {
	bundle true
	edit '.linux.namespaces += [{type: "time", path: "/proc/self/ns/uts"}]'
	refused "/proc/self/ns/uts is not a time namespace"
	edit '.linux.namespaces[-1].path = "/dev/null"'
	refused "/dev/null is not a namespace"
}

@test "features says what this file has seen" {
	h features >"$BATS_TEST_TMPDIR/f"
	jq -e '.ociVersionMax == "1.3.0" and (.hooks | length) == 6 and (.linux.namespaces | length) == 8
		and .linux.mountExtensions.idmap.enabled and .linux.netDevices.enabled and .linux.intelRdt.monitoring
		and (.linux.memoryPolicy.modes | index("MPOL_BIND")) and (.linux.seccomp.actions | index("SCMP_ACT_NOTIFY") | not)
		and (.mountOptions | contains(["rro", "idmap", "ridmap", "tmpcopyup", "rshared"]))
		and .potentiallyUnsafeConfigAnnotations == ["org.husk.", "run.oci."]' "$BATS_TEST_TMPDIR/f"
}
