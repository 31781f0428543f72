#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Podman, as root, with the runtime under test: tests/engines/run podman.

load helper

image=localhost/box:latest

p() {
	timeout -k 5 60 "$SCRATCH/p" "$@"
}

setup_file() {
	mkdir -p "$SCRATCH/podman"
	cat >"$SCRATCH/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
	END
	cat >"$SCRATCH/p" <<-END
		#!/bin/sh
		CONTAINERS_CONF=$SCRATCH/containers.conf exec podman --root $SCRATCH/podman/root \\
			--runroot $SCRATCH/podman/run --tmpdir $SCRATCH/podman/tmp --storage-driver overlay \\
			--network-config-dir $SCRATCH/podman/networks --runtime $RUNTIME "\$@"
	END
	chmod +x "$SCRATCH/p"
	make_image_tree "$SCRATCH/tree"
	tar -C "$SCRATCH/tree" -c . | p import -q --change 'ENV ORIGIN=image' --change 'ENV PATH=/bin:/usr/bin' --change 'CMD ["sh"]' - "$image" >&2
}

setup() {
	name=t$BATS_TEST_NUMBER
	work=$BATS_TEST_TMPDIR
}

# A container in the background, named $name.
background() { # [OPTION …] IMAGE COMMAND …
	p run -d --name "$name" "$@" >/dev/null
}

forget() { # [CONTAINER …]
	p rm -f -t 0 "${@:-$name}" >/dev/null
}

# --- run ---------------------------------------------------------------------------------------------

@test "run --rm: output, and nothing but the image's command" {
	equal output "$(p run --rm $image echo hello)" hello
	equal "the image's variable" "$(p run --rm $image sh -c 'echo $ORIGIN')" image
}

@test "run: exit codes of programs" {
	for code in 1 42 255; do
		run -$code p run --rm $image sh -c "exit $code"
	done
}

@test "run: 127 for what is not there, 126 for what cannot be executed" {
	run -127 p run --rm $image /no/such/program
	run -126 p run --rm $image /etc/passwd
}

@test "run: a program that dies of a signal gives 128 + n" {
	run -137 p run --rm $image sh -c 'kill -KILL $$; sleep 5 & kill -KILL $!; wait $!'
	run -139 p run --rm $image sh -c 'sh -c "kill -SEGV \$\$"; exit $?'
}

@test "run -i: stdin, binary and large" {
	head -c 1000000 /dev/urandom >"$work/in"
	p run --rm -i $image cat <"$work/in" | cmp - "$work/in"
}

@test "run: stdout and stderr stay apart" {
	equal stdout "$(p run --rm $image sh -c 'echo out; echo err >&2' 2>/dev/null)" out
	equal stderr "$(p run --rm $image sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
}

@test "run -it: a terminal of the caller's size" {
	contains "$(on_tty "$SCRATCH/p" run --rm -it $image sh -c 'tty; stty size' </dev/null)" /dev/pts/0 "24 80"
}

@test "run -it: typed lines reach the shell, its job control works, and exit ends it" {
	out=$(on_tty "$SCRATCH/p" run --rm -it $image sh <<-'END'
		@# 
		echo $((6*7))
		@42
		sleep 100 & jobs
		@sleep 100
		exit 3
	END
	) || status=$?
	equal status "${status:-0}" 3
	contains "$out" 42
}

@test "run -it: a new window size reaches the container" {
	out=$(printf '@ready\n@winsize 40 132\n' | on_tty "$SCRATCH/p" run --rm -it $image sh -c \
		'trap "s=\$(stty size); echo \$s; [ \"\$s\" != \"40 132\" ] || exit" WINCH; echo ready; while :; do sleep 0.1; done')
	contains "$out" "40 132"
}

@test "run -w, -u, -e, --env-file, --hostname, --entrypoint" {
	echo FROM_FILE=yes >"$work/env"
	equal "working directory" "$(p run --rm -w /tmp $image pwd)" /tmp
	equal user "$(p run --rm -u 1000:1000 $image sh -c 'echo $(id -u):$(id -g)')" 1000:1000
	equal "user by name" "$(p run --rm -u user $image id -un)" user
	equal environment "$(p run --rm -e A=b --env-file "$work/env" $image sh -c 'echo $A$FROM_FILE')" byes
	equal hostname "$(p run --rm --hostname shell.example $image hostname)" shell.example
	equal entrypoint "$(p run --rm --entrypoint '["echo","-n"]' $image x)" x
}

