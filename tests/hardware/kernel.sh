# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Debian's kernel for virtual machines, from its package. Sourced by tests that boot it.

kernel_package() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1-unsigned/p' | head -n 1
}

# need_kernel CACHE: sets $kernel to the unpacked package, downloaded once into CACHE.
need_kernel() {
	local package new
	package=$(kernel_package)
	[ -n "$package" ] || die "apt knows no linux-image-cloud-amd64 (apt-get update)"
	kernel=$1/$package
	[ -d "$kernel" ] && return
	mkdir -p "$1"
	new=$(mktemp -d "$1/building.XXXXXX")
	(
		cd "$new" && apt-get download -qq "$package" >/dev/null 2>&1 &&
			dpkg-deb -x ./*.deb . && rm ./*.deb
	) || {
		rm -rf "$new"
		die "cannot download $package"
	}
	chmod 755 "$new"
	mv -T "$new" "$kernel" 2>/dev/null || rm -rf "$new"
}
