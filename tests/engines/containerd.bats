#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# containerd, by its own client ctr and as Kubernetes uses it (CRI, cri.py), with the runtime under test: tests/engines/run containerd.

load helper

image=example.org/box:latest

c() {
	timeout -k 5 60 "$SCRATCH/c" "$@"
}

# ctr run with the runtime under test.
r() { # OPTION … IMAGE NAME COMMAND …
	c run --runtime io.containerd.runc.v2 --runc-binary "$RUNTIME" "$@"
}

start_containerd() {
	PATH=$SCRATCH/bin:$PATH containerd --config "$SCRATCH/containerd.toml" >>"$SCRATCH/containerd.log" 2>&1 3>&- 4>&- </dev/null &
	echo $! >"$SCRATCH/containerd.pid"
	wait_for c version || {
		tail -n 20 "$SCRATCH/containerd.log"
		return 1
	}
}

stop_containerd() {
	local pid

	pid=$(cat "$SCRATCH/containerd.pid")
	kill "$pid"
	wait_for test ! -d "/proc/$pid"
}

# make_archive TREE NAME COMMAND …: an image archive of one layer, in the format of `docker save`.
make_archive() {
	local dir=$SCRATCH/archive cmd

	mkdir -p "$dir"
	cmd=$(printf '%s\n' "${@:3}" | jq -R . | jq -s .)
	tar -C "$1" -cf "$dir/layer.tar" .
	jq -n --arg diff "sha256:$(sha256sum <"$dir/layer.tar" | cut -d' ' -f1)" --argjson cmd "$cmd" '{
		architecture: "amd64", os: "linux",
		config: {Env: ["PATH=/bin:/usr/bin", "ORIGIN=image"], Cmd: $cmd},
		rootfs: {type: "layers", diff_ids: [$diff]}}' >"$dir/config.json"
	jq -n --arg name "$2" '[{Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"]}]' >"$dir/manifest.json"
	tar -C "$dir" -c manifest.json config.json layer.tar
}

