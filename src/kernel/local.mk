# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libkernel.a
libkernel_a_SOURCES = \
	src/kernel/action.c src/kernel/action.h \
	src/kernel/clone.c \
	src/kernel/cred.c src/kernel/cred.h src/kernel/cred_host.c \
	src/kernel/deliver.c \
	src/kernel/early.c \
	src/kernel/elf.c src/kernel/elf.h \
	src/kernel/exec.c src/kernel/exec.h src/kernel/exit.c \
	src/kernel/internal.h src/kernel/kernel.c \
	src/kernel/oom.c src/kernel/oom.h \
	src/kernel/pid.c src/kernel/pidfd.c src/kernel/program.c \
	src/kernel/rlimit.c src/kernel/rlimit.h \
	src/kernel/script.c src/kernel/script.h \
	src/kernel/sigframe.c src/kernel/signal.c src/kernel/signal.h \
	src/kernel/spawn.c src/kernel/stack.c src/kernel/stop.c \
	src/kernel/strings.c src/kernel/strings.h \
	src/kernel/task.c src/kernel/task.h src/kernel/timer.h \
	src/kernel/trace.c src/kernel/trace.h src/kernel/trace_text.c src/kernel/trace_text.h \
	src/kernel/user.c \
	src/kernel/wait.c src/kernel/wait.h
libkernel_a_SOURCES += \
	src/kernel/syscalls/cred.c src/kernel/syscalls/names.c src/kernel/syscalls/prctl.c src/kernel/syscalls/process.c \
	src/kernel/syscalls/sched.c src/kernel/syscalls/signal.c src/kernel/syscalls/syscalls.h \
	src/kernel/syscalls/system.c src/kernel/syscalls/table.c src/kernel/syscalls/table.h
libkernel_a_SOURCES += \
	src/kernel/futex.c src/kernel/futex.h src/kernel/futex_pi.c src/kernel/futex_queue.h \
	src/kernel/syscalls/futex.c src/kernel/syscalls/memory.c src/kernel/syscalls/socket.c
libkernel_a_SOURCES += \
	src/kernel/jobcontrol.c src/kernel/jobcontrol.h src/kernel/procinfo.c \
	src/kernel/procinfo.h src/kernel/procinfo_mm.c src/kernel/clock.c \
	src/kernel/timer.c src/kernel/timer.h src/kernel/timer_heap.c \
	src/kernel/timer_heap.h src/kernel/syscalls/time.c
libkernel_a_SOURCES += \
	src/kernel/seccomp.c src/kernel/seccomp.h src/kernel/syscalls/seccomp.c
libkernel_a_SOURCES += \
	src/kernel/syscalls/fd.c src/kernel/syscalls/files.h src/kernel/syscalls/io.c \
	src/kernel/syscalls/path.c src/kernel/syscalls/poll.c src/kernel/syscalls/xattr.c