@test "run --add-host and --dns write the container's files" {
	contains "$(p run --rm --add-host db:10.1.2.3 --dns 10.9.9.9 --dns-search example.org $image \
		cat /etc/hosts /etc/resolv.conf)" 10.1.2.3 "nameserver 10.9.9.9" "search example.org"
}

@test "run --init: an init of the engine's as pid 1, which reaps" {
	contains "$(p run --rm --init $image cat /proc/1/comm)" init
	equal zombies "$(p run --rm --init $image sh -c '(sh -c "exit 0" & exec true); sleep 0.3;
		grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l')" 0
}

@test "run --read-only: only the temporary file systems take a write" {
	run -1 p run --rm --read-only $image touch /etc/x
	p run --rm --read-only $image sh -c 'touch /tmp/x && touch /run/x'
	run -1 p run --rm --read-only --read-only-tmpfs=false $image touch /tmp/x
}

@test "run --tmpfs: size and mode hold" {
	out=$(p run --rm --tmpfs /t:size=1m,mode=1770 $image sh -c 'stat -c %a /t; dd if=/dev/zero of=/t/x bs=1M count=2 2>&1; df -k /t')
	contains "$out" 1770 "No space left" 1024
	equal "modes over nothing, over a directory" "$(p run --rm --tmpfs /t --tmpfs /data $image stat -c %a /t /data | tr '\n' ' ')" "1777 755 "
}

@test "run -v: a host directory, read and write" {
	mkdir "$work/dir"
	echo host >"$work/dir/file"
	equal file "$(p run --rm -v "$work/dir:/mnt" $image sh -c 'cat /mnt/file; echo guest >/mnt/new')" host
	equal "file made inside" "$(cat "$work/dir/new")" guest
}

@test "run -v :ro, and a single file" {
	echo one >"$work/one"
	equal file "$(p run --rm -v "$work/one:/one:ro" $image cat /one)" one
	run -1 p run --rm -v "$work/one:/one:ro" $image sh -c 'echo two >/one'
	equal file "$(cat "$work/one")" one
}

@test "named volumes: filled from the image, kept between containers, removed" {
	p volume create "$name" >/dev/null
	equal content "$(p run --rm -v "$name:/data" $image sh -c 'cat /data/file; echo kept >/data/new')" from-image
	equal content "$(p run --rm -v "$name:/data" $image cat /data/new)" kept
	p volume rm "$name" >/dev/null
	run -125 p volume inspect "$name"
}

@test "run --volumes-from, --mount type=bind and type=tmpfs" {
	mkdir "$work/b"
	background -v /anonymous $image sh -c 'echo shared >/anonymous/x; sleep 1000'
	wait_for p exec "$name" test -s /anonymous/x
	equal file "$(p run --rm --volumes-from "$name" $image cat /anonymous/x)" shared
	p run --rm --mount "type=bind,src=$work/b,dst=/b" --mount type=tmpfs,dst=/t $image sh -c 'touch /b/x /t/x'
	[ -e "$work/b/x" ]
	forget
}

@test "run --rootfs: a Debian tree below an overlay, with Python in it" {
	out=$(p run --rm --rootfs "$DEBIAN_TREE:O" python3 -c \
		'import os, subprocess; open("/root/x", "w").write("y"); print(os.getpid(), subprocess.getoutput("cat /root/x"))')
	equal output "$out" "1 y"
	[ ! -e "$DEBIAN_TREE/root/x" ]
}

# --- network -----------------------------------------------------------------------------------------

@test "--network none: a loopback that works, and nothing else" {
	out=$(p run --rm --network none $image sh -c 'ip -o link; nc -l -p 7 -e echo looped & sleep 0.3; nc 127.0.0.1 7')
	contains "$out" lo: looped
	[[ $out != *eth0* ]]
}

@test "--network host: the host's interfaces and addresses" {
	ip link add veth7 type veth peer name veth8
	ip addr add 10.77.0.1/24 dev veth7
	out=$(p run --rm --network host $image ip addr)
	ip link del veth7
	contains "$out" veth7 veth8 10.77.0.1
}

