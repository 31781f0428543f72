# SPDX-License-Identifier: GPL-2.0-or-later
#
# Each room's unit tests are listed in tests/ROOM/local.mk.
include $(srcdir)/tests/mm/local.mk
