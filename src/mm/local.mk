# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libmm.a
libmm_a_SOURCES = \
	src/mm/mm.h src/mm/internal.h src/mm/gate.h src/mm/gate.c \
	src/mm/advise.c src/mm/fault.c src/mm/fork.c src/mm/info.c src/mm/map.c src/mm/mm.c src/mm/object.c \
	src/mm/pagedir.c src/mm/protect.c src/mm/remap.c src/mm/usermem.c src/mm/vdso.c \
	src/mm/vma.c src/mm/vma_tree.c
