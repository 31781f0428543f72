/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a runtime does in a new network namespace; the rest is the engine's (CNI, netavark). */
#ifndef HUSK_RUNTIME_NETWORK_H
#define HUSK_RUNTIME_NETWORK_H

#include "base/error.h"

/* Brings the loopback device of the calling process' network namespace up, as runc does. */
int network_raise_loopback(struct error *err);

#endif
