/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a program that husk ran for somebody came to its end, as a sentence for that somebody. */
#ifndef HUSK_BASE_ENDING_H
#define HUSK_BASE_ENDING_H

#include "base/error.h"

/*
 * Fills err with "WHAT failed with exit status 3: …", "WHAT died of signal 9" or, with timeout > 0
 * (seconds), "WHAT took longer than …", and behind it the last kilobyte that the program wrote to
 * the file `output` (-1: none). Returns -EIO.
 */
int error_ending(struct error *err, const char *what, int wait_status, long long timeout, int output);

#endif
