# SPDX-License-Identifier: GPL-2.0-or-later
#
# Unit tests, a directory a room; the suites that need a whole husk (abi, cli, apps) are run by
# contrib/check.

include $(srcdir)/tests/base/local.mk
include $(srcdir)/tests/ocispec/local.mk
include $(srcdir)/tests/platform/local.mk
include $(srcdir)/tests/net/local.mk
include $(srcdir)/tests/vfs/local.mk
include $(srcdir)/tests/proc/local.mk
include $(srcdir)/tests/mm/local.mk
include $(srcdir)/tests/kernel/local.mk
include $(srcdir)/tests/sandbox/local.mk
include $(srcdir)/tests/runtime/local.mk
include $(srcdir)/tests/cli/local.mk
include $(srcdir)/tests/abi/local.mk
include $(srcdir)/tests/fuzz/local.mk
include $(srcdir)/tests/faults/local.mk
include $(srcdir)/tests/oci/local.mk
include $(srcdir)/tests/apps/local.mk
include $(srcdir)/tests/engines/local.mk
include $(srcdir)/tests/hardware/local.mk
