# SPDX-License-Identifier: GPL-2.0-or-later
# hold_vm runs beside the cases in the emulated machines of tests/hardware.
EXTRA_DIST += tests/hardware/run tests/hardware/init tests/hardware/cases tests/hardware/kernel.sh \
	tests/machine/run tests/machine/init tests/machine/cases tests/machine/husk-tests.service
check_PROGRAMS += tests/hardware/hold_vm
tests_hardware_hold_vm_SOURCES = tests/hardware/hold_vm.c