@test "bridge: an address, a route, and the gateway answers" {
	out=$(p run --rm --network podman $image sh -c 'ip -o addr show eth0; ip route; ping -c 1 -W 2 10.88.0.1')
	contains "$out" "inet 10.88." "default via 10.88.0.1" "1 packets received"
}

@test "-p: a port of the host reaches the container, and it sees who asks" {
	background -p 18080:80 $image httpd -f -p 80 -h /www -v
	wait_for busybox wget -qO- http://127.0.0.1:18080/
	equal page "$(busybox wget -qO- "http://127.0.0.1:18080/")" served
	contains "$(p port "$name")" "80/tcp -> 0.0.0.0:18080"
	forget
}

@test "-p with udp" {
	p run -d --name "$name" -p 18081:81/udp --rootfs "$DEBIAN_TREE:O" python3 -c 'if True:
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("", 81))
		print(s.recv(100), flush=True)' >/dev/null
	datagram() { echo ping >/dev/udp/127.0.0.1/18081 && shows ping p logs "$name"; }
	wait_for datagram
	forget
}

@test "two containers of a network of their own find each other by name" {
	p network create "$name" >/dev/null
	background --network "$name" $image httpd -f -p 80 -h /www
	out=$(p run --rm --network "$name" $image sh -c "for i in 1 2 3 4 5; do wget -qO- http://$name/ && break; sleep 0.3; done")
	forget
	p network rm "$name" >/dev/null
	equal page "$out" served
}

@test "--network container: shares interfaces and ports" {
	background --network podman $image httpd -f -p 80 -h /www
	equal page "$(p run --rm --network "container:$name" $image wget -qO- http://127.0.0.1/)" served
	forget
}

@test "--network with a fixed --ip and --mac-address" {
	p network create --subnet 10.99.7.0/24 "$name" >/dev/null
	out=$(p run --rm --network "$name" --ip 10.99.7.77 --mac-address 92:d0:c6:0a:29:33 $image ip addr show eth0)
	p network rm "$name" >/dev/null
	contains "$out" 10.99.7.77/24 92:d0:c6:0a:29:33
}

@test "network connect and disconnect while the container runs" {
	p network create "$name" >/dev/null
	background --network podman $image sleep 1000
	p network connect "$name" "$name"
	contains "$(p exec "$name" ip -o link)" eth1
	p network disconnect "$name" "$name"
	[[ $(p exec "$name" ip -o link) != *eth1* ]]
	forget
	p network rm "$name" >/dev/null
}

# --- life cycle --------------------------------------------------------------------------------------

@test "create, start -a, and the exit status" {
	p create --name "$name" $image sh -c 'echo started; exit 7' >/dev/null
	equal state "$(p inspect -f '{{.State.Status}}' "$name")" created
	run -7 p start -a "$name"
	equal output "$output" started
	equal state "$(p inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$name")" "exited 7"
	forget
}

@test "init, then start: the container is made before it runs" {
	p create --name "$name" $image sleep 1000 >/dev/null
	p init "$name" >/dev/null
	equal state "$(p inspect -f '{{.State.Status}}' "$name")" initialized
	p start "$name" >/dev/null
	equal state "$(p inspect -f '{{.State.Status}}' "$name")" running
	forget
}

@test "stop: SIGTERM ends a container that listens, at once" {
	background $image sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done'
	p stop -t 30 "$name" >/dev/null
	equal status "$(p inspect -f '{{.State.ExitCode}}' "$name")" 9
	forget
}

@test "stop -t 1: SIGKILL after the timeout" {
	background $image sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	p stop -t 1 "$name" >/dev/null 2>&1
	equal status "$(p inspect -f '{{.State.ExitCode}}' "$name")" 137
	forget
}

@test "--stop-signal and kill -s" {
	background --stop-signal USR1 $image sh -c 'trap "exit 4" USR1; trap "echo hup" HUP; while :; do sleep 0.1; done'
	p kill -s HUP "$name" >/dev/null
	wait_for shows hup p logs "$name"
	p stop -t 30 "$name" >/dev/null
	equal status "$(p inspect -f '{{.State.ExitCode}}' "$name")" 4
	forget
}

@test "kill: the container is gone with 137, wait says so" {
	background $image sleep 1000
	p kill "$name" >/dev/null
	equal wait "$(p wait "$name")" 137
	forget
}

