# SPDX-License-Identifier: GPL-2.0-or-later
VFS_TESTS = tests/vfs/test_fdtable tests/vfs/test_path tests/vfs/test_epoll tests/vfs/test_lock
check_PROGRAMS += $(VFS_TESTS)
TESTS += $(VFS_TESTS)
tests_vfs_test_fdtable_SOURCES = tests/vfs/test_fdtable.c tests/base/check.h
tests_vfs_test_fdtable_LDADD = libvfs.a libbase.a
tests_vfs_test_path_SOURCES = tests/vfs/test_path.c tests/base/check.h
tests_vfs_test_path_LDADD = libvfs.a libbase.a
tests_vfs_test_epoll_SOURCES = tests/vfs/test_epoll.c tests/base/check.h
tests_vfs_test_epoll_LDADD = libvfs.a libbase.a
tests_vfs_test_lock_SOURCES = tests/vfs/test_lock.c tests/base/check.h
tests_vfs_test_lock_LDADD = libvfs.a libbase.a
