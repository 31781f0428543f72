/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of x86-64, one line each, by number. Include it with one macro defined:
 *
 *   SYSCALL(nr, name)        implemented: long sys_name(const uint64_t a[6])
 *   SYSCALL_NONE(nr, name)   not there: ENOSYS, logged once by name at debug level
 *
 * Implementations stand in the family's file, kernel/syscalls/FAMILY.c.
 */
#ifndef SYSCALL_NONE
#define SYSCALL_NONE(nr, name)
#endif

SYSCALL(0, read) /* io */
SYSCALL(1, write) /* io */
SYSCALL(2, open) /* path */
SYSCALL(3, close) /* fd */
SYSCALL(4, stat) /* path */
SYSCALL(5, fstat) /* fd */
SYSCALL(6, lstat) /* path */
SYSCALL(7, poll) /* poll */
SYSCALL(8, lseek) /* io */
SYSCALL(9, mmap) /* memory */
SYSCALL(10, mprotect) /* memory */
SYSCALL(11, munmap) /* memory */
SYSCALL(12, brk) /* memory */
SYSCALL(13, rt_sigaction) /* signal */
SYSCALL(14, rt_sigprocmask) /* signal */
SYSCALL(15, rt_sigreturn) /* signal */
SYSCALL(16, ioctl) /* fd */
SYSCALL(17, pread64) /* io */
SYSCALL(18, pwrite64) /* io */
SYSCALL(19, readv) /* io */
SYSCALL(20, writev) /* io */
SYSCALL(21, access) /* path */
SYSCALL(22, pipe) /* fd */
SYSCALL(23, select) /* poll */
SYSCALL(24, sched_yield) /* sched */
SYSCALL(25, mremap) /* memory */
SYSCALL(26, msync) /* memory */
SYSCALL(27, mincore) /* memory */
SYSCALL(28, madvise) /* memory */
SYSCALL_NONE(29, shmget)
SYSCALL_NONE(30, shmat)
SYSCALL_NONE(31, shmctl)
SYSCALL(32, dup) /* fd */
SYSCALL(33, dup2) /* fd */
SYSCALL(34, pause) /* signal */
SYSCALL(35, nanosleep) /* time */
SYSCALL(36, getitimer) /* time */
SYSCALL(37, alarm) /* time */
SYSCALL(38, setitimer) /* time */
SYSCALL(39, getpid) /* process */
SYSCALL(40, sendfile) /* io */
SYSCALL(41, socket) /* socket */
SYSCALL(42, connect) /* socket */
SYSCALL(43, accept) /* socket */
SYSCALL(44, sendto) /* socket */
SYSCALL(45, recvfrom) /* socket */
SYSCALL(46, sendmsg) /* socket */
SYSCALL(47, recvmsg) /* socket */
SYSCALL(48, shutdown) /* socket */
SYSCALL(49, bind) /* socket */
SYSCALL(50, listen) /* socket */
SYSCALL(51, getsockname) /* socket */
SYSCALL(52, getpeername) /* socket */
SYSCALL(53, socketpair) /* socket */
SYSCALL(54, setsockopt) /* socket */
SYSCALL(55, getsockopt) /* socket */
SYSCALL(56, clone) /* process */
SYSCALL(57, fork) /* process */
SYSCALL(58, vfork) /* process */
SYSCALL(59, execve) /* process */
SYSCALL(60, exit) /* process */
SYSCALL(61, wait4) /* process */
SYSCALL(62, kill) /* signal */
SYSCALL(63, uname) /* system */
SYSCALL_NONE(64, semget)
SYSCALL_NONE(65, semop)
SYSCALL_NONE(66, semctl)
SYSCALL_NONE(67, shmdt)
SYSCALL_NONE(68, msgget)
SYSCALL_NONE(69, msgsnd)
SYSCALL_NONE(70, msgrcv)
SYSCALL_NONE(71, msgctl)
SYSCALL(72, fcntl) /* fd */
SYSCALL(73, flock) /* io */
SYSCALL(74, fsync) /* io */
SYSCALL(75, fdatasync) /* io */
SYSCALL(76, truncate) /* path */
SYSCALL(77, ftruncate) /* io */
SYSCALL(78, getdents) /* fd */
SYSCALL(79, getcwd) /* path */
SYSCALL(80, chdir) /* path */
SYSCALL(81, fchdir) /* path */
SYSCALL(82, rename) /* path */
SYSCALL(83, mkdir) /* path */
SYSCALL(84, rmdir) /* path */
SYSCALL(85, creat) /* path */
SYSCALL(86, link) /* path */
SYSCALL(87, unlink) /* path */
SYSCALL(88, symlink) /* path */
SYSCALL(89, readlink) /* path */
SYSCALL(90, chmod) /* path */
SYSCALL(91, fchmod) /* path */
SYSCALL(92, chown) /* path */
SYSCALL(93, fchown) /* path */
SYSCALL(94, lchown) /* path */
SYSCALL(95, umask) /* path */
SYSCALL(96, gettimeofday) /* time */
SYSCALL(97, getrlimit) /* system */
SYSCALL(98, getrusage) /* system */
SYSCALL(99, sysinfo) /* system */
SYSCALL(100, times) /* time */
SYSCALL_NONE(101, ptrace)
SYSCALL(102, getuid) /* cred */
SYSCALL(103, syslog) /* system */
SYSCALL(104, getgid) /* cred */
SYSCALL(105, setuid) /* cred */
SYSCALL(106, setgid) /* cred */
SYSCALL(107, geteuid) /* cred */
SYSCALL(108, getegid) /* cred */
SYSCALL(109, setpgid) /* process */
SYSCALL(110, getppid) /* process */
SYSCALL(111, getpgrp) /* process */
SYSCALL(112, setsid) /* process */
SYSCALL(113, setreuid) /* cred */
SYSCALL(114, setregid) /* cred */
SYSCALL(115, getgroups) /* cred */
SYSCALL(116, setgroups) /* cred */
SYSCALL(117, setresuid) /* cred */
SYSCALL(118, getresuid) /* cred */
SYSCALL(119, setresgid) /* cred */
SYSCALL(120, getresgid) /* cred */
SYSCALL(121, getpgid) /* process */
SYSCALL(122, setfsuid) /* cred */
SYSCALL(123, setfsgid) /* cred */
SYSCALL(124, getsid) /* process */
SYSCALL(125, capget) /* cred */
SYSCALL(126, capset) /* cred */
SYSCALL(127, rt_sigpending) /* signal */
SYSCALL(128, rt_sigtimedwait) /* signal */
SYSCALL(129, rt_sigqueueinfo) /* signal */
SYSCALL(130, rt_sigsuspend) /* signal */
SYSCALL(131, sigaltstack) /* signal */
SYSCALL(132, utime) /* path */
SYSCALL(133, mknod) /* path */
SYSCALL_NONE(134, uselib)
SYSCALL(135, personality) /* process */
SYSCALL_NONE(136, ustat)
SYSCALL(137, statfs) /* path */
SYSCALL(138, fstatfs) /* fd */
SYSCALL_NONE(139, sysfs)
SYSCALL(140, getpriority) /* sched */
SYSCALL(141, setpriority) /* sched */
SYSCALL(142, sched_setparam) /* sched */
SYSCALL(143, sched_getparam) /* sched */
SYSCALL(144, sched_setscheduler) /* sched */
SYSCALL(145, sched_getscheduler) /* sched */
SYSCALL(146, sched_get_priority_max) /* sched */
SYSCALL(147, sched_get_priority_min) /* sched */
SYSCALL(148, sched_rr_get_interval) /* sched */
SYSCALL(149, mlock) /* memory */
SYSCALL(150, munlock) /* memory */
SYSCALL(151, mlockall) /* memory */
SYSCALL(152, munlockall) /* memory */
SYSCALL_NONE(153, vhangup)
SYSCALL_NONE(154, modify_ldt)
SYSCALL(155, pivot_root) /* process */
SYSCALL_NONE(156, _sysctl)
SYSCALL(157, prctl) /* process */
SYSCALL(158, arch_prctl) /* process */
SYSCALL(159, adjtimex) /* time */
SYSCALL(160, setrlimit) /* system */
SYSCALL(161, chroot) /* path */
SYSCALL(162, sync) /* io */
SYSCALL_NONE(163, acct)
SYSCALL(164, settimeofday) /* time */
SYSCALL(165, mount) /* process */
SYSCALL(166, umount2) /* process */
SYSCALL_NONE(167, swapon)
SYSCALL_NONE(168, swapoff)
SYSCALL_NONE(169, reboot)
SYSCALL(170, sethostname) /* system */
SYSCALL(171, setdomainname) /* system */
SYSCALL_NONE(172, iopl)
SYSCALL_NONE(173, ioperm)
SYSCALL_NONE(174, create_module)
SYSCALL_NONE(175, init_module)
SYSCALL_NONE(176, delete_module)
SYSCALL_NONE(177, get_kernel_syms)
SYSCALL_NONE(178, query_module)
SYSCALL_NONE(179, quotactl)
SYSCALL_NONE(180, nfsservctl)
SYSCALL_NONE(181, getpmsg)
SYSCALL_NONE(182, putpmsg)
SYSCALL_NONE(183, afs_syscall)
SYSCALL_NONE(184, tuxcall)
SYSCALL_NONE(185, security)
SYSCALL(186, gettid) /* process */
SYSCALL(187, readahead) /* io */
SYSCALL(188, setxattr) /* path */
SYSCALL(189, lsetxattr) /* path */
SYSCALL(190, fsetxattr) /* path */
SYSCALL(191, getxattr) /* path */
SYSCALL(192, lgetxattr) /* path */
SYSCALL(193, fgetxattr) /* path */
SYSCALL(194, listxattr) /* path */
SYSCALL(195, llistxattr) /* path */
SYSCALL(196, flistxattr) /* path */
SYSCALL(197, removexattr) /* path */
SYSCALL(198, lremovexattr) /* path */
SYSCALL(199, fremovexattr) /* path */
SYSCALL(200, tkill) /* signal */
SYSCALL(201, time) /* time */
SYSCALL(202, futex) /* futex */
SYSCALL(203, sched_setaffinity) /* sched */
SYSCALL(204, sched_getaffinity) /* sched */
SYSCALL_NONE(205, set_thread_area)
SYSCALL_NONE(206, io_setup)
SYSCALL_NONE(207, io_destroy)
SYSCALL_NONE(208, io_getevents)
SYSCALL_NONE(209, io_submit)
SYSCALL_NONE(210, io_cancel)
SYSCALL_NONE(211, get_thread_area)
SYSCALL_NONE(212, lookup_dcookie)
SYSCALL(213, epoll_create) /* poll */
SYSCALL_NONE(214, epoll_ctl_old)
SYSCALL_NONE(215, epoll_wait_old)
SYSCALL_NONE(216, remap_file_pages)
SYSCALL(217, getdents64) /* fd */
SYSCALL(218, set_tid_address) /* process */
SYSCALL(219, restart_syscall) /* signal */
SYSCALL_NONE(220, semtimedop)
SYSCALL(221, fadvise64) /* io */
SYSCALL(222, timer_create) /* time */
SYSCALL(223, timer_settime) /* time */
SYSCALL(224, timer_gettime) /* time */
SYSCALL(225, timer_getoverrun) /* time */
SYSCALL(226, timer_delete) /* time */
SYSCALL(227, clock_settime) /* time */
SYSCALL(228, clock_gettime) /* time */
SYSCALL(229, clock_getres) /* time */
SYSCALL(230, clock_nanosleep) /* time */
SYSCALL(231, exit_group) /* process */
SYSCALL(232, epoll_wait) /* poll */
SYSCALL(233, epoll_ctl) /* poll */
SYSCALL(234, tgkill) /* signal */
SYSCALL(235, utimes) /* path */
SYSCALL_NONE(236, vserver)
SYSCALL_NONE(237, mbind)
SYSCALL_NONE(238, set_mempolicy)
SYSCALL_NONE(239, get_mempolicy)
SYSCALL_NONE(240, mq_open)
SYSCALL_NONE(241, mq_unlink)
SYSCALL_NONE(242, mq_timedsend)
SYSCALL_NONE(243, mq_timedreceive)
SYSCALL_NONE(244, mq_notify)
SYSCALL_NONE(245, mq_getsetattr)
SYSCALL_NONE(246, kexec_load)
SYSCALL(247, waitid) /* process */
SYSCALL_NONE(248, add_key)
SYSCALL_NONE(249, request_key)
SYSCALL_NONE(250, keyctl)
SYSCALL(251, ioprio_set) /* sched */
SYSCALL(252, ioprio_get) /* sched */
SYSCALL(253, inotify_init) /* poll */
SYSCALL(254, inotify_add_watch) /* poll */
SYSCALL(255, inotify_rm_watch) /* poll */
SYSCALL_NONE(256, migrate_pages)
SYSCALL(257, openat) /* path */
SYSCALL(258, mkdirat) /* path */
SYSCALL(259, mknodat) /* path */
SYSCALL(260, fchownat) /* path */
SYSCALL(261, futimesat) /* path */
SYSCALL(262, newfstatat) /* path */
SYSCALL(263, unlinkat) /* path */
SYSCALL(264, renameat) /* path */
SYSCALL(265, linkat) /* path */
SYSCALL(266, symlinkat) /* path */
SYSCALL(267, readlinkat) /* path */
SYSCALL(268, fchmodat) /* path */
SYSCALL(269, faccessat) /* path */
SYSCALL(270, pselect6) /* poll */
SYSCALL(271, ppoll) /* poll */
SYSCALL(272, unshare) /* process */
SYSCALL(273, set_robust_list) /* futex */
SYSCALL(274, get_robust_list) /* futex */
SYSCALL(275, splice) /* io */
SYSCALL(276, tee) /* io */
SYSCALL(277, sync_file_range) /* io */
SYSCALL(278, vmsplice) /* io */
SYSCALL_NONE(279, move_pages)
SYSCALL(280, utimensat) /* path */
SYSCALL(281, epoll_pwait) /* poll */
SYSCALL(282, signalfd) /* poll */
SYSCALL(283, timerfd_create) /* poll */
SYSCALL(284, eventfd) /* poll */
SYSCALL(285, fallocate) /* io */
SYSCALL(286, timerfd_settime) /* poll */
SYSCALL(287, timerfd_gettime) /* poll */
SYSCALL(288, accept4) /* socket */
SYSCALL(289, signalfd4) /* poll */
SYSCALL(290, eventfd2) /* poll */
SYSCALL(291, epoll_create1) /* poll */
SYSCALL(292, dup3) /* fd */
SYSCALL(293, pipe2) /* fd */
SYSCALL(294, inotify_init1) /* poll */
SYSCALL(295, preadv) /* io */
SYSCALL(296, pwritev) /* io */
SYSCALL(297, rt_tgsigqueueinfo) /* signal */
SYSCALL_NONE(298, perf_event_open)
SYSCALL(299, recvmmsg) /* socket */
SYSCALL_NONE(300, fanotify_init)
SYSCALL_NONE(301, fanotify_mark)
SYSCALL(302, prlimit64) /* system */
SYSCALL(303, name_to_handle_at) /* path */
SYSCALL(304, open_by_handle_at) /* path */
SYSCALL(305, clock_adjtime) /* time */
SYSCALL(306, syncfs) /* io */
SYSCALL(307, sendmmsg) /* socket */
SYSCALL(308, setns) /* process */
SYSCALL(309, getcpu) /* sched */
SYSCALL_NONE(310, process_vm_readv)
SYSCALL_NONE(311, process_vm_writev)
SYSCALL(312, kcmp) /* process */
SYSCALL_NONE(313, finit_module)
SYSCALL(314, sched_setattr) /* sched */
SYSCALL(315, sched_getattr) /* sched */
SYSCALL(316, renameat2) /* path */
SYSCALL(317, seccomp) /* seccomp */
SYSCALL(318, getrandom) /* system */
SYSCALL(319, memfd_create) /* fd */
SYSCALL_NONE(320, kexec_file_load)
SYSCALL_NONE(321, bpf)
SYSCALL(322, execveat) /* process */
SYSCALL_NONE(323, userfaultfd)
SYSCALL(324, membarrier) /* sched */
SYSCALL(325, mlock2) /* memory */
SYSCALL(326, copy_file_range) /* io */
SYSCALL(327, preadv2) /* io */
SYSCALL(328, pwritev2) /* io */
SYSCALL_NONE(329, pkey_mprotect)
SYSCALL_NONE(330, pkey_alloc)
SYSCALL_NONE(331, pkey_free)
SYSCALL(332, statx) /* path */
SYSCALL_NONE(333, io_pgetevents)
SYSCALL_NONE(334, rseq)
SYSCALL(424, pidfd_send_signal) /* process */
SYSCALL_NONE(425, io_uring_setup)
SYSCALL_NONE(426, io_uring_enter)
SYSCALL_NONE(427, io_uring_register)
SYSCALL_NONE(428, open_tree)
SYSCALL_NONE(429, move_mount)
SYSCALL_NONE(430, fsopen)
SYSCALL_NONE(431, fsconfig)
SYSCALL_NONE(432, fsmount)
SYSCALL_NONE(433, fspick)
SYSCALL(434, pidfd_open) /* process */
SYSCALL(435, clone3) /* process */
SYSCALL(436, close_range) /* fd */
SYSCALL(437, openat2) /* path */
SYSCALL(438, pidfd_getfd) /* process */
SYSCALL(439, faccessat2) /* path */
SYSCALL_NONE(440, process_madvise)
SYSCALL(441, epoll_pwait2) /* poll */
SYSCALL_NONE(442, mount_setattr)
SYSCALL_NONE(443, quotactl_fd)
SYSCALL_NONE(444, landlock_create_ruleset)
SYSCALL_NONE(445, landlock_add_rule)
SYSCALL_NONE(446, landlock_restrict_self)
SYSCALL_NONE(447, memfd_secret)
SYSCALL_NONE(448, process_mrelease)
SYSCALL_NONE(449, futex_waitv)
SYSCALL_NONE(450, set_mempolicy_home_node)
SYSCALL(452, fchmodat2) /* path */

#undef SYSCALL
#undef SYSCALL_NONE