@test "restart: a new process, the same file system" {
	background $image sh -c 'echo x >>/count; trap "exit 0" TERM; while :; do sleep 0.1; done'
	wait_for prints x p exec "$name" cat /count
	p restart -t 5 "$name" >/dev/null
	wait_for prints $'x\nx' p exec "$name" cat /count
	forget
}

@test "--restart on-failure:2 runs it three times" {
	background --restart on-failure:2 $image sh -c 'echo again; exit 1'
	wait_for prints "2 exited" p inspect -f '{{.RestartCount}} {{.State.Status}}' "$name"
	equal logs "$(p logs "$name" | wc -l)" 3
	forget
}

@test "pause and unpause: nothing runs in between" {
	background $image sh -c 'while :; do echo >>/ticks; sleep 0.05; done'
	p pause "$name" >/dev/null
	equal state "$(p inspect -f '{{.State.Status}}' "$name")" paused
	a=$(wc -c <"$(p mount "$name")/ticks")
	sleep 0.5
	b=$(wc -c <"$(p mount "$name")/ticks")
	equal "ticks while paused" "$b" "$a"
	run p exec "$name" true
	[ "$status" != 0 ]
	p unpause "$name" >/dev/null
	more() { [ "$(wc -c <"$(p mount "$name")/ticks")" -gt "$a" ]; }
	wait_for more
	forget
}

@test "a paused container can be removed by force" {
	background $image sleep 1000
	p pause "$name" >/dev/null
	forget
	run -1 p container exists "$name"
}

@test "rm -f of a running container, twice the same name" {
	background $image sleep 1000
	forget
	background $image sleep 1000
	forget
}

@test "rename" {
	background $image sleep 1000
	p rename "$name" "other$name"
	equal state "$(p inspect -f '{{.State.Status}}' "other$name")" running
	forget "other$name"
}

@test "start -a -i: stdin reaches the program, its status comes back" {
	p create --name "$name" -i $image sh -c 'read x; echo "got $x"; exit 6' >/dev/null
	status=0
	out=$(echo typed | p start -a -i "$name") || status=$?
	equal output "$out" "got typed"
	equal status "$status" 6
	forget
}

@test "attach: output comes, and its end is the container's" {
	background $image sh -c 'while [ ! -e /go ]; do echo tick; sleep 0.1; done; exit 6'
	p attach --no-stdin "$name" >"$work/out" 3>&- &
	wait_for test -s "$work/out"
	p exec "$name" touch /go
	wait $! || true
	equal status "$(p wait "$name")" 6
	forget
}

@test "a --detach-keys sequence leaves the container running" {
	printf '@# \n!\x10\x11\n' |
		on_tty "$SCRATCH/p" run -it --name "$name" --detach-keys ctrl-p,ctrl-q $image sh
	equal state "$(p inspect -f '{{.State.Status}}' "$name")" running
	forget
}

@test "ps, inspect and wait agree about a container that ended" {
	background $image sh -c 'exit 5'
	equal wait "$(p wait "$name")" 5
	contains "$(p ps -a --filter "name=^$name\$" --format '{{.Status}}')" "Exited (5)"
	equal runtime "$(p inspect -f '{{.OCIRuntime}}' "$name")" "$RUNTIME"
	forget
}

@test "events: create, init, start, died, remove" {
	p run --rm --name "$name" $image true
	out=$(p events --stream=false --since 60s --filter "container=$name" --format '{{.Status}}')
	contains "$out" create init start died remove
}

@test "--cidfile, --pidfile and the process it names" {
	background --cidfile "$work/cid" --pidfile "$work/pid" $image sleep 1000
	equal id "$(cat "$work/cid")" "$(p inspect -f '{{.Id}}' "$name")"
	equal pid "$(cat "$work/pid")" "$(p inspect -f '{{.State.Pid}}' "$name")"
	[ -d "/proc/$(cat "$work/pid")" ]
	forget
}

@test "--preserve-fds: an open descriptor reaches the program" {
	equal "what is read from descriptor 3" "$(p run --rm --preserve-fds 1 $image sh -c 'cat <&3' 3<<<through)" through
}

# --- exec --------------------------------------------------------------------------------------------

@test "exec: output, exit status, stdin" {
	background $image sleep 1000
	equal output "$(p exec "$name" echo in)" in
	run -33 p exec "$name" sh -c 'exit 33'
	equal stdin "$(echo typed | p exec -i "$name" cat)" typed
	run -127 p exec "$name" /no/such/program
	forget
}

