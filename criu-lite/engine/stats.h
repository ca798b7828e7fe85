/* SPDX-License-Identifier: GPL-2.0-only */
/* What a dump or restore cost: stats-dump and stats-restore in the work directory. */
#ifndef CRIU_LITE_ENGINE_STATS_H
#define CRIU_LITE_ENGINE_STATS_H

#include <stdint.h>

struct dump;
struct restore;

/* Turning points; a time is the distance between two of them. */
enum stats_mark {
	STATS_START,
	STATS_FROZEN,		/* dump: the whole tree stands still */
	STATS_MEMORY,		/* dump: begin of the memory stage */
	STATS_MEMORY_DONE,
	STATS_THAWED,		/* dump: the tree runs, or is gone */
	STATS_FORKING,		/* restore: all tasks exist */
	STATS_RESTORED,
	STATS_MARK_COUNT,
};

struct stats_clock {
	uint64_t us[STATS_MARK_COUNT];	/* CLOCK_MONOTONIC */
};

void stats_begin(struct stats_clock *clock);
void stats_mark(struct stats_clock *clock, enum stats_mark mark);

/* Both return 0 or -errno, logged. */
int stats_write_dump(struct dump *d);
int stats_write_restore(struct restore *r);

#endif
