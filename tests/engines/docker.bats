#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Docker, with the runtime under test as dockerd's default: tests/engines/run docker.

load helper

image=box

d() {
	timeout -k 5 60 "$SCRATCH/d" "$@"
}

start_dockerd() {
	dockerd --data-root "$SCRATCH/docker/data" --exec-root "$SCRATCH/docker/exec" --pidfile "$SCRATCH/docker/pid" \
		-H "unix://$SCRATCH/docker/sock" --storage-driver overlay2 --live-restore --shutdown-timeout 2 \
		--add-runtime "under-test=$RUNTIME" --default-runtime under-test \
		>>"$SCRATCH/docker/log" 2>&1 3>&- 4>&- </dev/null &
	wait_for d version || {
		tail -n 20 "$SCRATCH/docker/log"
		return 1
	}
}

stop_dockerd() {
	kill "$(cat "$SCRATCH/docker/pid")"
	wait_for test ! -e "$SCRATCH/docker/pid"
}

setup_file() {
	mkdir -p "$SCRATCH/docker" "$SCRATCH/tree"
	cat >"$SCRATCH/d" <<-END
		#!/bin/sh
		exec /usr/bin/docker -H unix://$SCRATCH/docker/sock "\$@"
	END
	chmod +x "$SCRATCH/d"
	start_dockerd >&2
	make_image_tree "$SCRATCH/tree"
	tar -C "$SCRATCH/tree" -c . |
		d import --change 'ENV ORIGIN=image' --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' - $image >&2
}

teardown_file() {
	stop_dockerd
}

setup() {
	name=t$BATS_TEST_NUMBER
	work=$BATS_TEST_TMPDIR
}

# A container in the background, named $name.
background() { # [OPTION …] IMAGE COMMAND …
	d run -d --name "$name" "$@" >/dev/null
}

forget() { # [CONTAINER …]
	d rm -f "${@:-$name}" >/dev/null
}

pid_of() { # CONTAINER
	d inspect -f '{{.State.Pid}}' "$1"
}

# --- run ---------------------------------------------------------------------------------------------

@test "the daemon's default runtime is the one under test" {
	contains "$(d info --format '{{json .Runtimes}} {{.DefaultRuntime}}')" "$RUNTIME" under-test
}

@test "run --rm: output, and the image's variables" {
	equal output "$(d run --rm $image sh -c 'echo hello $ORIGIN')" "hello image"
}

@test "run: exit codes of programs" {
	for code in 1 42 255; do
		run -$code d run --rm $image sh -c "exit $code"
	done
}

@test "run: 127 for what is not there, 126 for what cannot be executed" {
	run -127 d run --rm $image /no/such/program
	run -126 d run --rm $image /etc/passwd
}

@test "run: a program that dies of a signal gives 128 + n" {
	run -137 d run --rm $image sh -c 'sh -c "kill -KILL \$\$"; exit $?'
	run -139 d run --rm $image sh -c 'sh -c "kill -SEGV \$\$"; exit $?'
}

@test "run -i: stdin, binary and large" {
	head -c 1000000 /dev/urandom >"$work/in"
	d run --rm -i $image cat <"$work/in" | cmp - "$work/in"
}

@test "run: stdout and stderr stay apart" {
	equal stdout "$(d run --rm $image sh -c 'echo out; echo err >&2' 2>/dev/null)" out
	equal stderr "$(d run --rm $image sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
}

@test "run -it: a terminal, a shell in it, and its exit status" {
	shell_on_tty "$SCRATCH/d" run --rm -it $image
}

@test "run -it: window sizes reach the container" {
	out=$(printf '@ready\n@drag 40 132\n' | on_tty "$SCRATCH/d" run --rm -it $image sh -c \
		'trap "s=\$(stty size); echo \$s; [ \"\$s\" != \"40 132\" ] || exit" WINCH; echo ready; while :; do sleep 0.1; done')
	contains "$out" "40 132"
}

@test "run -w, -u, -e, --hostname, --entrypoint" {
	equal "working directory" "$(d run --rm -w /tmp $image pwd)" /tmp
	equal user "$(d run --rm -u 1000:1000 $image sh -c 'echo $(id -u):$(id -g)')" 1000:1000
	equal environment "$(d run --rm -e A=b $image sh -c 'echo $A')" b
	equal hostname "$(d run --rm --hostname shell.example $image hostname)" shell.example
	equal entrypoint "$(d run --rm --entrypoint echo $image x)" x
}

