# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the test runners share. Sourced, never run. $HUSK names the husk under test, or $HUSK_BUILD
# the directory where it was built (default: ./build of the source tree).

tests_dir=$(cd "$(dirname "${BASH_SOURCE:-$0}")" && pwd)

die() {
	echo "$(basename "$0"): $*" >&2
	exit 2
}

# The path of a runtime by its name: husk is the one under test.
runtime_path() {
	case $1 in
	husk) echo "${HUSK:-${HUSK_BUILD:-$tests_dir/../build}/husk}" ;;
	*) command -v "$1" || die "$1 is not installed" ;;
	esac
}

# make_busybox_rootfs DIR: a root file system of Debian's busybox-static, with all its applets.
make_busybox_rootfs() {
	mkdir -p "$1/bin" "$1/sbin" "$1/usr/bin" "$1/etc" "$1/proc" "$1/sys" "$1/dev" "$1/tmp" "$1/root" "$1/run" "$1/var"
	chmod 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	for applet in $("$1/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$1/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n' >"$1/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' >"$1/etc/group"
	printf '127.0.0.1\tlocalhost\n' >"$1/etc/hosts"
}

# make_bundle DIR ROOTFS ARG …: a bundle whose config.json runs ARG … without a terminal. The
# configuration is `runc spec`'s, so that it is the same whoever runs it, with the capabilities that
# engines give by default.
make_bundle() {
	_dir=$1 _rootfs=$2
	shift 2
	mkdir -p "$_dir"
	rm -f "$_dir/config.json"
	_spec=$(command -v runc || runtime_path husk)
	(cd "$_dir" && "$_spec" spec) || die "$_spec spec failed"
	# Not by jq's --args: version 1.6 takes a "-c" among them for its own option.
	_args=$(for _arg; do jq -n --arg a "$_arg" '$a'; done | jq -s .)
	jq --arg rootfs "$_rootfs" --argjson args "$_args" '
		.root = {path: $rootfs, readonly: false}
		| .process.terminal = false
		| .process.noNewPrivileges = false
		| .process.args = $args
		| .process.env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"]
		| .process.rlimits = [{type: "RLIMIT_NOFILE", hard: 20000, soft: 1024}]
		| ("CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP"
			| split(" ") | map("CAP_" + .)) as $caps
		| .process.capabilities = {bounding: $caps, effective: $caps, permitted: $caps}
	' <"$_dir/config.json" >"$_dir/config.json.new" &&
		mv "$_dir/config.json.new" "$_dir/config.json"
}
