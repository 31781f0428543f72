# SPDX-License-Identifier: GPL-2.0-or-later
#
# Suites that need a whole husk and root; contrib/check runs them.
EXTRA_DIST += tests/apps/run tests/apps/cases \
	tests/cli/helper.bash tests/cli/bad-command.txt tests/cli/bad-config.txt \
	tests/cli/bad-input.bats tests/cli/crash.bats tests/cli/guest.bats tests/cli/lifecycle.bats tests/cli/memory.bats tests/cli/options.bats \
	tests/cli/mounts.bats tests/cli/pause.bats \
	tests/cli/run.bats tests/cli/shared.bats tests/cli/subgroups.bats tests/cli/systemd.bats tests/cli/fake_systemd.py tests/cli/terminal.bats tests/cli/update.bats \
	tests/cli/wild.bats