@test "run --add-host and --dns write the container's files" {
	contains "$(d run --rm --add-host db:10.1.2.3 --dns 10.9.9.9 --dns-search example.org $image \
		cat /etc/hosts /etc/resolv.conf)" 10.1.2.3 "nameserver 10.9.9.9" "search example.org"
}

@test "run --init: an init of the engine's as pid 1" {
	contains "$(d run --rm --init $image cat /proc/1/comm)" init
}

@test "run --read-only" {
	run -1 d run --rm --read-only $image touch /etc/x
	d run --rm --read-only --tmpfs /tmp $image touch /tmp/x
}

@test "run --tmpfs: size and mode hold" {
	out=$(d run --rm --tmpfs /t:size=1m,mode=1770 $image sh -c 'stat -c %a /t; dd if=/dev/zero of=/t/x bs=1M count=2 2>&1 || true')
	contains "$out" 1770 "No space left"
}

@test "run -v: a host directory, writable, and read-only" {
	mkdir "$work/dir"
	echo host >"$work/dir/file"
	equal file "$(d run --rm -v "$work/dir:/mnt" $image sh -c 'cat /mnt/file; echo guest >/mnt/new')" host
	equal "file made inside" "$(cat "$work/dir/new")" guest
	run -1 d run --rm -v "$work/dir:/mnt:ro" $image touch /mnt/x
}

@test "named volumes: filled from the image, kept between containers" {
	d volume create "$name" >/dev/null
	equal content "$(d run --rm -v "$name:/data" $image sh -c 'cat /data/file; echo kept >/data/new')" from-image
	equal content "$(d run --rm -v "$name:/data" $image cat /data/new)" kept
	d volume rm "$name" >/dev/null
}

@test "--volumes-from and --mount" {
	mkdir "$work/b"
	background -v /anonymous $image sh -c 'echo shared >/anonymous/x; sleep 1000'
	wait_for d exec "$name" test -s /anonymous/x
	equal file "$(d run --rm --volumes-from "$name" $image cat /anonymous/x)" shared
	d run --rm --mount "type=bind,src=$work/b,dst=/b" --mount type=tmpfs,dst=/t $image sh -c 'touch /b/x /t/x'
	[ -e "$work/b/x" ]
	forget -v "$name"
}

# --- network -----------------------------------------------------------------------------------------

@test "--network none: a loopback and nothing else" {
	out=$(d run --rm --network none $image ip -o link)
	contains "$out" lo:
	[[ $out != *eth0* ]]
}

@test "--network host: the host's interfaces" {
	contains "$(d run --rm --network host $image ip -o link)" docker0
}

@test "bridge: an address, a route, and the gateway answers" {
	out=$(d run --rm $image sh -c 'ip -o addr show eth0; ip route; ping -c 1 -W 2 172.17.0.1')
	contains "$out" "inet 172.17." "default via 172.17.0.1" "1 packets received"
}

@test "-p: a port of the host reaches the container" {
	background -p 28080:80 $image httpd -f -p 80 -h /www
	wait_for busybox wget -qO- http://127.0.0.1:28080/
	equal page "$(busybox wget -qO- http://127.0.0.1:28080/)" served
	contains "$(d port "$name")" "80/tcp -> 0.0.0.0:28080"
	forget
}

@test "a user-defined network: names resolve through Docker's DNS" {
	d network create "$name" >/dev/null
	background --network "$name" $image httpd -f -p 80 -h /www
	out=$(d run --rm --network "$name" $image sh -c "for i in 1 2 3 4 5; do wget -qO- http://$name/ && break; sleep 0.3; done")
	forget
	d network rm "$name" >/dev/null
	equal page "$out" served
}

@test "--network container: shares interfaces and ports" {
	background $image httpd -f -p 80 -h /www
	equal page "$(d run --rm --network "container:$name" $image wget -qO- http://127.0.0.1/)" served
	forget
}

@test "network connect and disconnect while the container runs" {
	d network create "$name" >/dev/null
	background $image sleep 1000
	d network connect "$name" "$name"
	contains "$(d exec "$name" ip -o link)" eth1
	d network disconnect "$name" "$name"
	[[ $(d exec "$name" ip -o link) != *eth1* ]]
	forget
	d network rm "$name" >/dev/null
}

# --- life cycle --------------------------------------------------------------------------------------

