# SPDX-License-Identifier: GPL-2.0-or-later
#
# Engines need root, /dev/kvm and packages of their own; contrib/check engines runs them.
EXTRA_DIST += tests/engines/run tests/engines/helper.bash tests/engines/on_tty.py tests/engines/cri.py \
	tests/engines/podman.bats tests/engines/docker.bats tests/engines/containerd.bats
