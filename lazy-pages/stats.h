/* SPDX-License-Identifier: GPL-2.0-only */
/* What a lazy-pages server did: counted as it goes, logged at its end. */
#ifndef LAZY_PAGES_STATS_H
#define LAZY_PAGES_STATS_H

#include <stdint.h>

struct lazy_stats {
	uint64_t faults;		/* answered */
	uint64_t demand_pages;		/* copied for a fault */
	uint64_t background_pages;	/* copied ahead of any */
	uint64_t zero_pages;
	uint64_t forks, remaps, removes, unmaps;	/* events */
	uint64_t retries;		/* fills put off by an outstanding event */
	uint64_t start_ns;		/* CLOCK_MONOTONIC, when restore came */
};

void stats_start(struct lazy_stats *stats);
void stats_log(const struct lazy_stats *stats);

#endif
