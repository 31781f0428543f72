# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The Debian packages that husk needs, and the function that installs what is missing of them.
# Sourced by contrib/demo and contrib/check.

build_packages="autoconf automake gcc libc6-dev make pkg-config linux-libc-dev
	libyajl-dev libseccomp-dev libcap-dev libmnl-dev"
demo_packages="busybox-static"
test_packages="bats busybox-static dbus-daemon debootstrap jq musl-tools procps python3 python3-dbus python3-gi python3-jsonschema runc tmux uidmap xz-utils"
engine_packages="$test_packages aardvark-dns catatonit containerd containernetworking-plugins
	docker-compose docker.io iproute2 iptables netavark podman python3-grpcio"
hardware_packages="busybox-static qemu-system-x86"
machine_packages="$hardware_packages debootstrap e2fsprogs jq kmod"

# need_packages PACKAGE …: installs those that are not there. apt is not touched when all are.
need_packages() {
	missing=
	for package; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
		installed) ;;
		*) missing="$missing $package" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	echo "Installing:$missing"
	# Lists that are there may be old: try without an update first, it is the quicker way.
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing \
		</dev/null >/dev/null 2>&1 || {
		apt-get update -qq </dev/null &&
			DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
				$missing </dev/null >/dev/null
	} || {
		echo "cannot install:$missing (apt-get install says why)" >&2
		return 1
	}
}
