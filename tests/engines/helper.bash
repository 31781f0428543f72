# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the engines' files share. tests/engines/run has made the namespaces and set $RUNTIME (the
# runtime under test), $SCRATCH (a directory on a disk, removed at the end) and $DEBIAN_TREE.

. "$BATS_TEST_DIRNAME/../lib.sh"
bats_require_minimum_version 1.5.0

[ -n "${SCRATCH:-}" ] || die "run this file by tests/engines/run"

fail() {
	echo "$*"
	return 1
}

equal() { # WHAT HAVE WANT
	[ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
}

contains() { # TEXT WORD …
	local text=$1 word

	shift
	for word; do
		[[ $text == *"$word"* ]] || fail "no '$word' in: $text"
	done
}

# Waits until the command succeeds; at most 10 s.
wait_for() {
	local _i

	for _i in $(seq 100); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	echo "never came true: $*"
	return 1
}

prints() { # WANT COMMAND …: does the command print exactly that?
	local want=$1

	shift
	[ "$("$@" 2>&1)" = "$want" ]
}

shows() { # WORD COMMAND …: does the command's output contain that?
	local word=$1

	shift
	[[ $("$@" 2>&1) == *"$word"* ]]
}

# Runs the command on a terminal of 24 rows and 80 columns; what it writes comes out, without \r.
# Standard input is typed into the terminal, and held open until the command ends.
on_tty() { # COMMAND …
	local quoted

	printf -v quoted '%q ' "$@"
	python3 "$BATS_TEST_DIRNAME/on_tty.py" sh -c "$quoted"
}

# A shell that the command starts in a terminal of its own answers there, and its exit status arrives.
shell_on_tty() { # COMMAND …
	local out status=0

	out=$(on_tty "$@" sh <<-'END'
		@# 
		tty; stty size; echo $((6*7))
		@42
		exit 12
	END
	) || status=$?
	equal status "$status" 12
	contains "$out" /dev/pts/0 "24 80"
}

# A root file system for images: busybox, and a few files to recognise.
make_image_tree() { # DIRECTORY
	make_busybox_rootfs "$1"
	mkdir -p "$1/data"
	echo from-image >"$1/data/file"
	mkdir -p "$1/etc/profile.d" "$1/www"
	echo served >"$1/www/index.html"
}

# What the container's group says, in v1's units whichever version the host has: shares, quota (of the
# usual period), memory, cpus.
limit() { # PID WHAT
	local v2 file group controller

	case $2 in
	shares) controller=cpu file=cpu.shares v2=cpu.weight ;;
	quota) controller=cpu file=cpu.cfs_quota_us v2=cpu.max ;;
	memory) controller=memory file=memory.limit_in_bytes v2=memory.max ;;
	cpus) controller=cpuset file=cpuset.cpus v2=cpuset.cpus ;;
	esac
	if group=$(grep ":$controller:" "/proc/$1/cgroup"); then
		cat "/sys/fs/cgroup/$controller${group##*:}/$file"
	elif [ "$2" = shares ]; then # runc's formula for the weight, backwards: 512 becomes 500
		echo $((2 + ($(cat "/sys/fs/cgroup$(sed 's/^0:://' "/proc/$1/cgroup")/$v2") - 1) * 262142 / 9999))
	else
		cut -d' ' -f1 "/sys/fs/cgroup$(sed 's/^0:://' "/proc/$1/cgroup")/$v2"
	fi
}

# An engine's mounts and cgroups that are in these namespaces, and the runtime's processes and state.
leftovers() { # ENGINE GROUP-REGEX
	local p

	cut -d' ' -f2 /proc/mounts | grep "^$SCRATCH/$1/." || true
	find /sys/fs/cgroup -mindepth 2 -type d | grep -E "$2" || true
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/exe")" != "$RUNTIME" ] || echo "process $(tr '\0' ' ' <"$p/cmdline")"
	done 2>/dev/null
	find /run/husk /run/runc -mindepth 1 2>/dev/null || true
}
