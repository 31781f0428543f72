# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libplatform.a
libplatform_a_SOURCES = \
	src/platform/platform.h \
	src/platform/implementation.h \
	src/platform/access.c \
	src/platform/control.c \
	src/platform/free_map.c src/platform/free_map.h \
	src/platform/memory.c src/platform/memory.h \
	src/platform/memory_stream.c \
	src/platform/platform.c \
	src/platform/spaces.c \
	src/platform/stats.c \
	src/platform/tsc_clock.c src/platform/tsc_clock.h \
	src/platform/vdso.h src/platform/vdso_image.S \
	src/platform/windows.c src/platform/windows.h \
	src/platform/xsave.c src/platform/xsave.h \
	src/platform/kvm/kvm.h src/platform/kvm/stateword.h \
	src/platform/kvm/addrspace.c \
	src/platform/kvm/clock.c \
	src/platform/kvm/control.c \
	src/platform/kvm/exits.c \
	src/platform/kvm/fpu.c \
	src/platform/kvm/inject.c \
	src/platform/kvm/interrupts.c \
	src/platform/kvm/invalidate.c \
	src/platform/kvm/machine.c \
	src/platform/kvm/pagetables.c \
	src/platform/kvm/physmap.c \
	src/platform/kvm/platform.c \
	src/platform/kvm/pool.c \
	src/platform/kvm/selftest.c \
	src/platform/kvm/state.c \
	src/platform/kvm/traps.c \
	src/platform/kvm/vcpu.c \
	src/platform/ptrace/ptrace.h \
	src/platform/ptrace/control.c \
	src/platform/ptrace/cputime.c \
	src/platform/ptrace/faults.c \
	src/platform/ptrace/fpu.c \
	src/platform/ptrace/mappings.c \
	src/platform/ptrace/platform.c \
	src/platform/ptrace/requests.c \
	src/platform/ptrace/selftest.c \
	src/platform/ptrace/stub_amd64.S \
	src/platform/ptrace/stubs.c \
	src/platform/ptrace/switch.c \
	src/platform/ptrace/table.c \
	src/platform/ptrace/workers.c \
	src/platform/ptrace/zygote.c

# The vDSO is a program of its own, for the guest: none of husk's flags are meant for it.
VDSO_COMPILE = -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -fno-stack-protector -fno-builtin -nostdlib
VDSO_LINK = -shared -s -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=none \
	-Wl,-Bsymbolic -Wl,--no-undefined -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
	-Wl,--eh-frame-hdr
src/platform/vdso.so: src/platform/vdso_guest.c src/platform/vdso.lds src/platform/tsc_clock.h
	$(AM_V_CCLD)$(MKDIR_P) src/platform && $(CC) $(VDSO_COMPILE) -D_GNU_SOURCE -I$(srcdir)/src \
		$(VDSO_LINK) -Wl,-T,$(srcdir)/src/platform/vdso.lds -o $@ \
		$(srcdir)/src/platform/vdso_guest.c
src/platform/vdso_image.$(OBJEXT): src/platform/vdso.so
CLEANFILES += src/platform/vdso.so
EXTRA_DIST += src/platform/vdso_guest.c src/platform/vdso.lds
