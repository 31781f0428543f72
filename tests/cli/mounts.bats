#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# mounts add and remove: mounts of a running container.

load helper

hold() {
	bundle sleep 1000
	hold_as_it_is
}

hold_as_it_is() {
	h run --detach --bundle "$bundle" "$id" >/dev/null 2>&1 </dev/null
	source=$BATS_TEST_TMPDIR/source
	mkdir -p "$source/dir"
	echo text >"$source/file"
}

list() { # JSON: the file of mounts
	sed "s|SOURCE|$source|g" <<<"$1" >"$BATS_TEST_TMPDIR/mounts.json"
	echo "$BATS_TEST_TMPDIR/mounts.json"
}

guest() {
	h exec "$id" sh -c "$1"
}

# The mount points of the container, as the guest sees them and in both of the sandbox' namespaces.
mount_points() {
	local t

	guest 'cut -d" " -f5,9- /proc/self/mountinfo' | sort
	for t in "/proc/$(sandbox_pid "$id")"/task/*; do
		[ ! -e "$t" ] || echo "$(readlink "$t/ns/mnt") $(cut -d' ' -f2 "$t/mounts" | sort | tr '\n' ' ')"
	done | sort -u
}

refused() { # MESSAGE add|remove JSON
	run -1 h mounts "$2" "$id" "$(list "$3")"
	[[ $output == *"$1"* ]] || fail "$2 $3: $output"
}

@test "mounts that are added are there, and gone when they are removed" {
	hold
	local before file

	before=$(mount_points)
	file=$(list '[{"destination": "/new/place", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "noexec"]},
		{"destination": "/new/place/data", "type": "bind", "source": "SOURCE", "options": ["rbind", "ro"]},
		{"destination": "/one-file", "source": "SOURCE/file", "options": ["bind"]}]')
	h mounts add "$id" "$file"
	guest 'grep -q " /new/place rw,noexec.* - tmpfs tmpfs .*size=64k" /proc/self/mountinfo'
	guest 'grep -q " /new/place/data ro" /proc/self/mounts || mount | grep -q " /new/place/data .*(ro"'
	equal file "$(guest 'cat /one-file /new/place/data/file')" $'text\ntext'
	guest 'echo more >>/one-file; echo x >/new/place/x; ! echo y 2>/dev/null >/new/place/data/y'
	equal host "$(cat "$source/file")" $'text\nmore'
	# Who enters from the host sees the same.
	equal entered "$(nsenter --mount="/proc/$(sandbox_pid "$id")/ns/mnt" cat /new/place/x)" x
	h mounts remove "$id" "$file"
	equal after "$(mount_points)" "$before"
	equal "below it" "$(guest 'ls /new/place; cat /one-file')" ""
	refused "mounts[2].destination: nothing is mounted on /one-file" remove "$(cat "$file")"
	rm -r "$rootfs/new" "$rootfs/one-file"
}

@test "a mount in use is not removed" {
	hold
	local file

	file=$(list '[{"destination": "/used", "type": "tmpfs"}]')
	h mounts add "$id" "$file"
	h exec --detach "$id" sh -c 'echo >/used/f; exec sleep 1000 </used/f' >/dev/null 2>&1 </dev/null
	wait_for guest 'test -e /used/f && grep -q sleep /proc/*/comm'
	wait_for guest 'ls -l /proc/[0-9]*/fd | grep -q /used/f'
	refused "mounts[0].destination: cannot unmount /used: Device or resource busy" remove "$(cat "$file")"
	guest 'test -e /used/f'
	guest 'kill $(pidof sleep | tr " " "\n" | grep -vx 1)'
	wait_for h mounts remove "$id" "$file"
	guest 'test ! -e /used/f'
	rmdir "$rootfs/used"
}

