/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate that frames pass on their way to programs. The host takes the whole sandbox when its
 * memory limit is reached, so frames must run out before that: who knows the limit
 * (sandbox/memory_watch.c) fills this table. Without it frames run out only with the memory file.
 */
#ifndef HUSK_MM_GATE_H
#define HUSK_MM_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/platform.h"

/*
 * Bytes of frames that may be given out before admit() is asked: as much as certainly fits below the
 * limit, even if every frame ever given out were used. INT64_MAX: no limit.
 */
extern _Atomic int64_t memory_slack;

enum frames_use {
	FRAMES_LAZY,   /* the host's page comes when the program touches it, if it ever does */
	FRAMES_FILLED, /* the caller writes to all of them now */
};

struct memory_gate {
	/*
	 * Nothing is certain any more: may `bytes` be used now? They then count as used: who gives out
	 * lazy frames touches them at once. Sets memory_slack anew. Called with locks of mm held: must
	 * not wait, nor take a lock of the kernel's.
	 */
	bool (*admit)(uint64_t bytes);
	/*
	 * Called without locks, after a no: makes room by killing somebody, and waits for that. False:
	 * the caller is to die itself, or there is nobody left to kill.
	 */
	bool (*wait)(void);
};

void memory_gate_set(const struct memory_gate *g);

/*
 * memory_alloc() behind the gate. -ENOMEM also where a smaller request could still be met; a single
 * lazy page is then touched before it is given out.
 */
int frames_alloc(struct memory *m, unsigned count, enum memory_kind kind, enum frames_use use,
		 frame_t *first);
/* memory_alloc_filled() behind the gate. */
int frames_alloc_filled(struct memory *m, unsigned count, enum memory_kind kind, const void *src,
			size_t len, frame_t *first);

/* After a fault's -ENOMEM, without locks. True: try again. */
bool memory_gate_wait(void);

#endif