setup_file() {
	cat >"$SCRATCH/containerd.toml" <<-END
		version = 2
		root = "$SCRATCH/containerd/root"
		state = "$SCRATCH/containerd/state"
		[grpc]
		  address = "$SCRATCH/containerd.sock"
		[ttrpc]
		  address = "$SCRATCH/containerd.ttrpc"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "$SCRATCH/containerd/opt"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "example.org/pause:latest"
		  restrict_oom_score_adj = true
		  tolerate_missing_hugetlb_controller = true
		[plugins."io.containerd.grpc.v1.cri".containerd]
		  default_runtime_name = "under-test"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.under-test]
		  runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.under-test.options]
		  BinaryName = "$RUNTIME"
	END
	cat >"$SCRATCH/c" <<-END
		#!/bin/sh
		exec ctr -a $SCRATCH/containerd.sock "\$@"
	END
	chmod +x "$SCRATCH/c"
	mkdir "$SCRATCH/bin"
	ln -s "$RUNTIME" "$SCRATCH/bin/runc"
	# For --cni and CRI, which look where Kubernetes keeps these.
	mkdir -p /etc/cni/net.d /opt/cni
	ln -s /usr/lib/cni /opt/cni/bin
	cat >/etc/cni/net.d/10-engines.conflist <<-END
		{"cniVersion": "0.4.0", "name": "engines", "plugins": [
		 {"type": "bridge", "bridge": "cni7", "isGateway": true,
		  "ipam": {"type": "host-local", "subnet": "10.66.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
		 {"type": "portmap", "capabilities": {"portMappings": true}}]}
	END
	start_containerd >&2
	make_image_tree "$SCRATCH/tree"
	make_archive "$SCRATCH/tree" "$image" sh | c images import - >&2
	make_archive "$SCRATCH/tree" "$image" sh | c -n k8s.io images import - >&2
	make_archive "$SCRATCH/tree" example.org/pause:latest sleep 1000000 | c -n k8s.io images import - >&2
}

teardown_file() {
	stop_containerd
}

setup() {
	name=t$BATS_TEST_NUMBER
	work=$BATS_TEST_TMPDIR
}

background() { # [OPTION …] IMAGE NAME COMMAND …
	r -d --null-io "$@" </dev/null
}

forget() { # [CONTAINER …]
	local id

	for id in "${@:-$name}"; do
		c task rm -f "$id" >/dev/null 2>&1 || true
		c container rm "$id"
	done
}

pid_of() {
	c task ls | awk -v name="$1" '$1 == name { print $2 }'
}

status_of() {
	c task ls | awk -v name="$1" '$1 == name { print $3 }'
}

execute() { # NAME COMMAND …
	local id=$1

	shift
	c task exec --exec-id "e$RANDOM$RANDOM" "$id" "$@"
}

@test "run --rm: output, and the image's variables" {
	equal output "$(r --rm $image "$name" sh -c 'echo hello $ORIGIN')" "hello image"
}

@test "run: exit codes of programs, and of a program killed by a signal" {
	for code in 1 42 255; do
		run -$code r --rm $image "$name" sh -c "exit $code"
	done
	run -137 r --rm $image "$name" sh -c 'sh -c "kill -KILL \$\$"; exit $?'
}

@test "run: a program that is not there is an error that names it, and nothing stays" {
	run r --rm $image "$name" /no/such/program
	[ "$status" != 0 ]
	contains "$output" /no/such/program "no such file or directory"
	[ -z "$(c container ls -q)" ]
}

@test "run: stdin, binary and large" {
	head -c 1000000 /dev/urandom >"$work/in"
	r --rm $image "$name" cat <"$work/in" | cmp - "$work/in"
}

@test "run: stdout and stderr stay apart" {
	equal stdout "$(r --rm $image "$name" sh -c 'echo out; echo err >&2' 2>/dev/null)" out
	equal stderr "$(r --rm $image "$name" sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
}

@test "run -t: a terminal, a shell in it, and its exit status" {
	shell_on_tty "$SCRATCH/c" run --rm -t --runtime io.containerd.runc.v2 --runc-binary "$RUNTIME" $image "$name"
}

@test "run -d, task ls, kill, rm" {
	background $image "$name" sleep 1000
	equal status "$(status_of "$name")" RUNNING
	c task kill -s SIGKILL "$name"
	wait_for prints STOPPED status_of "$name"
	forget
}

@test "kill with a signal that the program catches; its exit status" {
	r --rm $image "$name" sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$work/out" 3>&- &
	wait_for grep -q ready "$work/out"
	c task kill "$name"
	status=0
	wait $! || status=$?
	equal status $status 9
}

@test "kill --all" {
	background $image "$name" sh -c 'sleep 1000 & sleep 1000 & wait'
	c task kill --all -s SIGKILL "$name"
	wait_for prints STOPPED status_of "$name"
	forget
}

# The shim looks for "runc" in containerd's PATH when it is not told otherwise: see start_containerd.
@test "container create, then task start, with the runtime in runc's place" {
	c container create --runtime io.containerd.runc.v2 $image "$name" cat /data/file
	equal output "$(c task start "$name")" from-image
	forget
}

@test "exec: output, exit status, stdin" {
	background $image "$name" sleep 1000
	equal output "$(execute "$name" echo in)" in
	run -33 execute "$name" sh -c 'exit 33'
	equal stdin "$(echo typed | execute "$name" cat)" typed
	forget
}

@test "exec of what is not there: an error that says so, and the container runs on" {
	background $image "$name" sleep 1000
	run execute "$name" /no/such/program
	[ "$status" != 0 ]
	contains "$output" "no such file or directory"
	equal status "$(status_of "$name")" RUNNING
	forget
}

@test "exec --cwd, --user" {
	background $image "$name" sleep 1000
	equal output "$(c task exec --exec-id e --cwd /data --user 1000:1000 "$name" sh -c 'echo $(id -u) $(pwd)')" "1000 /data"
	forget
}

@test "exec -t: a terminal of its own" {
	background $image "$name" sleep 1000
	shell_on_tty "$SCRATCH/c" task exec -t --exec-id e "$name"
	forget
}

@test "exec -d, and a kill of that process alone" {
	background $image "$name" sleep 1000
	c task exec -d --exec-id e "$name" sleep 2000
	wait_for shows "sleep 2000" execute "$name" ps
	c task kill --exec-id e -s SIGKILL "$name"
	gone() { ! shows "sleep 2000" execute "$name" ps; }
	wait_for gone
	equal status "$(status_of "$name")" RUNNING
	forget
}

@test "pause and resume: nothing runs in between" {
	mkdir "$work/m"
	background --mount "type=bind,src=$work/m,dst=/m,options=rbind:rw" $image "$name" \
		sh -c 'while :; do echo >>/m/ticks; sleep 0.05; done'
	wait_for test -s "$work/m/ticks"
	c task pause "$name"
	equal status "$(status_of "$name")" PAUSED
	a=$(wc -c <"$work/m/ticks")
	sleep 0.5
	equal "ticks while paused" "$(wc -c <"$work/m/ticks")" "$a"
	c task resume "$name"
	more() { [ "$(wc -c <"$work/m/ticks")" -gt "$a" ]; }
	wait_for more
	forget
}

@test "a paused container is killed and removed" {
	background $image "$name" sleep 1000
	c task pause "$name"
	forget
	equal status "$(status_of "$name")" ""
}

@test "metrics: memory, CPU and pids" {
	background $image "$name" sh -c 'while :; do :; done'
	sleep 0.3
	c task metrics --format json "$name" | jq -e '
		(.memory.usage | if type == "object" then .usage else . end) > 100000 and
		((.cpu.usage.total // (.cpu.usage_usec * 1000)) > 10000000) and .pids.current >= 1'
	forget
}

@test "task ps lists the container's process" {
	background $image "$name" sleep 1000
	contains "$(c task ps "$name")" "$(pid_of "$name")"
	forget
}

@test "task ps lists an exec's process, by its id" {
	background $image "$name" sleep 1000
	c task exec -d --exec-id extra "$name" sleep 2000
	listed() { c task ps "$name" | grep -E '^[0-9]+ .*extra'; }
	wait_for listed
	c task kill --exec-id extra -s SIGKILL "$name"
	unlisted() { ! listed; }
	wait_for unlisted
	contains "$(c task ps "$name")" "$(pid_of "$name")"
	forget
}

@test "--memory-limit and --cpus are in the container's groups" {
	background --memory-limit 67108864 --cpus 0.5 $image "$name" sleep 1000
	pid=$(pid_of "$name")
	equal limit "$(limit "$pid" memory)" 67108864
	equal quota "$(limit "$pid" quota)" 50000
	forget
}

@test "--memory-limit: a container that passes it ends with 137, and containerd tells of it" {
	timeout 30 "$SCRATCH/c" events >"$work/events" 3>&- &
	events=$!
	sleep 0.3
	run -137 r --rm --memory-limit 67108864 $image "$name" dd if=/dev/zero of=/dev/null bs=200M count=1
	wait_for grep -q "/tasks/oom.*$name" "$work/events"
	kill $events
}

@test "--seccomp and --seccomp-profile" {
	r --rm --seccomp $image "$name" true
	cat >"$work/profile" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
		 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
	END
	out=$(r --rm --seccomp --seccomp-profile "$work/profile" $image "$name" mkdir /x 2>&1) || true
	contains "$out" "No space left"
}

@test "--net-host, and no network by default" {
	ip link add veth7 type veth peer name veth8
	out=$(r --rm --net-host $image "$name" ip -o link)
	ip link del veth7
	contains "$out" veth7 veth8
	[[ $(r --rm $image "$name" ip -o link) != *veth* ]]
}

@test "--cni: an address from the plug-in, and the gateway answers" {
	out=$(r --rm --cni $image "$name" sh -c 'ip -o addr show eth0; ping -c 1 -W 2 10.66.0.1')
	contains "$out" "inet 10.66.0." "1 packets received"
}

@test "--with-ns: joins a network namespace by its path" {
	ip netns add "$name"
	ip -n "$name" link add veth7 type veth peer name veth8
	out=$(r --rm --with-ns "network:/run/netns/$name" $image "$name" ip -o link)
	ip netns del "$name"
	contains "$out" veth7 veth8
}

@test "--mount, --read-only, --cwd, --env" {
	mkdir "$work/m"
	r --rm --mount "type=bind,src=$work/m,dst=/m,options=rbind:rw" --read-only --cwd /data --env A=b $image "$name" \
		sh -c 'echo $A $(pwd) >/m/out'
	equal output "$(cat "$work/m/out")" "b /data"
	run -1 r --rm --read-only $image "$name" touch /x
}

@test "--cap-drop and --cap-add" {
	drop=$(r --rm --cap-drop CAP_CHOWN $image "$name" grep CapEff /proc/self/status | cut -f2)
	add=$(r --rm --cap-add CAP_SYS_NICE $image "$name" grep CapEff /proc/self/status | cut -f2)
	equal "CAP_CHOWN" $((0x$drop & 1)) 0
	equal "CAP_SYS_NICE" $((0x$add >> 23 & 1)) 1
}

@test "--device, --pid-file, --annotation" {
	background --device /dev/fuse --annotation org.example.note=here --pid-file "$work/pid" $image "$name" sleep 1000
	equal pid "$(cat "$work/pid")" "$(pid_of "$name")"
	execute "$name" test -c /dev/fuse
	equal annotation "$(c container info "$name" | jq -r '.Spec.annotations["org.example.note"]')" here
	forget
}

@test "--rootfs: a directory in place of an image" {
	equal output "$(r --rm --rootfs "$SCRATCH/tree" "$name" /bin/cat /data/file)" from-image
}

@test "a second container of the image sees nothing of the first's changes" {
	r --rm $image "$name" sh -c 'echo mine >/data/file'
	equal file "$(r --rm $image "$name" cat /data/file)" from-image
}

# --- Kubernetes' interface -----------------------------------------------------------------------------

cri() { # Debian's Python: it has the package
	timeout -k 5 60 /usr/bin/python3 "$BATS_TEST_DIRNAME/cri.py" "$SCRATCH/containerd.sock" "$@"
}

@test "CRI: a pod by its runtime handler, two containers that share its network" {
	pod=$(cri run-pod "$name" under-test)
	web=$(cri create "$pod" "$image" web httpd -f -p 80 -h /www)
	equal state "$(cri state "$web")" created
	cri start "$web"
	equal state "$(cri state "$web")" running
	contains "$(cri pod-address "$pod")" 10.66.0.
	other=$(cri create "$pod" "$image" other sleep 1000)
	cri start "$other"
	equal page "$(cri exec "$other" wget -qO- http://127.0.0.1/)" served
	run -7 cri exec "$other" sh -c 'exit 7'
	cri stop "$web"
	equal state "$(cri state "$web")" exited
	cri remove "$web"
	cri stop-pod "$pod"
	cri remove-pod "$pod"
	equal left "$(c -n k8s.io container ls -q)" ""
}

@test "CRI: a container that cannot start is an error that names its program; its pod goes on" {
	pod=$(cri run-pod "$name" under-test)
	bad=$(cri create "$pod" "$image" bad /no/such/program)
	run cri start "$bad"
	[ "$status" != 0 ]
	contains "$output" /no/such/program "no such file or directory"
	good=$(cri create "$pod" "$image" good sleep 1000)
	cri start "$good"
	equal output "$(cri exec "$good" echo on)" on
	cri stop-pod "$pod"
	cri remove-pod "$pod"
}

@test "restart of containerd: the container runs on, and can be used and ended" {
	background $image "$name" sleep 1000
	pid=$(pid_of "$name")
	stop_containerd
	[ -d "/proc/$pid" ]
	start_containerd
	equal pid "$(pid_of "$name")" "$pid"
	equal output "$(execute "$name" echo again)" again
	c task kill -s SIGKILL "$name"
	wait_for prints STOPPED status_of "$name"
	forget
}

@test "containerd killed and restarted: the same" {
	background $image "$name" sleep 1000
	pid=$(pid_of "$name")
	kill -KILL "$(cat "$SCRATCH/containerd.pid")"
	wait_for test ! -d "/proc/$(cat "$SCRATCH/containerd.pid")"
	start_containerd
	equal status "$(status_of "$name")" RUNNING
	equal output "$(execute "$name" echo again)" again
	forget
}

@test "a sandbox that is killed from outside: containerd sees the end" {
	background $image "$name" sleep 1000
	kill -KILL "$(pid_of "$name")"
	wait_for prints STOPPED status_of "$name"
	forget
}

@test "10 containers, and all are removed" {
	for i in $(seq 10); do
		background $image "$name-$i" sleep 1000
	done
	equal running "$(c task ls | grep -c "$name-.*RUNNING")" 10
	for i in $(seq 10); do
		forget "$name-$i"
	done
}

@test "nothing is left behind: mounts, groups, processes, state" {
	for id in $(c container ls -q); do
		forget "$id"
	done
	equal "left over" "$(leftovers containerd '/(default|k8s\.io)/.')" ""
	equal shims "$(pgrep -f 'containerd-shim.*-namespace default')" ""
}
