#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Containers of an ordinary user, who may open /dev/kvm and nothing else: tests/cli/as-user makes him.

load helper

# A script of the user's, in his home, with a bundle in ./b and functions to change it.
as_user() { # SCRIPT
	mkdir -p "$BATS_TEST_TMPDIR/home"
	cat >"$BATS_TEST_TMPDIR/home/script" <<-'END'
		mkdir -p b/rootfs/bin b/rootfs/proc b/rootfs/dev b/rootfs/sys b/rootfs/tmp
		cp $BUSYBOX b/rootfs/bin/busybox
		for applet in sh id cat ls sleep touch chown stat; do ln -s busybox b/rootfs/bin/$applet; done
		cd b
		edit() { jq "$@" <config.json >config.new && mv config.new config.json; }
		container() { # ARG …
			rm -f config.json
			$HUSK spec --rootless
			edit --arg a "$1" '.process.terminal = false | .root.readonly = false | .process.args = ["sh", "-c", $a]'
		}
		ranges() { # all of the user's ids, for the container
			edit '.linux.uidMappings = [{containerID: 0, hostID: 4711, size: 1},
						    {containerID: 1, hostID: 500000, size: 65536}]
				| .linux.gidMappings = .linux.uidMappings
				| .process.capabilities |= map_values(. + ["CAP_CHOWN", "CAP_SETGID", "CAP_SETUID"])'
		}
	END
	echo "$1" >>"$BATS_TEST_TMPDIR/home/script"
	run --separate-stderr env HUSK="$husk_exe" "$BATS_TEST_DIRNAME/as-user" "$BATS_TEST_TMPDIR/home" sh script
	echo "$output"
	echo "$stderr"
}

@test "one mapping: run, as root of a user namespace that is the user outside" {
	as_user '
		container "id -u; cat /proc/self/uid_map; touch /tmp/file; stat -c %u /tmp/file"
		$HUSK run '"$id"' </dev/null
		echo status $?; stat -c %u rootfs/tmp/file; ls -A $XDG_RUNTIME_DIR/husk | wc -l'
	[ "$status" = 0 ]
	[ "${lines[0]}" = 0 ]
	[[ "${lines[1]}" =~ ^\ *0\ *4711\ *1$ ]]
	[ "${lines[2]}" = 0 ]
	[ "${lines[3]}" = "status 0" ]
	[ "${lines[4]}" = 4711 ]
	[ "${lines[5]}" = 0 ]
}

@test "without a cgroup it goes on, and says so; with limits it is an error" {
	[ "$(stat -c %U /sys/fs/cgroup)" = root ]
	as_user '
		container "exit 0"
		$HUSK run '"$id"' </dev/null || exit
		edit ".linux.resources = {pids: {limit: 100}}"
		$HUSK run '"$id"'-limited </dev/null
		echo status $?; ls -A $XDG_RUNTIME_DIR/husk | wc -l'
	[[ "$stderr" == *'level=warning msg="no cgroup for \"'"$id"'\"'* ]]
	[[ "$stderr" == *"husk run failed: cannot make the cgroup "*": Permission denied"* ]]
	[ "$output" = $'status 1\n0' ]
}

@test "create, state, start, exec, list, ps, kill, delete; state below XDG_RUNTIME_DIR" {
	as_user '
		container "sleep 1000"
		$HUSK create '"$id"' </dev/null >log 2>&1 || cat log
		$HUSK state '"$id"' | jq -r .status
		$HUSK start '"$id"'
		$HUSK exec '"$id"' id -u
		$HUSK list -f json | jq -r ".[].owner"
		$HUSK ps -f json '"$id"' | jq length
		$HUSK kill '"$id"' KILL
		until [ "$($HUSK state '"$id"' | jq -r .status)" = stopped ]; do :; done
		$HUSK delete '"$id"' && ls -A $XDG_RUNTIME_DIR/husk | wc -l'
	[ "$status" = 0 ]
	[ "$output" = $'created\n0\nhusktest\n1\n0' ]
}

