#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# exec --cgroup: a process in a group below the container's, on cgroup v1 and v2.

load helper

hold() {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
}

# The container's directory in the hierarchy of a v1 controller.
group() { # CONTROLLER
	local path

	path=$(awk -F: -v c="$1" '("," $2 ",") ~ ("," c ",") { print $3 }' "/proc/$(sandbox_pid "$id")/cgroup")
	[[ $path == *"$id"* ]] || fail "no group of the container's own: $path"
	echo "/sys/fs/cgroup/$1$path"
}

# How many threads of the sandbox are in groups that end with this.
threads_in() { # SUFFIX
	grep -lE ":[^:]*$1\$" "/proc/$(sandbox_pid "$id")"/task/*/cgroup | wc -l
}

# Files that groups are entered by, among the descriptors of the sandbox or another process.
no_group_is_open() { # [PID]
	local links

	links=$(find "/proc/${1:-$(sandbox_pid "$id")}/fd" -mindepth 1 -printf '%l\n')
	[[ $links == */* && $links != */tasks* && $links != */cgroup.threads* ]] || fail "$links"
}

@test "a process and its children are in the group that --cgroup names, and nobody else is" {
	hold
	local c pids helper

	for c in pids cpu freezer; do
		mkdir "$(group $c)/sub"
	done
	pids=$(group pids)
	helper=$BATS_TEST_TMPDIR/helper
	h exec --detach --pid-file "$helper" --cgroup pids,cpu:sub --cgroup freezer:/sub "$id" \
		sh -c 'sleep 1000 & exec sleep 1000' >/dev/null 2>&1 </dev/null
	wait_for eval "[ \"\$(wc -l <'$pids/sub/tasks')\" = 2 ]"
	for c in cpu freezer; do
		equal "$c" "$(sort "$(group $c)/sub/tasks")" "$(sort "$pids/sub/tasks")"
	done
	# All three hierarchies say so of these two, and none of any other.
	grep -c '/sub$' "/proc/$(sandbox_pid "$id")"/task/*/cgroup | awk -F: '{ n[$2]++ }
		END { exit !(n[3] == 2 && n[0] >= 2 && length(n) == 2) }'
	# The guest sees which: its two, not init, not the next exec.
	equal "in the guest" "$(h exec "$id" sh -c 'for p in $(grep -l "/sub\$" /proc/[0-9]*/cgroup); do
		cat "${p%/*}/comm"; done' | sort | tr '\n' ' ')" "sleep sleep "
	h exec "$id" sh -c '! grep "/sub\$" /proc/1/cgroup /proc/self/cgroup'
	equal guest "$(h exec --cgroup pids:sub "$id" grep -c '/sub$' /proc/self/cgroup)" 1
	no_group_is_open
	no_group_is_open "$(cat "$helper")"
	h delete --force "$id"
	[ ! -e "$pids" ]
}

@test "a limit of the group holds for its processes alone" {
	hold
	local pids

	pids=$(group pids)
	mkdir "$pids/few"
	echo 2 >"$pids/few/pids.max"
	run -0 h exec --cgroup pids:few "$id" sh -c 'sleep 0 && echo two'
	equal output "$output" two
	run h exec --cgroup pids:few "$id" sh -c 'sleep 1 | sleep 1 | sleep 1; echo three'
	[[ $output == *"can't fork"* ]] || fail "$output"
	run -0 h exec "$id" sh -c 'sleep 0.1 | sleep 0.1 | sleep 0.1; echo three'
	equal output "$output" three
	wait_for eval "[ ! -s '$pids/few/tasks' ]"
}

@test "without a controller the group is that of all hierarchies" {
	hold
	local dir

	awk -F: '$2 ~ /=|[a-z]/ { sub("name=", "", $2); print "/sys/fs/cgroup/" $2 $3 }' \
		"/proc/$(sandbox_pid "$id")/cgroup" | grep "$id" >"$BATS_TEST_TMPDIR/dirs"
	while read -r dir; do
		mkdir "$dir/all"
	done <"$BATS_TEST_TMPDIR/dirs"
	# A cpuset without CPUs takes nobody: the exec fails, and says where.
	run -255 h exec --cgroup all "$id" true
	[[ $output == *"--cgroup: cannot enter by "*"/cpuset/"*"$id/all/tasks: No space left on device"* ]] ||
		fail "$output"
	dir=$(group cpuset)
	cat "$dir/cpuset.cpus" >"$dir/all/cpuset.cpus"
	cat "$dir/cpuset.mems" >"$dir/all/cpuset.mems"
	run -0 h exec --cgroup /all "$id" cat /proc/self/cgroup
	equal hierarchies "$(grep -c '/all$' <<<"$output")" "$(wc -l <"$BATS_TEST_TMPDIR/dirs")"
	equal others "$(threads_in /all)" 0
	rmdir "$(group pids)/all"
	run -255 h exec --cgroup all "$id" true
	[[ $output == *"--cgroup: the cgroup $(group pids)/all: No such file or directory"* ]] || fail "$output"
	for sub in "" / pids: cpu:/; do
		run -0 h exec --cgroup "$sub" "$id" cat /proc/self/cgroup
		equal "group of '$sub'" "$output" "$(h exec "$id" cat /proc/self/cgroup)"
	done
}