@test "what cannot be mounted is an error that names it, and nothing is left" {
	hold
	local before

	before=$(mount_points)
	ln -s /tmp "$rootfs/link"
	refused "an array of mounts is expected" add '{"mounts": []}'
	refused "not JSON" add '[{"destination": '
	refused "an array of mounts is expected" add '[], "hooks": []'
	refused "mounts[0].destination: missing, but required" add '[{"type": "tmpfs"}]'
	refused "mounts[1].options[0]: expected a string" add '[{"destination": "/a", "type": "tmpfs"},
		{"destination": "/b", "options": [1]}]'
	refused "mounts[1]: bind on /b: source " add '[{"destination": "/tmp", "type": "tmpfs"},
		{"destination": "/b", "source": "/nonexistent", "options": ["bind"]}]'
	# This one fails only when the first is there already.
	refused "mounts[1]: tmpfs on /tmp/x: " add '[{"destination": "/tmp", "type": "tmpfs"},
		{"destination": "/tmp/x", "type": "tmpfs", "options": ["nonsense=1"]}]'
	refused "only bind mounts and tmpfs" add '[{"destination": "/tmp", "type": "proc"}]'
	refused "only bind mounts and tmpfs" add '[{"destination": "/tmp"}]'
	refused "id-mapped" add '[{"destination": "/tmp", "source": "/tmp", "options": ["bind", "idmap"]}]'
	for d in /proc /proc/sys //proc/ /dev/pts /dev /dev/pts/0; do
		refused "are husk's own" add '[{"destination": "'$d'", "type": "tmpfs"}]'
		refused "are husk's own" remove '[{"destination": "'$d'"}]'
	done
	for d in / relative /a/../b /./a; do
		refused "an absolute path" add '[{"destination": "'$d'", "type": "tmpfs"}]'
	done
	refused "mounts[0].destination: /link: Too many levels of symbolic links" add \
		'[{"destination": "/link", "type": "tmpfs"}]'
	refused "Too many levels of symbolic links" remove '[{"destination": "/link/x"}]'
	equal after "$(mount_points)" "$before"
	rm "$rootfs/link"
}

@test "mounts need a container that runs" {
	hold
	local file

	file=$(list '[{"destination": "/tmp", "type": "tmpfs"}]')
	run -1 h mounts add nobody "$file"
	run -1 h mounts change "$id" "$file"
	[[ $output == *'expected add or remove'* ]] || fail "$output"
	run -1 h mounts add "$id" "$BATS_TEST_TMPDIR/none"
	[[ $output == *"cannot read $BATS_TEST_TMPDIR/none"* ]] || fail "$output"
	h pause "$id"
	refused "container is paused" add "$(cat "$file")"
	refused "container is paused" remove "$(cat "$file")"
	h resume "$id"
	h kill "$id" KILL
	wait_for is_status "$id" stopped
	refused "container not running" add "$(cat "$file")"
}

@test "mounts of a container with shared mounts, or with a user namespace" {
	local before file change

	chmod o+x "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/.." "$BATS_TEST_TMPDIR/.."
	for change in '.linux.rootfsPropagation = "shared"' '.linux.rootfsPropagation = "rslave"' \
		'.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 0,
			"size": 65536}] | .linux.gidMappings = .linux.uidMappings' \
		'.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000,
			"size": 65536}] | .linux.gidMappings = .linux.uidMappings'; do
		bundle sleep 1000
		edit "$change"
		mkdir -p "$rootfs/late" "$rootfs/bound"
		# Root of another user namespace cannot make it.
		[[ $change == *user* ]] || rmdir "$rootfs/late"
		hold_as_it_is
		before=$(mount_points)
		file=$(list '[{"destination": "/late", "type": "tmpfs"},
			{"destination": "/bound", "source": "SOURCE", "options": ["bind"]}]')
		h mounts add "$id" "$file"
		equal "mounts with $change" "$(guest 'echo x >/late/f; grep -c " /late \\| /bound " /proc/self/mountinfo')" 2
		equal "owner with $change" "$(guest 'stat -c %u /late; cat /bound/file')" $'0\ntext'
		# Once in each namespace: a shared mount has brought it to the task side already.
		equal "times" "$(grep -hc ' /late ' "/proc/$(sandbox_pid "$id")"/task/*/mounts | sort -u)" 1
		h mounts remove "$id" "$file"
		equal "after $change" "$(mount_points)" "$before"
		h delete --force "$id"
	done
	rmdir "$rootfs/late" "$rootfs/bound"
}
