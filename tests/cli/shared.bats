#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a container shares with others: files, locks, sockets over bind mounts, joined namespaces.

load helper

with_volume() {
	mkdir -p "$BATS_TEST_TMPDIR/volume" "$rootfs/vol"
	chmod 777 "$BATS_TEST_TMPDIR/volume"
	edit --arg v "$BATS_TEST_TMPDIR/volume" '.mounts += [{destination: "/vol", type: "bind", source: $v, options: ["rbind"]}]'
}

@test "two containers and the host exclude each other with flock and POSIX locks" {
	cat >"$BATS_TEST_TMPDIR/lock.c" <<-'END'
		#include <fcntl.h>
		#include <stdio.h>
		#include <sys/file.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			int fd = open("/vol/lock", O_CREAT | O_RDWR, 0666);
			struct flock l = {F_WRLCK, SEEK_SET, 0, 0, 0};
			int r = **++argv == 'f' ? flock(fd, LOCK_EX | LOCK_NB) : fcntl(fd, F_SETLK, &l);
			puts(r < 0 ? "busy" : "got");
			fflush(stdout);
			if (argc > 2)
				pause();
			return 0;
		}
	END
	gcc -static -o "$rootfs/lock" "$BATS_TEST_TMPDIR/lock.c"
	for kind in flock posix; do
		two_containers_lock $kind
	done
}

two_containers_lock() { # KIND
	bundle /lock "$1" hold
	with_volume
	h run --detach --bundle "$bundle" "$id-a" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
	wait_for grep -q got "$BATS_TEST_TMPDIR/out"
	bundle /lock "$1"
	with_volume
	equal "second container" "$(h run --bundle "$bundle" "$id-b")" busy
	python3 -c 'import fcntl, sys; f = open(sys.argv[1], "r+"); (fcntl.flock if sys.argv[2] == "flock" else fcntl.lockf)(f, fcntl.LOCK_EX | fcntl.LOCK_NB)' \
		"$BATS_TEST_TMPDIR/volume/lock" "$1" 2>/dev/null && fail "the host got the lock"
	h delete --force "$id-a"
	equal "after it" "$(h run --bundle "$bundle" "$id-b")" got
}

@test "a host peer sees a container user 1000 in SO_PEERCRED" {
	cat >"$BATS_TEST_TMPDIR/peer.c" <<-'END'
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <unistd.h>
		int main(void)
		{
			struct sockaddr_un a = {AF_UNIX, "/vol/sock"};
			int s = socket(AF_UNIX, SOCK_STREAM, 0);
			return connect(s, (void *)&a, sizeof(a)) < 0 || write(s, "x", 1) != 1;
		}
	END
	gcc -static -o "$rootfs/abi-peer" "$BATS_TEST_TMPDIR/peer.c"
	bundle /abi-peer
	with_volume
	edit '.process.user = {uid: 1000, gid: 1000}'
	python3 - "$BATS_TEST_TMPDIR/volume/sock" >"$BATS_TEST_TMPDIR/out" <<-'END' &
		import os, socket, struct, sys
		s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777); s.listen(); s.settimeout(20)
		c, _ = s.accept()
		print(struct.unpack("3i", c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:], c.recv(1))
	END
	wait_for test -S "$BATS_TEST_TMPDIR/volume/sock"
	h run --bundle "$bundle" "$id"
	wait $!
	equal credentials "$(cat "$BATS_TEST_TMPDIR/out")" "(1000, 1000) b'x'"
}

@test "files that a container writes have its user on the host, and its umask" {
	bundle sh -c 'umask 027; echo x >/vol/f; mkdir /vol/d; ln -s f /vol/l'
	with_volume
	edit '.process.user = {uid: 1000, gid: 1001}'
	h run --bundle "$bundle" "$id"
	equal owner "$(stat -c '%u:%g %a' "$BATS_TEST_TMPDIR/volume/f" "$BATS_TEST_TMPDIR/volume/d" | tr '\n' ' ')" "1000:1001 640 1000:1001 750 "
}

@test "a container joins the network namespace of another by path" {
	bundle sleep 1000
	h run --detach --bundle "$bundle" "$id-a" </dev/null >/dev/null 2>&1
	pid=$(sandbox_pid "$id-a")
	bundle readlink /proc/self/ns/net
	edit --arg p "/proc/$pid/ns/net" '(.linux.namespaces[] | select(.type == "network")) += {path: $p}'
	h create --bundle "$bundle" "$id-b"
	equal namespace "$(readlink "/proc/$(sandbox_pid "$id-b")/ns/net")" "$(readlink "/proc/$pid/ns/net")"
}

@test "../ and links do not lead out of the root file system" {
	bundle sh -c 'cat /../../../../../../../../etc/hostname; cat /vol/out; ls -d /vol/../..; cd /vol/up 2>/dev/null && pwd -P'
	with_volume
	echo inside >"$rootfs/etc/hostname"
	ln -sf ../../../../../../../../etc/hostname "$BATS_TEST_TMPDIR/volume/out"
	ln -sfn ../../../../../../.. "$BATS_TEST_TMPDIR/volume/up"
	equal output "$(h run --bundle "$bundle" "$id" | tr '\n' ' ')" "inside inside /vol/../.. / "
}

@test "LISTEN_FDS passes sockets on to the container" {
	bundle sh -c 'echo "$LISTEN_FDS $LISTEN_PID"; ls -l /proc/self/fd/3 >/dev/null && echo three'
	export husk_exe state bundle id
	out=$(bash -c 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$husk_exe" --root "$state" run --bundle "$bundle" "$id"' 3</dev/null | tr '\n' ' ')
	equal output "$out" "1 1 three "
}

@test "a masked file is not a way to change the host's /dev/null" {
	bundle sh -c 'cat /etc/passwd; echo lost >/etc/passwd; chmod 666 /etc/passwd || echo refused'
	edit '.linux.maskedPaths += ["/etc/passwd"]'
	run h run --bundle "$bundle" "$id"
	[ "$status" = 0 ]
	[ "${lines[-1]}" = refused ]
	[[ "$output" == *"Read-only file system"* ]]
}