@test "several mappings, by newuidmap and newgidmap" {
	as_user '
		container "cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/file; chown 33:34 /tmp/file"
		ranges
		$HUSK run '"$id"' </dev/null
		echo status $?; stat -c %u:%g rootfs/tmp/file'
	[ "$status" = 0 ]
	[[ "${lines[0]}" =~ ^\ *0\ *4711\ *1$ ]]
	[[ "${lines[1]}" =~ ^\ *1\ *500000\ *65536$ ]]
	[[ "${lines[3]}" =~ ^\ *1\ *500000\ *65536$ ]]
	[ "${lines[4]}" = "status 0" ]
	[ "${lines[5]}" = 500032:500033 ]
}

@test "mappings that are not the user's are refused, with newuidmap's reason" {
	as_user '
		container "exit 0"
		ranges
		edit ".linux.uidMappings[1].hostID = 100000"
		$HUSK run '"$id"' </dev/null
		echo status $?; ls -A $XDG_RUNTIME_DIR/husk | wc -l'
	[[ "$stderr" == *"newuidmap refuses the mappings: newuidmap: uid range [1-65537) -> [100000-165536) not allowed"* ]]
	[ "$output" = $'status 1\n0' ]
}

@test "where setgroups is denied the guest's is too" {
	cat >"$BATS_TEST_TMPDIR/groups.c" <<-'END'
		#include <errno.h>
		#include <grp.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(void)
		{
			gid_t g = 0;
			printf("%d %d\n", setgroups(1, &g) < 0 ? errno : 0, getgroups(0, NULL));
		}
	END
	mkdir -p "$BATS_TEST_TMPDIR/home"
	gcc -static -o "$BATS_TEST_TMPDIR/home/groups" "$BATS_TEST_TMPDIR/groups.c"
	as_user '
		container "exit 0"
		cp ../groups rootfs/
		edit ".process.args = [\"/groups\"] | .process.capabilities |= map_values(. + [\"CAP_SETGID\"])"
		$HUSK run '"$id"' </dev/null
		edit ".process.user.additionalGids = [7]"
		$HUSK run '"$id"' </dev/null'
	[ "${lines[0]}" = "1 0" ]
	[[ "$stderr" == *"husk run failed: cannot become user 0"* ]]
}

@test "without /dev/kvm: an error that names it, and the platform ptrace, which needs none" {
	AS_USER_KVM=no as_user '
		container "id -u"
		$HUSK --platform kvm run '"$id"' </dev/null
		$HUSK --platform ptrace run '"$id"' </dev/null
		echo status $?; ls -A $XDG_RUNTIME_DIR/husk | wc -l'
	[[ "$stderr" == *"cannot open /dev/kvm: Permission denied"* ]]
	[ "$output" = $'0\nstatus 0\n0' ]
}

@test "rootless Podman, without network and with the host's" {
	command -v podman >/dev/null || skip "Podman is not installed"
	as_user '
		printf "%s\n" "[containers]" "default_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]" \
			"[engine]" "cgroup_manager = \"cgroupfs\"" "events_logger = \"file\"" >../containers.conf
		export CONTAINERS_CONF=$HOME/containers.conf
		podman() { command podman --storage-driver vfs --runtime $HUSK "$@"; }
		tar -C rootfs -c . | podman import - busybox >/dev/null 2>&1
		podman run --rm --network none busybox id -u
		podman run --rm --network host busybox sh -c "exit 7"; echo $?
		podman run --detach --network none --name c busybox sleep 1000 >/dev/null
		podman exec c id -u
		podman rm -f c
		for p in $(pgrep -u 4711 -f "podman pause|catatonit"); do kill $p; done
		unset -f podman; podman unshare rm -rf $HOME/.local'
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = 7 ]
	[ "${lines[2]}" = 0 ]
	[ "${lines[3]}" = c ]
}

@test "mounts of a running container are root's to change, and that is said" {
	as_user '
		container "sleep 1000"
		$HUSK run --detach '"$id"' </dev/null >/dev/null 2>&1
		echo "[{\"destination\": \"/tmp\", \"type\": \"tmpfs\"}]" >mounts.json
		$HUSK mounts add '"$id"' mounts.json
		echo status $?
		$HUSK delete --force '"$id"
	[ "$output" = "status 1" ]
	[[ "$stderr" == *"only root can change the mounts of a running container"* ]]
}