@test "exec -u, -w, -e, --privileged" {
	background $image sleep 1000
	equal output "$(p exec -u 1000:1000 -w /data -e X=y "$name" sh -c 'echo $(id -u) $(pwd) $X')" "1000 /data y"
	forget
}

@test "exec -it: a terminal of its own" {
	background $image sleep 1000
	shell_on_tty "$SCRATCH/p" exec -it "$name"
	forget
}

@test "exec -d: it runs on by itself" {
	background $image sleep 1000
	p exec -d "$name" sh -c 'sleep 0.2; echo done >/done' >/dev/null
	wait_for prints "done" p exec "$name" cat /done
	forget
}

@test "ten exec at once" {
	background $image sleep 1000
	for i in 1 2 3 4 5 6 7 8 9 10; do
		p exec "$name" sh -c "echo $i; exit $i" >"$work/out$i" &
		pids[i]=$!
	done
	for i in 1 2 3 4 5 6 7 8 9 10; do
		status=0
		wait "${pids[i]}" || status=$?
		equal status $status "$i"
		equal output "$(cat "$work/out$i")" "$i"
	done
	forget
}

# --- looking in --------------------------------------------------------------------------------------

@test "logs, logs --tail, logs -f" {
	background $image sh -c 'echo one; echo two >&2; sleep 0.5; echo three'
	equal "logs -f" "$(p logs -f "$name" 2>&1 | tr '\n' ' ')" "one two three "
	equal "logs --tail" "$(p logs --tail 1 "$name" 2>&1)" three
	forget
}

@test "top: the container's processes" {
	background $image sh -c 'sleep 1111 & sleep 2222 & wait'
	wait_for shows "sleep 2222" p top "$name"
	out=$(p top "$name")
	contains "$out" "sleep 1111"
	forget
}

@test "top with ps's options" {
	background $image sleep 1000
	contains "$(p top "$name" pid,user,comm)" sleep
	forget
}

@test "who enters the container's mount namespace from the host finds its /proc" {
	background $image sh -c 'sleep 1111 & sleep 2222 & wait'
	inside=(nsenter -m -t "$(p inspect -f '{{.State.Pid}}' "$name")")
	wait_for shows "sleep 2222" "${inside[@]}" ps
	contains "$("${inside[@]}" cat /proc/1/cmdline | tr '\0' ' ')" "wait"
	contains "$("${inside[@]}" cat /proc/1/environ | tr '\0' ' ')" ORIGIN=image
	equal "program" "$("${inside[@]}" readlink /proc/1/exe)" /bin/busybox
	run -1 "${inside[@]}" setpriv --reuid 1000 --clear-groups cat /proc/1/environ
	run -1 "${inside[@]}" sh -c 'echo x >/proc/sys/kernel/panic'
	equal "mounts of fuse that the container sees" "$(p exec "$name" grep -c fuse /proc/1/mounts)" 0
	forget
}