@test "create, start -a, and the exit status" {
	d create --name "$name" $image sh -c 'echo started; exit 7' >/dev/null
	run -7 d start -a "$name"
	equal output "$output" started
	equal state "$(d inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$name")" "exited 7"
	forget
}

@test "stop: SIGTERM ends a container that listens; --stop-signal" {
	background --stop-signal USR1 $image sh -c 'trap "exit 9" USR1; while :; do sleep 0.1; done'
	d stop -t 30 "$name" >/dev/null
	equal status "$(d inspect -f '{{.State.ExitCode}}' "$name")" 9
	forget
}

@test "stop -t 1: SIGKILL after the timeout" {
	background $image sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	d stop -t 1 "$name" >/dev/null
	equal status "$(d inspect -f '{{.State.ExitCode}}' "$name")" 137
	forget
}

@test "kill, kill -s, wait" {
	background $image sh -c 'trap "echo hup" HUP; while :; do sleep 0.1; done'
	d kill -s HUP "$name" >/dev/null
	wait_for shows hup d logs "$name"
	d kill "$name" >/dev/null
	equal wait "$(d wait "$name")" 137
	forget
}

@test "restart: a new process, the same file system" {
	background $image sh -c 'echo x >>/count; trap "exit 0" TERM; while :; do sleep 0.1; done'
	wait_for prints x d exec "$name" cat /count
	d restart -t 5 "$name" >/dev/null
	wait_for prints $'x\nx' d exec "$name" cat /count
	forget
}

@test "--restart on-failure:2 runs it three times" {
	background --restart on-failure:2 $image sh -c 'echo again; exit 1'
	wait_for prints "2 exited" d inspect -f '{{.RestartCount}} {{.State.Status}}' "$name"
	equal logs "$(d logs "$name" | wc -l)" 3
	forget
}

@test "pause and unpause: nothing runs in between" {
	mkdir "$work/m"
	background -v "$work/m:/m" $image sh -c 'while :; do echo >>/m/ticks; sleep 0.05; done'
	wait_for test -s "$work/m/ticks"
	d pause "$name" >/dev/null
	equal state "$(d inspect -f '{{.State.Status}}' "$name")" paused
	a=$(wc -c <"$work/m/ticks")
	sleep 0.5
	equal "ticks while paused" "$(wc -c <"$work/m/ticks")" "$a"
	run -1 d exec "$name" true
	d unpause "$name" >/dev/null
	more() { [ "$(wc -c <"$work/m/ticks")" -gt "$a" ]; }
	wait_for more
	forget
}

@test "rm -f of a running and of a paused container, twice the same name" {
	background $image sleep 1000
	forget
	background $image sleep 1000
	d pause "$name" >/dev/null
	forget
	background $image true
	forget
}

@test "rename, and attach" {
	background $image sh -c 'while [ ! -e /go ]; do echo tick; sleep 0.1; done; exit 6'
	d rename "$name" "other$name"
	d attach --no-stdin "other$name" >"$work/out" 3>&- &
	wait_for test -s "$work/out"
	d exec "other$name" touch /go
	status=0
	wait $! || status=$?
	equal status $status 6
	equal status "$(d wait "other$name")" 6
	forget "other$name"
}

@test "a --detach-keys sequence leaves the container running" {
	printf '@# \n!\x10\x11\n' |
		on_tty "$SCRATCH/d" run -it --name "$name" --detach-keys ctrl-p,ctrl-q $image sh
	equal state "$(d inspect -f '{{.State.Status}}' "$name")" running
	forget
}

@test "events: create, start, die, destroy" {
	since=$(date +%s)
	d run --rm --name "$name" $image sh -c 'exit 4' || true
	out=$(d events --since "$since" --until "$(($(date +%s) + 1))" --filter "container=$name" \
		--format '{{.Action}} {{.Actor.Attributes.exitCode}}')
	contains "$out" create start "die 4" destroy
}

# --- exec --------------------------------------------------------------------------------------------

@test "exec: output, exit status, stdin" {
	background $image sleep 1000
	equal output "$(d exec "$name" echo in)" in
	run -33 d exec "$name" sh -c 'exit 33'
	equal stdin "$(echo typed | d exec -i "$name" cat)" typed
	forget
}

@test "exec of what is not there: 126 or 127 and a message" {
	background $image sleep 1000
	run d exec "$name" /no/such/program
	[ "$status" = 126 ] || [ "$status" = 127 ] || fail "status $status"
	contains "$output" "no such file or directory"
	forget
}

