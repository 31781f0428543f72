#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# update and events: limits that change, numbers that are counted; runc is the oracle.

load helper

running() { # RUNTIME
	"$1" run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
}

# The limits of the test's container, one line a file.
limits() {
	local f file

	for f in memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes \
		memory/memory.soft_limit_in_bytes cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us \
		cpuset/cpuset.cpus cpuset/cpuset.mems pids/pids.max; do
		# Others' cgroups come and go while find looks.
		file=$(find "/sys/fs/cgroup/${f%/*}" -path "*/$id/${f#*/}" 2>/dev/null || true)
		echo "$f $(cat "$file")"
	done
}

# Each line: options of update; "-r JSON" feeds the standard input.
updates() {
	cat <<-'END'
		--memory 100m
		--memory 64MiB --memory-swap 128m
		--memory 256m --memory-swap 300m
		--memory 1024m
		--memory -1
		--memory 209715200 --memory-reservation 50m
		--cpu-period 50000 --cpu-quota 20000 --cpu-share 200 --cpuset-cpus 0 --pids-limit 77
		--cpu-quota -1 --pids-limit -1
		--cpu-period 1
		--cpu-quota 5000
		--cpuset-cpus 977
		--cpuset-mems 0
		-r {"memory":{"limit":209715200,"swap":0},"cpu":{"shares":300,"quota":30000,"period":60000},"pids":{"limit":55}}
		-r {"cpu":{"cpus":"0"},"pids":{"limit":0}}
		-r {}
		-r {"memory":{"limit":"x"}}
		--memory xyz
		--pids-limit x
	END
}

# The updates in a row, with exit statuses and the limits after each.
transcript() { # RUNTIME
	local line code

	updates | while IFS= read -r line; do
		code=0
		if [[ $line == -r* ]]; then
			echo "${line#-r }" | "$1" update -r - "$id" >/dev/null 2>&1 || code=$?
		else
			# shellcheck disable=SC2086
			"$1" update $line "$id" >/dev/null 2>&1 </dev/null || code=$?
		fi
		echo "$line: $code"
		limits
	done
}

@test "update leaves the cgroup as runc does" {
	bundle sleep 1000
	for rt in r h; do
		running $rt
		transcript $rt >"$BATS_TEST_TMPDIR/transcript.$rt"
		"$rt" delete --force "$id"
	done
	diff "$BATS_TEST_TMPDIR/transcript.r" "$BATS_TEST_TMPDIR/transcript.h"
}

@test "an update that fails half-way changes nothing" {
	bundle sleep 1000
	running h
	limits >"$BATS_TEST_TMPDIR/before"
	run -1 h update --memory 100m --cpu-share 77 --cpuset-cpus 977 "$id"
	[[ $output == *'linux.resources.cpu.cpus: cannot write'*977* ]] || fail "$output"
	limits | diff "$BATS_TEST_TMPDIR/before" -
	# What failed is not remembered either: the next one has no word of it.
	h update --pids-limit 50 "$id"
	[[ $(limits) == *"cpu.shares 1024"* ]]
}

@test "what is updated stays when something else is" {
	bundle sleep 1000
	running h
	h update --memory 100m --pids-limit 60 "$id"
	h update --cpu-share 300 "$id"
	[[ $(limits) == *"limit_in_bytes 104857600"*"cpu.shares 300"*"pids.max 60" ]] || fail "$(limits)"
	jq -e '.linux.resources | .memory.limit == 104857600 and .pids.limit == 60 and .cpu.shares == 300' \
		"$state/$id/config.json"
	equal hostname "$(h exec "$id" hostname)" "$(jq -r .hostname "$bundle/config.json")"
}

@test "update of a container that is not there, has stopped, or is paused" {
	bundle true
	run -1 h update --memory 100m "$id"
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	wait_for is_status "$id" stopped
	run -1 h update --memory 100m "$id"
	[[ $output == *"container not running"* ]] || fail "$output"
	h delete "$id"
	bundle sleep 1000
	running h
	h pause "$id"
	h update --memory 100m "$id"
	equal status "$(status_of "$id")" paused
}