@test "stats: memory, CPU and pids" {
	background --memory 300m $image sh -c 'while :; do :; done'
	sleep 0.5
	out=$(p stats --no-stream --format '{{.MemUsage}}|{{.CPU}}|{{.PIDs}}' "$name")
	contains "$out" 314.6MB
	[[ ${out##*|} -ge 1 ]]
	[[ $(cut -d'|' -f1 <<<"$out") != 0B* ]]
	forget
}

@test "cp: into and out of a running container" {
	background $image sleep 1000
	echo inward >"$work/a"
	p cp "$work/a" "$name:/tmp/a"
	equal file "$(p exec "$name" cat /tmp/a)" inward
	p exec "$name" sh -c 'mkdir /tmp/d; echo outward >/tmp/d/b'
	p cp "$name:/tmp/d" "$work/d"
	equal file "$(cat "$work/d/b")" outward
	forget
}

@test "cp into a volume of a stopped container" {
	p create --name "$name" -v "$name:/data" $image cat /data/a >/dev/null
	echo volume >"$work/a"
	p cp "$work/a" "$name:/data/a"
	equal output "$(p start -a "$name")" volume
	forget
	p volume rm "$name" >/dev/null
}

@test "diff and commit: the changes become an image" {
	background $image sh -c 'echo new >/added; rm /data/file; sleep 1000'
	wait_for shows "D /data/file" p diff "$name"
	contains "$(p diff "$name")" "A /added"
	p commit -q "$name" "localhost/$name" >/dev/null
	forget
	equal file "$(p run --rm "localhost/$name" cat /added)" new
	p rmi "localhost/$name" >/dev/null
}

@test "export and import" {
	background $image sh -c 'echo new >/added; sleep 1000'
	wait_for p exec "$name" test -s /added
	p export "$name" | p import -q - "localhost/$name" >/dev/null
	forget
	equal file "$(p run --rm "localhost/$name" cat /added)" new
	p rmi "localhost/$name" >/dev/null
}

@test "mount and unmount: the container's files from outside" {
	background $image sh -c 'echo seen >/seen; sleep 1000'
	wait_for grep -q seen "$(p mount "$name")/seen"
	p unmount "$name" >/dev/null
	forget
}

@test "healthcheck run: healthy, then unhealthy" {
	background --health-cmd 'test -e /ok' --health-interval disable --health-retries 1 $image sh -c 'touch /ok; sleep 1000'
	wait_for p healthcheck run "$name"
	p exec "$name" rm /ok
	run -1 p healthcheck run "$name"
	equal health "$(p inspect -f '{{.State.Healthcheck.Status}}' "$name")" unhealthy
	forget
}

# --- limits and privileges ---------------------------------------------------------------------------

@test "--memory: the limit is there, and a program that passes it is killed, not the container" {
	background --memory 64m --memory-swap 64m $image sleep 1000
	run -137 p exec "$name" sh -c 'x=x; while :; do x=$x$x$x$x; done'
	run -137 p exec "$name" dd if=/dev/zero of=/dev/null bs=200M count=1
	p exec "$name" dd if=/dev/zero of=/dev/null bs=20M count=10
	equal state "$(p inspect -f '{{.State.Status}}' "$name")" running
	equal limit "$(p inspect -f '{{.HostConfig.Memory}}' "$name")" 67108864
	forget
}

@test "--memory: a container whose first process passes it ends with 137" {
	run -137 p run --rm --memory 64m --memory-swap 64m $image dd if=/dev/zero of=/dev/null bs=200M count=1
}

@test "--cpus, --cpu-shares and --cpuset-cpus are in the container's groups" {
	background --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 $image sleep 1000
	pid=$(p inspect -f '{{.State.Pid}}' "$name")
	equal quota "$(limit "$pid" quota)" 50000
	shares=$(limit "$pid" shares)
	[ "$shares" = 512 ] || [ "$shares" = 500 ] || fail "shares $shares"
	equal cpus "$(limit "$pid" cpus)" 0
	equal "cpus inside" "$(p exec "$name" nproc)" 1
	forget
}

@test "--pids-limit: fork fails at the limit, and not before" {
	out=$(p run --rm --pids-limit 30 $image sh -c 'i=0; while [ $i -lt 15 ]; do sleep 3 & i=$((i+1)); done; echo fifteen;
		while [ $i -lt 60 ]; do sleep 3 & i=$((i+1)); done; echo sixty' 2>&1) || true
	contains "$out" fifteen "can't fork"
}

@test "--ulimit and the default limits" {
	equal "open files" "$(p run --rm --ulimit nofile=123:456 --ulimit nproc=1000:1000 $image sh -c 'ulimit -n; ulimit -Hn' | tr '\n' ' ')" "123 456 "
	equal "open files" "$(p run --rm $image sh -c 'ulimit -n')" 20000
}

@test "--cap-drop and --cap-add" {
	equal "no capabilities" "$(p run --rm --cap-drop all $image grep CapEff /proc/self/status | cut -f2)" 0000000000000000
	equal "one capability" "$(p run --rm --cap-drop all --cap-add chown $image grep CapEff /proc/self/status | cut -f2)" 0000000000000001
	run -1 p run --rm --cap-drop chown $image chown 1000 /etc/passwd
	p run --rm $image chown 1000 /etc/passwd
}

@test "--security-opt no-new-privileges" {
	contains "$(p run --rm --security-opt no-new-privileges $image grep NoNewPrivs /proc/self/status)" 1
}

@test "a seccomp profile: the call that it forbids fails with its errno" {
	cat >"$work/profile" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
		 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
	END
	out=$(p run --rm --security-opt "seccomp=$work/profile" $image mkdir /x 2>&1) || true
	contains "$out" "No space left"
	p run --rm --security-opt seccomp=unconfined $image mkdir /x
}

@test "the default seccomp profile: mount is refused" {
	out=$(p run --rm $image mount -t tmpfs none /tmp 2>&1) || status=$?
	[ "${status:-0}" != 0 ] || fail "mounted"
	contains "$out" ermi
}

@test "--privileged: devices and capabilities" {
	p run --rm --privileged $image sh -c 'test -e /dev/kvm && test -e /dev/null'
	[ "$(p run --rm --privileged $image grep CapEff /proc/self/status | cut -f2)" != "$(p run --rm $image grep CapEff /proc/self/status | cut -f2)" ]
}

@test "--device: the node is there and works; others are not" {
	equal bytes "$(p run --rm --device /dev/zero:/dev/nought $image sh -c 'head -c 3 /dev/nought | wc -c')" 3
	run -1 p run --rm $image test -e /dev/kvm
}

@test "--sysctl: network and ipc settings hold inside" {
	equal sysctl "$(p run --rm --network none --sysctl net.ipv4.ip_unprivileged_port_start=7 $image \
		cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" 7
	equal sysctl "$(p run --rm --sysctl kernel.msgmax=4096 $image cat /proc/sys/kernel/msgmax)" 4096
}

@test "--shm-size, and --ipc shared between containers" {
	contains "$(p run --rm --shm-size 8m $image df -k /dev/shm)" 8192
	background --ipc shareable $image sh -c 'echo shared >/dev/shm/x; sleep 1000'
	wait_for p exec "$name" test -s /dev/shm/x
	equal file "$(p run --rm --ipc "container:$name" $image cat /dev/shm/x)" shared
	forget
}

@test "--pid host and --uts host" {
	hostname engines-host
	equal hostname "$(p run --rm --uts host $image hostname)" engines-host
	[ "$(p run --rm --pid host $image sh -c 'echo $$')" -gt 0 ]
}

@test "--userns auto-like mapping: root inside is another user outside" {
	background --uidmap 0:100000:5000 --gidmap 0:100000:5000 $image sleep 1000
	equal "user inside" "$(p exec "$name" id -u)" 0
	pid=$(p inspect -f '{{.State.Pid}}' "$name")
	equal "user outside" "$(stat -c %u "/proc/$pid")" 100000
	p exec "$name" sh -c 'touch /mine && chown 1000:1000 /mine'
	equal "owner outside" "$(stat -c %u "$(p mount "$name")/mine")" 101000
	forget
}

@test "--group-add and --umask" {
	contains "$(p run --rm -u 1000 --group-add 2000 $image id -G)" 2000
	equal mode "$(p run --rm --umask 077 $image sh -c 'touch /x; stat -c %a /x')" 600
}

@test "--tz and --timeout" {
	run -255 p run --rm --timeout 1 $image sleep 1000
}

@test "masked and read-only paths of /proc and /sys" {
	run -1 p run --rm $image sh -c 'echo 1 >/proc/sys/kernel/panic'
	equal kcore "$(p run --rm $image sh -c 'cat /proc/kcore 2>/dev/null | wc -c')" 0
	contains "$(p run --rm $image cat /proc/mounts)" " /sys sysfs ro"
}

@test "update --cpus and --memory on a running container" {
	background --memory 100m --memory-swap 100m $image sleep 1000
	p update --memory 200m --memory-swap 200m --cpus 0.5 "$name" >/dev/null
	pid=$(p inspect -f '{{.State.Pid}}' "$name")
	equal limit "$(limit "$pid" memory)" 209715200
	p exec "$name" true
	forget
}

# --- pods, kube, secrets, build ----------------------------------------------------------------------

@test "a pod: its containers share network, ipc and hostname" {
	p pod create --name "$name" --hostname podhost >/dev/null
	p run -d --pod "$name" --name "$name-web" $image httpd -f -p 80 -h /www >/dev/null
	equal page "$(p run --rm --pod "$name" $image sh -c 'sleep 0.2; wget -qO- http://127.0.0.1/')" served
	equal hostname "$(p run --rm --pod "$name" $image hostname)" podhost
	contains "$(p pod ps --format '{{.Name}} {{.Status}}')" "$name Running"
	p pod rm -f -t 0 "$name" >/dev/null
}

@test "a pod: stop, start, pause, unpause, kill" {
	p pod create --name "$name" >/dev/null
	p run -d --pod "$name" $image sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
	p pod stop -t 5 "$name" >/dev/null
	p pod start "$name" >/dev/null
	p pod pause "$name" >/dev/null
	p pod unpause "$name" >/dev/null
	p pod kill "$name" >/dev/null
	p pod rm -f -t 0 "$name" >/dev/null
}

@test "kube play, kube down and generate kube" {
	cat >"$work/pod.yaml" <<-END
		apiVersion: v1
		kind: Pod
		metadata:
		  name: $name
		spec:
		  containers:
		  - name: web
		    image: $image
		    imagePullPolicy: Never
		    command: ["sh", "-c", "echo \$GREETING >/cache/x; exec httpd -f -p 80 -h /cache"]
		    env: [{name: GREETING, value: kube}]
		    resources: {limits: {memory: 200Mi}}
		    volumeMounts: [{name: cache, mountPath: /cache}]
		  volumes:
		  - name: cache
		    emptyDir: {}
	END
	p kube play "$work/pod.yaml" >/dev/null
	wait_for prints kube p exec "$name-web" wget -qO- http://127.0.0.1/x
	contains "$(p generate kube "$name")" "kind: Pod" "image: $image"
	p kube down "$work/pod.yaml" >/dev/null
	run -1 p pod exists "$name"
}

@test "secrets: as a file and in the environment" {
	echo -n hidden | p secret create "$name" - >/dev/null
	equal file "$(p run --rm --secret "$name" $image cat "/run/secrets/$name")" hidden
	equal variable "$(p run --rm --secret "$name,type=env,target=S" $image sh -c 'echo $S')" hidden
	p secret rm "$name" >/dev/null
}

@test "build: RUN, COPY, USER and an argument" {
	mkdir "$work/context"
	echo copied >"$work/context/file"
	cat >"$work/context/Containerfile" <<-END
		FROM $image
		ARG WHAT=nothing
		COPY file /copied
		RUN cat /copied >/built && echo \$WHAT >>/built && cat /proc/version >/kernel
		USER 1000
		RUN id -u >/tmp/user
		CMD ["cat", "/built", "/tmp/user", "/kernel"]
	END
	p build -q --runtime "$RUNTIME" --network none --isolation oci --build-arg WHAT=argument -t "localhost/$name" "$work/context" >/dev/null
	out=$(p run --rm "localhost/$name")
	equal built "$(head -n 3 <<<"$out" | tr '\n' ' ')" "copied argument 1000 "
	kernel=$(p run --rm $image cat /proc/version)
	equal kernel "$(tail -n 1 <<<"$out")" "$kernel"
	p rmi "localhost/$name" >/dev/null
}

@test "build: a RUN that fails fails the build" {
	printf 'FROM %s\nRUN exit 3\n' $image >"$work/Containerfile"
	run p build -q --runtime "$RUNTIME" --network none "$work"
	[ "$status" != 0 ]
	contains "$output" "exit status 3"
	p image prune -f >/dev/null
}

@test "generate spec: annotations and labels arrive" {
	background --annotation org.example.note=here --label kind=test $image sleep 1000
	equal label "$(p ps --filter label=kind=test --format '{{.Names}}')" "$name"
	equal annotation "$(p inspect -f '{{index .Config.Annotations "org.example.note"}}' "$name")" here
	forget
}

@test "system df, info: the runtime that is used" {
	equal runtime "$(p info -f '{{.Host.OCIRuntime.Path}}')" "$RUNTIME"
	contains "$(p info -f '{{.Host.OCIRuntime.Version}}')" spec
}

@test "12 containers at once, and all are removed" {
	p rm -fa -t 0 >/dev/null
	for i in $(seq 12); do
		p run -d --network none --name "$name-$i" $image sleep 1000 >/dev/null
	done
	equal running "$(p ps -q | wc -l)" 12
	p rm -fa -t 0 >/dev/null
	equal left "$(p ps -aq | wc -l)" 0
}

@test "nothing is left behind: mounts, groups, processes, state" {
	p rm -fa -t 0 >/dev/null
	# Podman itself leaves a pod's group in the hierarchy named systemd, whichever the runtime.
	equal "left over" "$(leftovers podman '^/sys/fs/cgroup/([^s]*/)?libpod_parent/.' | grep -vE "^$SCRATCH/podman/(root|run)/overlay$|/conmon$")" ""
}
