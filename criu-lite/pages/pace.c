// SPDX-License-Identifier: GPL-2.0-only
/* How much has to be on its way to keep a road full. */
#include "pages/pace.h"

#include "util/macro.h"

#define NS_PER_S 1000000000ULL
/* A rate is that of so long at least, and of so many answers one after the other. */
#define INTERVAL_NS 10000000ULL
#define INTERVAL_ANSWERS 4

void pace_arrived(struct pace *pace, uint64_t now_ns, uint64_t took_ns, uint64_t bytes)
{
	uint64_t passed;

	if (!pace->least_ns || took_ns < pace->least_ns)
		pace->least_ns = MAX(took_ns, 1UL);
	if (!pace->since_ns)
		pace->since_ns = now_ns - took_ns;
	pace->bytes += bytes;
	passed = now_ns - pace->since_ns;
	if (passed < MAX(INTERVAL_NS, INTERVAL_ANSWERS * pace->least_ns))
		return;
	/* A road that has become slower is found out bit by bit: a pause is no sign of it. */
	pace->rate = MAX(pace->bytes * NS_PER_S / passed, pace->rate - pace->rate / 16);
	pace->since_ns = now_ns;
	pace->bytes = 0;
}

uint64_t pace_full(const struct pace *pace)
{
	return (unsigned __int128)pace->rate * pace->least_ns / NS_PER_S;
}
