# SPDX-License-Identifier: GPL-2.0-or-later
#
# A suite that needs a whole husk and root; contrib/check runs it.
EXTRA_DIST += tests/apps/run tests/apps/cases
