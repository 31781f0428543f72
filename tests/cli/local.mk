# SPDX-License-Identifier: GPL-2.0-or-later
# Help, manual pages and completion are written three times over: a script sees that they agree.
TESTS += tests/cli/test_man

# The rest needs a whole husk and root; contrib/check runs it.
EXTRA_DIST += tests/cli/as-user tests/cli/bad-command.txt tests/cli/bad-config.txt \
	tests/cli/bad-input.bats tests/cli/config.bats tests/cli/crash.bats tests/cli/fake_systemd.py \
	tests/cli/guest.bats tests/cli/helper.bash tests/cli/lifecycle.bats tests/cli/memory.bats \
	tests/cli/mounts.bats tests/cli/options.bats tests/cli/pause.bats tests/cli/platform.bats \
	tests/cli/rootless.bats tests/cli/run.bats tests/cli/shared.bats tests/cli/subgroups.bats \
	tests/cli/systemd.bats tests/cli/terminal.bats tests/cli/test_man tests/cli/update.bats \
	tests/cli/wild.bats
