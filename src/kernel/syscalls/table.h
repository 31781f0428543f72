/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls of x86-64, one line each, by number. Include it with one macro defined:
 *
 *   SYSCALL(nr, name, args)  implemented: long sys_name(const uint64_t a[6])
 *   SYSCALL_NONE(nr, name)   not there: ENOSYS, logged once by name at debug level
 *
 * Implementations stand in the family's file, kernel/syscalls/FAMILY.c.
 *
 * args says what a trace shows (kernel/trace.h), a letter an argument, and behind a '=' what the
 * result is if it is no plain number:
 *
 *   d int: descriptors, ids    f descriptor or AT_FDCWD    s string, mostly a path
 *   l signed 64-bit offset     p address                   v vector of strings
 *   z size                     x flags, 32 bits            i data in: as much as the next says
 *   m mode, octal              g signal                    o data out: as much as the result says
 */
#ifndef SYSCALL_NONE
#define SYSCALL_NONE(nr, name)
#endif

SYSCALL(0, read, "doz") /* io */
SYSCALL(1, write, "diz") /* io */
SYSCALL(2, open, "sxm") /* path */
SYSCALL(3, close, "d") /* fd */
SYSCALL(4, stat, "sp") /* path */
SYSCALL(5, fstat, "dp") /* fd */
SYSCALL(6, lstat, "sp") /* path */
SYSCALL(7, poll, "pdd") /* poll */
SYSCALL(8, lseek, "dld=l") /* io */
SYSCALL(9, mmap, "pzxxdx=p") /* memory */
SYSCALL(10, mprotect, "pzx") /* memory */
SYSCALL(11, munmap, "pz") /* memory */
SYSCALL(12, brk, "p=p") /* memory */
SYSCALL(13, rt_sigaction, "gppz") /* signal */
SYSCALL(14, rt_sigprocmask, "dppz") /* signal */
SYSCALL(15, rt_sigreturn, "") /* signal */
SYSCALL(16, ioctl, "dxp") /* fd */
SYSCALL(17, pread64, "dozl") /* io */
SYSCALL(18, pwrite64, "dizl") /* io */
SYSCALL(19, readv, "dpd") /* io */
SYSCALL(20, writev, "dpd") /* io */
SYSCALL(21, access, "sm") /* path */
SYSCALL(22, pipe, "p") /* fd */
SYSCALL(23, select, "dpppp") /* poll */
SYSCALL(24, sched_yield, "") /* sched */
SYSCALL(25, mremap, "pzzxp=p") /* memory */
SYSCALL(26, msync, "pzx") /* memory */
SYSCALL(27, mincore, "pzp") /* memory */
SYSCALL(28, madvise, "pzd") /* memory */
SYSCALL_NONE(29, shmget)
SYSCALL_NONE(30, shmat)
SYSCALL_NONE(31, shmctl)
SYSCALL(32, dup, "d") /* fd */
SYSCALL(33, dup2, "dd") /* fd */
SYSCALL(34, pause, "") /* signal */
SYSCALL(35, nanosleep, "pp") /* time */
SYSCALL(36, getitimer, "dp") /* time */
SYSCALL(37, alarm, "d") /* time */
SYSCALL(38, setitimer, "dpp") /* time */
SYSCALL(39, getpid, "") /* process */
SYSCALL(40, sendfile, "ddpz") /* io */
SYSCALL(41, socket, "dxd") /* socket */
SYSCALL(42, connect, "dpd") /* socket */
SYSCALL(43, accept, "dpp") /* socket */
SYSCALL(44, sendto, "dizxpd") /* socket */
SYSCALL(45, recvfrom, "dozxpp") /* socket */
SYSCALL(46, sendmsg, "dpx") /* socket */
SYSCALL(47, recvmsg, "dpx") /* socket */
SYSCALL(48, shutdown, "dd") /* socket */
SYSCALL(49, bind, "dpd") /* socket */
SYSCALL(50, listen, "dd") /* socket */
SYSCALL(51, getsockname, "dpp") /* socket */
SYSCALL(52, getpeername, "dpp") /* socket */
SYSCALL(53, socketpair, "dxdp") /* socket */
SYSCALL(54, setsockopt, "dddpd") /* socket */
SYSCALL(55, getsockopt, "dddpp") /* socket */
SYSCALL(56, clone, "xpppp") /* process */
SYSCALL(57, fork, "") /* process */
SYSCALL(58, vfork, "") /* process */
SYSCALL(59, execve, "svp") /* process */
SYSCALL(60, exit, "d") /* process */
SYSCALL(61, wait4, "dpxp") /* process */
SYSCALL(62, kill, "dg") /* signal */
SYSCALL(63, uname, "p") /* system */
SYSCALL_NONE(64, semget)
SYSCALL_NONE(65, semop)
SYSCALL_NONE(66, semctl)
SYSCALL_NONE(67, shmdt)
SYSCALL_NONE(68, msgget)
SYSCALL_NONE(69, msgsnd)
SYSCALL_NONE(70, msgrcv)
SYSCALL_NONE(71, msgctl)
SYSCALL(72, fcntl, "ddp") /* fd */
SYSCALL(73, flock, "dd") /* io */
SYSCALL(74, fsync, "d") /* io */
SYSCALL(75, fdatasync, "d") /* io */
SYSCALL(76, truncate, "sl") /* path */
SYSCALL(77, ftruncate, "dl") /* io */
SYSCALL(78, getdents, "dpz") /* fd */
SYSCALL(79, getcwd, "oz") /* path */
SYSCALL(80, chdir, "s") /* path */
SYSCALL(81, fchdir, "d") /* path */
SYSCALL(82, rename, "ss") /* path */
SYSCALL(83, mkdir, "sm") /* path */
SYSCALL(84, rmdir, "s") /* path */
SYSCALL(85, creat, "sm") /* path */
SYSCALL(86, link, "ss") /* path */
SYSCALL(87, unlink, "s") /* path */
SYSCALL(88, symlink, "ss") /* path */
SYSCALL(89, readlink, "soz") /* path */
SYSCALL(90, chmod, "sm") /* path */
SYSCALL(91, fchmod, "dm") /* path */
SYSCALL(92, chown, "sdd") /* path */
SYSCALL(93, fchown, "ddd") /* path */
SYSCALL(94, lchown, "sdd") /* path */
SYSCALL(95, umask, "m=m") /* path */
SYSCALL(96, gettimeofday, "pp") /* time */
SYSCALL(97, getrlimit, "dp") /* system */
SYSCALL(98, getrusage, "dp") /* system */
SYSCALL(99, sysinfo, "p") /* system */
SYSCALL(100, times, "p") /* time */
SYSCALL_NONE(101, ptrace)
SYSCALL(102, getuid, "") /* cred */
SYSCALL(103, syslog, "dpd") /* system */
SYSCALL(104, getgid, "") /* cred */
SYSCALL(105, setuid, "d") /* cred */
SYSCALL(106, setgid, "d") /* cred */
SYSCALL(107, geteuid, "") /* cred */
SYSCALL(108, getegid, "") /* cred */
SYSCALL(109, setpgid, "dd") /* process */
SYSCALL(110, getppid, "") /* process */
SYSCALL(111, getpgrp, "") /* process */
SYSCALL(112, setsid, "") /* process */
SYSCALL(113, setreuid, "dd") /* cred */
SYSCALL(114, setregid, "dd") /* cred */
SYSCALL(115, getgroups, "dp") /* cred */
SYSCALL(116, setgroups, "dp") /* cred */
SYSCALL(117, setresuid, "ddd") /* cred */
SYSCALL(118, getresuid, "ppp") /* cred */
SYSCALL(119, setresgid, "ddd") /* cred */
SYSCALL(120, getresgid, "ppp") /* cred */
SYSCALL(121, getpgid, "d") /* process */
SYSCALL(122, setfsuid, "d") /* cred */
SYSCALL(123, setfsgid, "d") /* cred */
SYSCALL(124, getsid, "d") /* process */
SYSCALL(125, capget, "pp") /* cred */
SYSCALL(126, capset, "pp") /* cred */
SYSCALL(127, rt_sigpending, "pz") /* signal */
SYSCALL(128, rt_sigtimedwait, "pppz") /* signal */
SYSCALL(129, rt_sigqueueinfo, "dgp") /* signal */
SYSCALL(130, rt_sigsuspend, "pz") /* signal */
SYSCALL(131, sigaltstack, "pp") /* signal */
SYSCALL(132, utime, "sp") /* path */
SYSCALL(133, mknod, "smx") /* path */
SYSCALL_NONE(134, uselib)
SYSCALL(135, personality, "x") /* process */
SYSCALL_NONE(136, ustat)
SYSCALL(137, statfs, "sp") /* path */
SYSCALL(138, fstatfs, "dp") /* fd */
SYSCALL_NONE(139, sysfs)
SYSCALL(140, getpriority, "dd") /* sched */
SYSCALL(141, setpriority, "ddd") /* sched */
SYSCALL(142, sched_setparam, "dp") /* sched */
SYSCALL(143, sched_getparam, "dp") /* sched */
SYSCALL(144, sched_setscheduler, "ddp") /* sched */
SYSCALL(145, sched_getscheduler, "d") /* sched */
SYSCALL(146, sched_get_priority_max, "d") /* sched */
SYSCALL(147, sched_get_priority_min, "d") /* sched */
SYSCALL(148, sched_rr_get_interval, "dp") /* sched */
SYSCALL(149, mlock, "pz") /* memory */
SYSCALL(150, munlock, "pz") /* memory */
SYSCALL(151, mlockall, "x") /* memory */
SYSCALL(152, munlockall, "") /* memory */
SYSCALL_NONE(153, vhangup)
SYSCALL_NONE(154, modify_ldt)
SYSCALL(155, pivot_root, "ss") /* process */
SYSCALL_NONE(156, _sysctl)
SYSCALL(157, prctl, "dpppp") /* process */
SYSCALL(158, arch_prctl, "xp") /* process */
SYSCALL(159, adjtimex, "p") /* time */
SYSCALL(160, setrlimit, "dp") /* system */
SYSCALL(161, chroot, "s") /* path */
SYSCALL(162, sync, "") /* io */
SYSCALL_NONE(163, acct)
SYSCALL(164, settimeofday, "pp") /* time */
SYSCALL(165, mount, "sssxp") /* process */
SYSCALL(166, umount2, "sx") /* process */
SYSCALL_NONE(167, swapon)
SYSCALL_NONE(168, swapoff)
SYSCALL_NONE(169, reboot)
SYSCALL(170, sethostname, "iz") /* system */
SYSCALL(171, setdomainname, "iz") /* system */
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
SYSCALL(186, gettid, "") /* process */
SYSCALL(187, readahead, "dlz") /* io */
SYSCALL(188, setxattr, "ssizx") /* path */
SYSCALL(189, lsetxattr, "ssizx") /* path */
SYSCALL(190, fsetxattr, "dsizx") /* path */
SYSCALL(191, getxattr, "ssoz") /* path */
SYSCALL(192, lgetxattr, "ssoz") /* path */
SYSCALL(193, fgetxattr, "dsoz") /* path */
SYSCALL(194, listxattr, "soz") /* path */
SYSCALL(195, llistxattr, "soz") /* path */
SYSCALL(196, flistxattr, "doz") /* path */
SYSCALL(197, removexattr, "ss") /* path */
SYSCALL(198, lremovexattr, "ss") /* path */
SYSCALL(199, fremovexattr, "ds") /* path */
SYSCALL(200, tkill, "dg") /* signal */
SYSCALL(201, time, "p") /* time */
SYSCALL(202, futex, "pxdppd") /* futex */
SYSCALL(203, sched_setaffinity, "dzp") /* sched */
SYSCALL(204, sched_getaffinity, "dzp") /* sched */
SYSCALL_NONE(205, set_thread_area)
SYSCALL_NONE(206, io_setup)
SYSCALL_NONE(207, io_destroy)
SYSCALL_NONE(208, io_getevents)
SYSCALL_NONE(209, io_submit)
SYSCALL_NONE(210, io_cancel)
SYSCALL_NONE(211, get_thread_area)
SYSCALL_NONE(212, lookup_dcookie)
SYSCALL(213, epoll_create, "d") /* poll */
SYSCALL_NONE(214, epoll_ctl_old)
SYSCALL_NONE(215, epoll_wait_old)
SYSCALL_NONE(216, remap_file_pages)
SYSCALL(217, getdents64, "dpz") /* fd */
SYSCALL(218, set_tid_address, "p") /* process */
SYSCALL(219, restart_syscall, "") /* signal */
SYSCALL_NONE(220, semtimedop)
SYSCALL(221, fadvise64, "dlzd") /* io */
SYSCALL(222, timer_create, "dpp") /* time */
SYSCALL(223, timer_settime, "dxpp") /* time */
SYSCALL(224, timer_gettime, "dp") /* time */
SYSCALL(225, timer_getoverrun, "d") /* time */
SYSCALL(226, timer_delete, "d") /* time */
SYSCALL(227, clock_settime, "dp") /* time */
SYSCALL(228, clock_gettime, "dp") /* time */
SYSCALL(229, clock_getres, "dp") /* time */
SYSCALL(230, clock_nanosleep, "dxpp") /* time */
SYSCALL(231, exit_group, "d") /* process */
SYSCALL(232, epoll_wait, "dpdd") /* poll */
SYSCALL(233, epoll_ctl, "dddp") /* poll */
SYSCALL(234, tgkill, "ddg") /* signal */
SYSCALL(235, utimes, "sp") /* path */
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
SYSCALL(247, waitid, "ddpxp") /* process */
SYSCALL_NONE(248, add_key)
SYSCALL_NONE(249, request_key)
SYSCALL_NONE(250, keyctl)
SYSCALL(251, ioprio_set, "ddx") /* sched */
SYSCALL(252, ioprio_get, "dd") /* sched */
SYSCALL(253, inotify_init, "") /* poll */
SYSCALL(254, inotify_add_watch, "dsx") /* poll */
SYSCALL(255, inotify_rm_watch, "dd") /* poll */
SYSCALL_NONE(256, migrate_pages)
SYSCALL(257, openat, "fsxm") /* path */
SYSCALL(258, mkdirat, "fsm") /* path */
SYSCALL(259, mknodat, "fsmx") /* path */
SYSCALL(260, fchownat, "fsddx") /* path */
SYSCALL(261, futimesat, "fsp") /* path */
SYSCALL(262, newfstatat, "fspx") /* path */
SYSCALL(263, unlinkat, "fsx") /* path */
SYSCALL(264, renameat, "fsfs") /* path */
SYSCALL(265, linkat, "fsfsx") /* path */
SYSCALL(266, symlinkat, "sfs") /* path */
SYSCALL(267, readlinkat, "fsoz") /* path */
SYSCALL(268, fchmodat, "fsm") /* path */
SYSCALL(269, faccessat, "fsm") /* path */
SYSCALL(270, pselect6, "dppppp") /* poll */
SYSCALL(271, ppoll, "pdppz") /* poll */
SYSCALL(272, unshare, "x") /* process */
SYSCALL(273, set_robust_list, "pz") /* futex */
SYSCALL(274, get_robust_list, "dpp") /* futex */
SYSCALL(275, splice, "dpdpzx") /* io */
SYSCALL(276, tee, "ddzx") /* io */
SYSCALL(277, sync_file_range, "dllx") /* io */
SYSCALL(278, vmsplice, "dpdx") /* io */
SYSCALL_NONE(279, move_pages)
SYSCALL(280, utimensat, "fspx") /* path */
SYSCALL(281, epoll_pwait, "dpddpz") /* poll */
SYSCALL(282, signalfd, "dpz") /* poll */
SYSCALL(283, timerfd_create, "dx") /* poll */
SYSCALL(284, eventfd, "d") /* poll */
SYSCALL(285, fallocate, "dxll") /* io */
SYSCALL(286, timerfd_settime, "dxpp") /* poll */
SYSCALL(287, timerfd_gettime, "dp") /* poll */
SYSCALL(288, accept4, "dppx") /* socket */
SYSCALL(289, signalfd4, "dpzx") /* poll */
SYSCALL(290, eventfd2, "dx") /* poll */
SYSCALL(291, epoll_create1, "x") /* poll */
SYSCALL(292, dup3, "ddx") /* fd */
SYSCALL(293, pipe2, "px") /* fd */
SYSCALL(294, inotify_init1, "x") /* poll */
SYSCALL(295, preadv, "dpdl") /* io */
SYSCALL(296, pwritev, "dpdl") /* io */
SYSCALL(297, rt_tgsigqueueinfo, "ddgp") /* signal */
SYSCALL_NONE(298, perf_event_open)
SYSCALL(299, recvmmsg, "dpdxp") /* socket */
SYSCALL_NONE(300, fanotify_init)
SYSCALL_NONE(301, fanotify_mark)
SYSCALL(302, prlimit64, "ddpp") /* system */
SYSCALL(303, name_to_handle_at, "fsppx") /* path */
SYSCALL(304, open_by_handle_at, "dpx") /* path */
SYSCALL(305, clock_adjtime, "dp") /* time */
SYSCALL(306, syncfs, "d") /* io */
SYSCALL(307, sendmmsg, "dpdx") /* socket */
SYSCALL(308, setns, "dx") /* process */
SYSCALL(309, getcpu, "ppp") /* sched */
SYSCALL_NONE(310, process_vm_readv)
SYSCALL_NONE(311, process_vm_writev)
SYSCALL(312, kcmp, "dddpp") /* process */
SYSCALL_NONE(313, finit_module)
SYSCALL(314, sched_setattr, "dpx") /* sched */
SYSCALL(315, sched_getattr, "dpdx") /* sched */
SYSCALL(316, renameat2, "fsfsx") /* path */
SYSCALL(317, seccomp, "dxp") /* seccomp */
SYSCALL(318, getrandom, "pzx") /* system */
SYSCALL(319, memfd_create, "sx") /* fd */
SYSCALL_NONE(320, kexec_file_load)
SYSCALL_NONE(321, bpf)
SYSCALL(322, execveat, "fsvpx") /* process */
SYSCALL_NONE(323, userfaultfd)
SYSCALL(324, membarrier, "dxd") /* sched */
SYSCALL(325, mlock2, "pzx") /* memory */
SYSCALL(326, copy_file_range, "dpdpzx") /* io */
SYSCALL(327, preadv2, "dpdllx") /* io */
SYSCALL(328, pwritev2, "dpdllx") /* io */
SYSCALL_NONE(329, pkey_mprotect)
SYSCALL_NONE(330, pkey_alloc)
SYSCALL_NONE(331, pkey_free)
SYSCALL(332, statx, "fsxxp") /* path */
SYSCALL_NONE(333, io_pgetevents)
SYSCALL_NONE(334, rseq)
SYSCALL(424, pidfd_send_signal, "dgpx") /* process */
SYSCALL_NONE(425, io_uring_setup)
SYSCALL_NONE(426, io_uring_enter)
SYSCALL_NONE(427, io_uring_register)
SYSCALL_NONE(428, open_tree)
SYSCALL_NONE(429, move_mount)
SYSCALL_NONE(430, fsopen)
SYSCALL_NONE(431, fsconfig)
SYSCALL_NONE(432, fsmount)
SYSCALL_NONE(433, fspick)
SYSCALL(434, pidfd_open, "dx") /* process */
SYSCALL(435, clone3, "pz") /* process */
SYSCALL(436, close_range, "ddx") /* fd */
SYSCALL(437, openat2, "fspz") /* path */
SYSCALL(438, pidfd_getfd, "ddx") /* process */
SYSCALL(439, faccessat2, "fsmx") /* path */
SYSCALL_NONE(440, process_madvise)
SYSCALL(441, epoll_pwait2, "dpdppz") /* poll */
SYSCALL_NONE(442, mount_setattr)
SYSCALL_NONE(443, quotactl_fd)
SYSCALL_NONE(444, landlock_create_ruleset)
SYSCALL_NONE(445, landlock_add_rule)
SYSCALL_NONE(446, landlock_restrict_self)
SYSCALL_NONE(447, memfd_secret)
SYSCALL_NONE(448, process_mrelease)
SYSCALL_NONE(449, futex_waitv)
SYSCALL_NONE(450, set_mempolicy_home_node)
SYSCALL(452, fchmodat2, "fsmx") /* path */

#undef SYSCALL
#undef SYSCALL_NONE