# An exec with these options fails with this.
refused() { # MESSAGE OPTION …
	local message=$1 out status=0

	shift
	out=$(h exec "$@" "$id" true 2>&1) || status=$?
	equal "status with $*" "$status" 255
	[[ $out == *"$message"* ]] || fail "$*: $out"
}

@test "a --cgroup that cannot be is an error that names it" {
	hold
	local freezer

	mkdir "$(group pids)/sub" "$(group freezer)/sub"
	refused "--cgroup: the cgroup $(group pids)/none: No such file or directory" --cgroup pids:none
	refused "--cgroup: the cgroup $(group pids)/tasks/x: Not a directory" --cgroup pids:tasks/x
	refused "leads out of the container's cgroup" --cgroup pids:sub/../../other
	refused "leads out of" --cgroup ..
	refused "leads out of" --cgroup pids:/..
	refused '--cgroup nonsense:sub: unknown controller' --cgroup nonsense:sub
	refused '--cgroup pids,nonsense:sub: unknown controller' --cgroup pids,nonsense:sub
	refused 'unknown controller' --cgroup :sub
	refused "invalid --cgroup argument: pids:a:b" --cgroup pids:a:b
	refused "invalid --cgroup argument: sub (missing <controller>: prefix)" --cgroup sub --cgroup pids:sub
	refused "has sub already" --cgroup pids:sub --cgroup pids:other
	freezer=$(group freezer)/sub
	echo FROZEN >"$freezer/freezer.state"
	refused "--cgroup: the cgroup $freezer is frozen" --cgroup freezer:sub
	run -255 h exec --cgroup pids:sub "$id" nonsense
	wait_for eval "[ ! -s '$(group pids)/sub/tasks' ]"
	no_group_is_open
}

frozen_dies() { # COMMAND …
	local freezer pid

	hold

	freezer=$(group freezer)/sub
	mkdir "$freezer" "$freezer/below"
	h exec --detach --cgroup freezer:sub/below "$id" sleep 1000 >/dev/null 2>&1 </dev/null
	pid=$(sandbox_pid "$id")
	echo FROZEN >"$freezer/freezer.state"
	wait_for grep -q FROZEN "$freezer/below/freezer.state"
	"$@"
	! alive "$pid"
	h delete --force "$id"
}

@test "a container with a process in a frozen group dies" {
	frozen_dies h delete --force "$id"
}

@test "so it does by kill" {
	frozen_dies eval 'h kill "$id" KILL && wait_for is_status "$id" stopped'
}

@test "on a platform whose processes run elsewhere --cgroup is refused" {
	bundle sleep 1000
	HUSK_TEST_PLATFORM=ptrace h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	mkdir "$(group pids)/sub"
	refused "--cgroup: on the platform ptrace" --cgroup pids:sub
}

threads_of_v2() {
	local own

	hold
	own=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(sandbox_pid "$id")/cgroup")
	[[ $own == *"$id"* ]]
	mkdir "$own/sub"
	refused "--cgroup: $own/sub/cgroup.type says" --cgroup sub
	refused 'unknown controller' --cgroup hugetlb:sub
	refused "--cgroup: the cgroup $own/none: No such file or directory" --cgroup none
	echo threaded >"$own/sub/cgroup.type"
	h exec --detach --cgroup sub "$id" sh -c 'sleep 1000 & exec sleep 1000' >/dev/null 2>&1 </dev/null
	wait_for eval "[ \"\$(wc -l <'$own/sub/cgroup.threads')\" = 2 ]"
	equal threads "$(threads_in "$id/sub")" 2
	equal guest "$(h exec --cgroup /sub "$id" grep -c '/sub$' /proc/self/cgroup)" 1
	h pause "$id"
	h resume "$id"
	echo 1 >"$own/sub/cgroup.freeze"
	refused "--cgroup: the cgroup $own/sub is frozen" --cgroup sub
	h delete --force "$id"
	[ ! -e "$own" ]
}

@test "under cgroup v2 the group is a threaded one" {
	export -f h fail equal bundle make_bundle wait_for sandbox_pid hold threads_in refused threads_of_v2
	export husk_exe state rootfs bundle id tests_dir
	unshare -m bash -ec 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; threads_of_v2'
}
