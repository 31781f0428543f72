# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	src/net/net.h src/net/internal.h \
	src/net/ioctl.c src/net/message.c src/net/peer.c src/net/scm.c src/net/socket.c \
	src/net/sockopt.c
