// SPDX-License-Identifier: GPL-2.0-only
/* What a lazy-pages server did. */
#include "lazy-pages/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

#define INTERVAL_MIN_NS 1000000ULL

void stats_start(struct lazy_stats *stats)
{
	stats->start_ns = clock_ns();
	stats->interval_ns = INTERVAL_MIN_NS;
}

static size_t bucket_of(uint64_t ns)
{
	size_t i = 0;

	while (i < STATS_BUCKETS - 1 && ns >= STATS_BUCKET_MIN_NS << i)
		i++;
	return i;
}

void stats_answered(struct lazy_stats *stats, uint64_t read_ns)
{
	uint64_t ns = clock_ns() - read_ns;

	stats->faults++;
	stats->waits[bucket_of(ns)]++;
	stats->max_wait_ns = MAX(stats->max_wait_ns, ns);
}

static void add_sample(struct lazy_stats *stats, uint64_t ns)
{
	stats->samples[stats->n_samples++] = (struct stats_sample){
		.ns = ns, .faults = stats->faults, .pages = stats_pages(stats),
	};
}

void stats_sample(struct lazy_stats *stats)
{
	uint64_t ns = clock_ns() - stats->start_ns;

	if (!stats->start_ns ||
	    (stats->n_samples && ns < stats->samples[stats->n_samples - 1].ns + stats->interval_ns))
		return;
	/* However long it takes: every second one goes, and they come half as often. */
	if (stats->n_samples == STATS_SAMPLES) {
		for (size_t i = 0; i < STATS_SAMPLES / 2; i++)
			stats->samples[i] = stats->samples[2 * i];
		stats->n_samples = STATS_SAMPLES / 2;
		stats->interval_ns *= 2;
	}
	add_sample(stats, ns);
}

void stats_log(const struct lazy_stats *stats)
{
	uint64_t ms = stats->start_ns ? (clock_ns() - stats->start_ns) / 1000000 : 0;

	log_info("lazy-pages: %" PRIu64 " faults, %" PRIu64 " pages on demand, %" PRIu64
		 " in the background, %" PRIu64 " zero, in %" PRIu64 " ms",
		 stats->faults, stats->demand_pages, stats->background_pages,
		 stats->zero_pages, ms);
	log_info("lazy-pages: events: %" PRIu64 " fork, %" PRIu64 " remap, %" PRIu64
		 " remove, %" PRIu64 " unmap (%" PRIu64 " late, %" PRIu64 " without a known place); "
		 "%" PRIu64 " fills put off",
		 stats->forks, stats->remaps, stats->removes, stats->unmaps, stats->late,
		 stats->unplaced, stats->retries);
}

void stats_add_number(struct json_object *to, const char *name, uint64_t value)
{
	json_object_object_add(to, name, json_object_new_uint64(value));
}

uint64_t stats_wait(const struct lazy_stats *stats, unsigned int permille)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < STATS_BUCKETS; i++) {
		seen += stats->waits[i];
		if (seen * 1000 >= stats->faults * permille)
			return MIN(STATS_BUCKET_MIN_NS << i, stats->max_wait_ns);
	}
	return stats->max_wait_ns;
}

static struct json_object *waits(const struct lazy_stats *stats)
{
	struct json_object *o = json_object_new_object(), *rows = json_object_new_array();

	stats_add_number(o, "p50_below", stats_wait(stats, 500));
	stats_add_number(o, "p99_below", stats_wait(stats, 990));
	stats_add_number(o, "max", stats->max_wait_ns);
	for (size_t i = 0; i < STATS_BUCKETS; i++) {
		struct json_object *row;

		if (!stats->waits[i])
			continue;
		row = json_object_new_object();
		stats_add_number(row, "from", i ? STATS_BUCKET_MIN_NS << (i - 1) : 0);
		stats_add_number(row, "faults", stats->waits[i]);
		json_object_array_add(rows, row);
	}
	json_object_object_add(o, "histogram", rows);
	return o;
}

static struct json_object *timeline(const struct lazy_stats *stats)
{
	struct json_object *rows = json_object_new_array();

	for (size_t i = 0; i < stats->n_samples; i++) {
		struct json_object *row = json_object_new_object();

		stats_add_number(row, "ns", stats->samples[i].ns);
		stats_add_number(row, "faults", stats->samples[i].faults);
		stats_add_number(row, "pages", stats->samples[i].pages);
		json_object_array_add(rows, row);
	}
	return rows;
}

static struct json_object *to_json(const struct lazy_stats *stats)
{
	struct json_object *all = json_object_new_object(), *o = json_object_new_object();

	stats_add_number(all, "duration_ns", stats->start_ns ? clock_ns() - stats->start_ns : 0);
	stats_add_number(all, "faults", stats->faults);
	stats_add_number(o, "on_demand", stats->demand_pages);
	stats_add_number(o, "background", stats->background_pages);
	stats_add_number(o, "zero", stats->zero_pages);
	json_object_object_add(all, "pages", o);
	o = json_object_new_object();
	stats_add_number(o, "fork", stats->forks);
	stats_add_number(o, "remap", stats->remaps);
	stats_add_number(o, "remove", stats->removes);
	stats_add_number(o, "unmap", stats->unmaps);
	stats_add_number(o, "late", stats->late);
	stats_add_number(o, "unplaced", stats->unplaced);
	json_object_object_add(all, "events", o);
	stats_add_number(all, "put_off", stats->retries);
	json_object_object_add(all, "fault_wait_ns", waits(stats));
	json_object_object_add(all, "timeline", timeline(stats));
	return all;
}

int stats_write(const struct lazy_stats *stats, int dir_fd, const char *name)
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
					0644);
	struct json_object *all;
	int err = 0;

	if (fd < 0)
		return log_errno(-errno, "statistics %s: cannot create", name);
	all = to_json(stats);
	if (json_object_to_fd(fd, all, JSON_C_TO_STRING_PRETTY) < 0 || write(fd, "\n", 1) != 1) {
		err = log_errno(-EIO, "statistics %s: cannot write: %s", name,
				json_util_get_last_err());
		unlinkat(dir_fd, name, 0);
	}
	json_object_put(all);
	return err;
}
