# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libplatform.a
libplatform_a_SOURCES = \
	src/platform/platform.h \
	src/platform/memory.c src/platform/memory.h \
	src/platform/kvm/kvm.h \
	src/platform/kvm/addrspace.c \
	src/platform/kvm/exits.c \
	src/platform/kvm/fpu.c \
	src/platform/kvm/interrupts.c \
	src/platform/kvm/machine.c \
	src/platform/kvm/pagetables.c \
	src/platform/kvm/physmap.c \
	src/platform/kvm/platform.c \
	src/platform/kvm/selftest.c \
	src/platform/kvm/traps.c \
	src/platform/kvm/vcpu.c \
	src/platform/kvm/windows.c
