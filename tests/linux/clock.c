/* SPDX-License-Identifier: MIT */
/*
 * clock SECONDS: for a guest. Reads CLOCK_MONOTONIC and CLOCK_REALTIME without a pause, and fails
 * when one is behind what it has been. Each second, and at the beginning and the end, it prints
 * "clock: MONOTONIC REALTIME" in ns, at the moment that these were read.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define NSEC 1000000000u

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 10;
	uint64_t start = read_clock(CLOCK_MONOTONIC), real = 0, now = start, next = 0;

	setbuf(stdout, NULL);
	while (now - start <= seconds * NSEC) {
		uint64_t m = read_clock(CLOCK_MONOTONIC), r = read_clock(CLOCK_REALTIME);

		if (m < now || r < real) {
			printf("clock: backwards: %" PRIu64 " %" PRIu64 " after %" PRIu64
			       " %" PRIu64 "\n",
			       m, r, now, real);
			return 1;
		}
		now = m;
		real = r;
		if (now - start < next)
			continue;
		printf("clock: %" PRIu64 " %" PRIu64 "\n", now, real);
		next += NSEC;
	}
	printf("clock: done\n");
	return 0;
}
