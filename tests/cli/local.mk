# SPDX-License-Identifier: GPL-2.0-or-later
# Help, manual pages and completion are written three times over: a script sees that they agree.
TESTS += tests/cli/test_man
EXTRA_DIST += tests/cli/test_man
