# SPDX-License-Identifier: GPL-2.0-or-later
EXTRA_DIST += tests/faults/run tests/faults/inject.c
