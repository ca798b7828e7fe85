/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a lazy-pages server did: counted as it goes, logged at its end, and
 * written as JSON for those who want to know more.
 */
#ifndef LAZY_PAGES_STATS_H
#define LAZY_PAGES_STATS_H

#include <stddef.h>
#include <stdint.h>

/* Of the time that a fault waits in the server: each holds twice as much as the one before. */
#define STATS_BUCKETS 32
#define STATS_BUCKET_MIN_NS 1024ULL
#define STATS_SAMPLES 256

struct json_object;

struct stats_sample {
	uint64_t ns;			/* since the restore came */
	uint64_t faults, pages;		/* until then */
};

struct lazy_stats {
	uint64_t faults;		/* answered */
	uint64_t demand_pages;		/* copied for a fault */
	uint64_t background_pages;	/* copied ahead of any */
	uint64_t zero_pages;
	uint64_t forks, remaps, removes, unmaps;	/* events */
	uint64_t late;			/* of them, read after one that is about a later change */
	uint64_t unplaced;		/* of them, whose change was not found (place.h) */
	uint64_t retries;		/* fills put off by an outstanding event */
	uint64_t start_ns;		/* CLOCK_MONOTONIC, when restore came */
	/* Faults by the time from reading them to their answer; the last bucket takes all above. */
	uint64_t waits[STATS_BUCKETS];
	uint64_t max_wait_ns;
	struct stats_sample samples[STATS_SAMPLES];
	size_t n_samples;
	uint64_t interval_ns;		/* between two samples */
};

void stats_start(struct lazy_stats *stats);
/* A fault that was read at @read_ns (clock_ns()) has been answered. */
void stats_answered(struct lazy_stats *stats, uint64_t read_ns);
/* What was brought. */
static inline uint64_t stats_pages(const struct lazy_stats *stats)
{
	return stats->demand_pages + stats->background_pages;
}

/* How long, in ns, so many faults of a thousand waited at most: rounded up to a power of two. */
uint64_t stats_wait(const struct lazy_stats *stats, unsigned int permille);
/* Notes how far it is, if the last note is old enough: to be called often. */
void stats_sample(struct lazy_stats *stats);
void stats_log(const struct lazy_stats *stats);

/* A member of a JSON object. */
void stats_add_number(struct json_object *to, const char *name, uint64_t value);
/*
 * Writes all of it as one JSON object to @name below the directory @dir_fd. 0 or -errno,
 * logged; then there is no such file.
 */
int stats_write(const struct lazy_stats *stats, int dir_fd, const char *name);

#endif
