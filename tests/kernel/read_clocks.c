/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For test_quiet: read_clocks N reads every clock of the vDSO N times. */
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

int main(int argc, char **argv)
{
	static const clockid_t ids[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};
	int n = argc > 1 ? atoi(argv[1]) : 0;
	struct timespec ts;
	struct timeval tv;

	for (int i = 0; i < n; i++) {
		for (unsigned k = 0; k < sizeof(ids) / sizeof(*ids); k++)
			if (clock_gettime(ids[k], &ts) != 0)
				return 1;
		if (gettimeofday(&tv, NULL) != 0 || time(NULL) < tv.tv_sec - 1)
			return 1;
	}
	return 0;
}