@test "exec -u, -w, -e" {
	background $image sleep 1000
	equal output "$(d exec -u 1000:1000 -w /data -e X=y "$name" sh -c 'echo $(id -u) $(pwd) $X')" "1000 /data y"
	forget
}

@test "exec -it: a terminal of its own" {
	background $image sleep 1000
	shell_on_tty "$SCRATCH/d" exec -it "$name"
	forget
}

@test "exec -d: it runs on by itself" {
	background $image sleep 1000
	d exec -d "$name" sh -c 'sleep 0.2; echo done >/done'
	wait_for prints "done" d exec "$name" cat /done
	forget
}

# --- looking in --------------------------------------------------------------------------------------

@test "logs, logs --tail, logs -f" {
	background $image sh -c 'echo one; echo two >&2; sleep 0.5; echo three'
	equal "logs -f" "$(d logs -f "$name" 2>&1 | tr '\n' ' ')" "one two three "
	equal "logs --tail" "$(d logs --tail 1 "$name" 2>&1)" three
	forget
}

@test "top: a row for the container, by the host's ps" {
	background $image sleep 1234
	out=$(d top "$name" -o pid,comm)
	contains "$out" "$(d inspect -f '{{.State.Pid}}' "$name")"
	forget
}

@test "stats: memory, CPU and pids" {
	background --memory 300m $image sh -c 'while :; do :; done'
	sleep 0.5
	out=$(d stats --no-stream --format '{{.MemUsage}}|{{.CPUPerc}}|{{.PIDs}}' "$name")
	contains "$out" "/ 300MiB"
	[[ ${out##*|} -ge 1 && $out != 0B* && $out != *"|0.00%|"* ]] || fail "$out"
	forget
}

@test "cp: into and out of a running container" {
	background $image sleep 1000
	echo inward >"$work/a"
	d cp "$work/a" "$name:/a"
	equal file "$(d exec "$name" cat /a)" inward
	d exec "$name" sh -c 'mkdir /d; echo outward >/d/b'
	d cp "$name:/d" "$work/d"
	equal file "$(cat "$work/d/b")" outward
	forget
}

@test "diff and commit: the changes become an image" {
	background $image sh -c 'echo new >/added; rm /data/file; sleep 1000'
	wait_for shows "D /data/file" d diff "$name"
	contains "$(d diff "$name")" "A /added"
	d commit "$name" "$name" >/dev/null
	forget
	equal file "$(d run --rm "$name" cat /added)" new
	d rmi "$name" >/dev/null
}

@test "export" {
	background $image sh -c 'echo new >/added; sleep 1000'
	wait_for d exec "$name" test -s /added
	equal file "$(d export "$name" | tar -xO added)" new
	forget
}

@test "healthcheck: starting, healthy, unhealthy" {
	background --health-cmd 'test -e /ok' --health-interval 300ms --health-retries 1 $image sh -c 'touch /ok; sleep 1000'
	wait_for prints healthy d inspect -f '{{.State.Health.Status}}' "$name"
	d exec "$name" rm /ok
	wait_for prints unhealthy d inspect -f '{{.State.Health.Status}}' "$name"
	forget
}

# --- limits and privileges ---------------------------------------------------------------------------

@test "--memory: a program that passes it is killed, not the container" {
	background --memory 64m --memory-swap 64m $image sleep 1000
	run -137 d exec "$name" sh -c 'x=x; while :; do x=$x$x$x$x; done'
	run -137 d exec "$name" dd if=/dev/zero of=/dev/null bs=200M count=1
	d exec "$name" dd if=/dev/zero of=/dev/null bs=20M count=10
	equal state "$(d inspect -f '{{.State.Status}}' "$name")" running
	forget
}

@test "--memory: a container whose first process passes it is OOM-killed, and Docker says so" {
	run -137 d run --name "$name" --memory 64m --memory-swap 64m $image dd if=/dev/zero of=/dev/null bs=200M count=1
	equal oom "$(d inspect -f '{{.State.OOMKilled}}' "$name")" true
	forget
}

@test "--cpus, --cpu-shares and --cpuset-cpus are in the container's groups" {
	background --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 $image sleep 1000
	equal quota "$(limit "$(pid_of "$name")" quota)" 50000
	shares=$(limit "$(pid_of "$name")" shares)
	[ "$shares" = 512 ] || [ "$shares" = 500 ] || fail "shares $shares"
	equal cpus "$(limit "$(pid_of "$name")" cpus)" 0
	equal "cpus inside" "$(d exec "$name" nproc)" 1
	forget
}

@test "--pids-limit: fork fails at the limit, and not before" {
	out=$(d run --rm --pids-limit 30 $image sh -c 'i=0; while [ $i -lt 15 ]; do sleep 3 & i=$((i+1)); done; echo fifteen;
		while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done; echo sixty' 2>&1) || true
	contains "$out" fifteen "can't fork"
}

@test "--ulimit" {
	equal "open files" "$(d run --rm --ulimit nofile=123:456 $image sh -c 'ulimit -n; ulimit -Hn' | tr '\n' ' ')" "123 456 "
}

@test "update: memory and cpus of a running container" {
	background --memory 100m --memory-swap 100m $image sleep 1000
	d update --memory 200m --memory-swap 200m --cpus 0.5 "$name" >/dev/null
	equal limit "$(limit "$(pid_of "$name")" memory)" 209715200
	equal quota "$(limit "$(pid_of "$name")" quota)" 50000
	d exec "$name" true
	forget
}

@test "--cap-drop, --cap-add and --security-opt no-new-privileges" {
	equal "no capabilities" "$(d run --rm --cap-drop all $image grep CapEff /proc/self/status | cut -f2)" 0000000000000000
	equal "one capability" "$(d run --rm --cap-drop all --cap-add chown $image grep CapEff /proc/self/status | cut -f2)" 0000000000000001
	equal "no_new_privs" "$(d run --rm --security-opt no-new-privileges $image grep NoNewPrivs /proc/self/status | cut -f2)" 1
}

@test "a seccomp profile: the call that it forbids fails with its errno" {
	cat >"$work/profile" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
		 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
	END
	out=$(d run --rm --security-opt "seccomp=$work/profile" $image mkdir /x 2>&1) || true
	contains "$out" "No space left"
	d run --rm --security-opt seccomp=unconfined $image mkdir /x
}

@test "--device: the node is there and works; others are not" {
	equal bytes "$(d run --rm --device /dev/zero:/dev/nought $image sh -c 'head -c 3 /dev/nought | wc -c')" 3
	run -1 d run --rm $image test -e /dev/kvm
}

@test "--sysctl, --shm-size, --group-add" {
	equal sysctl "$(d run --rm --sysctl net.ipv4.ip_unprivileged_port_start=7 $image \
		cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 7
	contains "$(d run --rm --shm-size 8m $image df -k /dev/shm)" 8192
	contains "$(d run --rm -u 1000 --group-add 2000 $image id -G)" 2000
}

@test "--ipc shared between containers, --uts host" {
	background --ipc shareable $image sh -c 'echo shared >/dev/shm/x; sleep 1000'
	wait_for d exec "$name" test -s /dev/shm/x
	equal file "$(d run --rm --ipc "container:$name" $image cat /dev/shm/x)" shared
	forget
	hostname engines-host
	equal hostname "$(d run --rm --uts host $image hostname)" engines-host
}

@test "masked and read-only paths of /proc and /sys" {
	run -1 d run --rm $image sh -c 'echo 1 >/proc/sys/kernel/panic'
	equal kcore "$(d run --rm $image sh -c 'cat /proc/kcore 2>/dev/null | wc -c')" 0
	contains "$(d run --rm $image cat /proc/mounts)" " /sys sysfs ro"
}

# --- compose -------------------------------------------------------------------------------------------

compose() {
	timeout -k 5 60 docker-compose --no-ansi -H "unix://$SCRATCH/docker/sock" -p "$name" -f "$work/compose.yaml" "$@"
}

write_composition() {
	cat >"$work/compose.yaml" <<-END
		version: "3"
		services:
		  web:
		    image: $image
		    command: httpd -f -p 80 -h /www
		    healthcheck: {test: wget -qO- http://127.0.0.1/, interval: 300ms}
		  asker:
		    image: $image
		    depends_on: [web]
		    environment: {GREETING: composed}
		    volumes: ["kept:/kept"]
		    command: sh -c 'until wget -qO /kept/page http://web/; do sleep 0.2; done; echo \$\$GREETING; sleep 1000'
		volumes:
		  kept: {}
	END
}

@test "docker-compose: services that find each other, a volume, logs, exec, down" {
	write_composition
	compose up -d >/dev/null 2>&1
	wait_for shows composed compose logs asker
	equal page "$(compose exec -T asker cat /kept/page)" served
	contains "$(compose ps)" "$name" Up
	compose down -v -t 1 >/dev/null 2>&1
	equal left "$(d ps -aq --filter "name=$name")" ""
}

@test "docker-compose: run, scale, pause, restart, kill" {
	write_composition
	equal output "$(compose run --rm -T web echo once 2>/dev/null)" once
	compose up -d --scale web=3 web >/dev/null 2>&1
	equal "containers" "$(d ps -q --filter "name=$name" | wc -l)" 3
	compose pause >/dev/null 2>&1
	equal paused "$(d ps -q --filter "name=$name" --filter status=paused | wc -l)" 3
	compose unpause >/dev/null 2>&1
	compose restart -t 1 web >/dev/null 2>&1
	equal "containers" "$(d ps -q --filter "name=$name" --filter status=running | wc -l)" 3
	compose kill >/dev/null 2>&1
	compose down -v -t 1 >/dev/null 2>&1
	equal left "$(d ps -aq --filter "name=$name")" ""
}

# --- build, live restore -----------------------------------------------------------------------------

@test "build: RUN, COPY, USER, WORKDIR and an argument" {
	mkdir "$work/context"
	echo copied >"$work/context/file"
	cat >"$work/context/Dockerfile" <<-END
		FROM $image
		ARG WHAT=nothing
		COPY file /copied
		RUN cat /copied >/built && echo \$WHAT >>/built && cat /proc/version >/kernel
		WORKDIR /made/here
		USER 1000
		RUN id -u >/tmp/user && pwd >>/tmp/user
		CMD ["cat", "/built", "/tmp/user", "/kernel"]
	END
	DOCKER_BUILDKIT=0 d build -q --build-arg WHAT=argument -t "$name" "$work/context" >/dev/null
	out=$(d run --rm "$name")
	equal built "$(head -n 4 <<<"$out" | tr '\n' ' ')" "copied argument 1000 /made/here "
	equal kernel "$(tail -n 1 <<<"$out")" "$(d run --rm $image cat /proc/version)"
	d rmi "$name" >/dev/null
}

@test "build: a RUN that fails fails the build, with its status" {
	printf 'FROM %s\nRUN exit 3\n' $image >"$work/Dockerfile"
	run -3 env DOCKER_BUILDKIT=0 "$SCRATCH/d" build -q "$work"
	contains "$output" "returned a non-zero code: 3"
	d container prune -f >/dev/null
	d image prune -f >/dev/null
}

@test "live restore: containers run on while dockerd restarts, and it finds them again" {
	background -p 28081:80 $image sh -c 'httpd -p 80 -h /www; while :; do echo tick; sleep 0.2; done'
	pid=$(d inspect -f '{{.State.Pid}}' "$name")
	stop_dockerd
	[ -d "/proc/$pid" ]
	start_dockerd
	equal state "$(d inspect -f '{{.State.Status}} {{.State.Pid}}' "$name")" "running $pid"
	equal output "$(d exec "$name" echo again)" again
	before=$(d logs "$name" | wc -l)
	more() { [ "$(d logs "$name" | wc -l)" -gt "$before" ]; }
	wait_for more
	d stop -t 1 "$name" >/dev/null
	equal status "$(d inspect -f '{{.State.ExitCode}}' "$name")" 137
	forget
}

@test "a sandbox that is killed from outside: Docker sees the end" {
	background $image sleep 1000
	kill -KILL "$(d inspect -f '{{.State.Pid}}' "$name")"
	equal wait "$(timeout 20 "$SCRATCH/d" wait "$name")" 137
	forget
}

@test "10 containers started at once, and all are removed" {
	for i in $(seq 10); do
		d run -d --network none --name "$name-$i" $image sleep 1000 >/dev/null 3>&- &
	done
	wait
	equal running "$(d ps -q --filter "name=$name-" | wc -l)" 10
	# shellcheck disable=SC2046
	forget $(d ps -aq --filter "name=$name-")
}

@test "nothing is left behind: mounts, groups, processes, state" {
	# shellcheck disable=SC2046
	left=$(d ps -aq)
	[ -z "$left" ] || forget $left
	equal "left over" "$(leftovers docker '/docker/.' | grep -vE "^$SCRATCH/docker/(data|data/overlay2|exec/netns/default)$")" ""
	equal state "$(find "$SCRATCH/docker/exec/runtime-under-test" -mindepth 2 2>/dev/null)" ""
}