@test "limits that cannot be: too little memory, devices, weights" {
	bundle sleep 1000
	running h
	run -1 h update --memory 1m "$id"
	[[ $output == *"the sandbox itself needs some of them"* ]] || fail "$output"
	run -1 h update --blkio-weight 5 "$id"
	[[ $output == *"blockIO.weight: expected 10 to 1000, found 5"* ]] || fail "$output"
	echo '{"devices": [{"allow": true, "access": "rwm"}]}' >"$BATS_TEST_TMPDIR/r.json"
	run -1 h update --resources "$BATS_TEST_TMPDIR/r.json" "$id"
	[[ $output == *"linux.resources.devices"* ]] || fail "$output"
	run -1 h update --l3-cache-schema L3:0=f "$id"
	[ -d /sys/fs/resctrl/info ] || [[ $output == *"linux.intelRdt: this host has no resctrl"* ]] || fail "$output"
}

@test "events --stats has the members that runc's has" {
	bundle sleep 1000
	for rt in r h; do
		running $rt
		"$rt" events --stats "$id" | jq -S 'del(.data.memory.cache, .data.cpu.usage.percpu_kernel,
			.data.cpu.usage.percpu_user) | [paths | map(tostring) | join(".")]' >"$BATS_TEST_TMPDIR/keys.$rt"
		"$rt" delete --force "$id"
	done
	diff "$BATS_TEST_TMPDIR/keys.r" "$BATS_TEST_TMPDIR/keys.h"
}

@test "events counts what the cgroup counts" {
	bundle sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; sleep 1000'
	running h
	h update --pids-limit 321 --memory 300m "$id"
	h events --stats "$id" >"$BATS_TEST_TMPDIR/one"
	jq -e '.type == "stats" and .data.pids.limit == 321 and .data.memory.usage.limit == 314572800 and
		.data.cpu.usage.total > 0 and .data.memory.usage.usage > 100000' "$BATS_TEST_TMPDIR/one"
	equal id "$(jq -r .id "$BATS_TEST_TMPDIR/one")" "$id"
}

@test "events goes on until the container ends" {
	bundle sleep 1000
	running h
	(
		sleep 1
		h kill "$id" KILL
	) &
	h events --interval 100ms "$id" >"$BATS_TEST_TMPDIR/many"
	wait
	[ "$(wc -l <"$BATS_TEST_TMPDIR/many")" -ge 3 ] || fail "$(cat "$BATS_TEST_TMPDIR/many")"
	jq -e '.type == "stats"' "$BATS_TEST_TMPDIR/many" >/dev/null
	run -1 h events --stats "$id"
	[[ $output == *"container with id $id is not running"* ]] || fail "$output"
}

@test "events --interval takes what Go calls a duration" {
	bundle sleep 1000
	running h
	run -1 h events --interval 0s "$id"
	[[ $output == *"duration interval must be greater than 0"* ]] || fail "$output"
	run -1 h events --interval 5 "$id"
	run -1 h events --interval 5x "$id"
	run -1 h events --interval "" "$id"
	for good in 1h2m3.5s 100us 1h; do
		run -124 timeout 0.3 "$husk_exe" --root "$state" events --interval $good "$id"
	done
}

@test "events and a failing update under cgroup v2 name what is missing" {
	bundle sleep 1000
	export -f h runtime_path die
	export husk_exe state bundle id tests_dir
	run unshare -m bash -ec 'mount -t cgroup2 cgroup2 /sys/fs/cgroup
		h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
		h events --stats "$id" | jq -c "[.data.pids.current > 0, .data.cpu.usage.total > 0]"
		h update --memory 100m "$id" || echo "status $?"
		h delete --force "$id"'
	[[ $output == *"[true,true]"*"this host has no memory.max"*"status 1"* ]] || fail "$output"
}
