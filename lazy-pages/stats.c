// SPDX-License-Identifier: GPL-2.0-only
/* What a lazy-pages server did. */
#include "lazy-pages/stats.h"

#include <inttypes.h>
#include <time.h>

#include "util/log.h"

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void stats_start(struct lazy_stats *stats)
{
	stats->start_ns = now_ns();
}

void stats_log(const struct lazy_stats *stats)
{
	uint64_t ms = stats->start_ns ? (now_ns() - stats->start_ns) / 1000000 : 0;

	log_info("lazy-pages: %" PRIu64 " faults, %" PRIu64 " pages on demand, %" PRIu64
		 " in the background, %" PRIu64 " zero, in %" PRIu64 " ms",
		 stats->faults, stats->demand_pages, stats->background_pages,
		 stats->zero_pages, ms);
	log_info("lazy-pages: events: %" PRIu64 " fork, %" PRIu64 " remap, %" PRIu64
		 " remove, %" PRIu64 " unmap; %" PRIu64 " fills put off",
		 stats->forks, stats->remaps, stats->removes, stats->unmaps, stats->retries);
}
