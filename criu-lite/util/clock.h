/* SPDX-License-Identifier: GPL-2.0-only */
/* The clock that durations are measured with. */
#ifndef CRIU_LITE_UTIL_CLOCK_H
#define CRIU_LITE_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC, in nanoseconds. */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

#endif
