// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a dump or restore cost. The files are CRIU's service images, so that
 * whoever reads its figures reads ours; times are microseconds.
 */
#include "engine/stats.h"

#include <errno.h>

#include "core/dump.h"
#include "core/options.h"
#include "core/restore.h"
#include "image/dir.h"
#include "image/writer.h"
#include "inject/abi/restorer.h"
#include "util/clock.h"
#include "util/log.h"

void stats_begin(struct stats_clock *clock)
{
	*clock = (struct stats_clock){};
	stats_mark(clock, STATS_START);
}

void stats_mark(struct stats_clock *clock, enum stats_mark mark)
{
	clock->us[mark] = clock_ns() / 1000;
}

static uint32_t between(const struct stats_clock *clock, enum stats_mark from,
			enum stats_mark to)
{
	return clock->us[to] > clock->us[from] ? clock->us[to] - clock->us[from] : 0;
}

static int write_stats(const struct options *opts, enum image_type type, StatsEntry *entry)
{
	const char *path = opts->work_dir ? opts->work_dir : opts->images_dir;
	struct image_dir *dir;
	int r = image_dir_open(path, &dir);

	if (r < 0)
		return r;
	r = image_write_single(dir, type, 0, &entry->base);
	image_dir_free(dir);
	return r;
}

int stats_write_dump(struct dump *d)
{
	StatsEntry entry = STATS_ENTRY__INIT;
	DumpStatsEntry *e = d->stats;

	e->freezing_time = between(d->clock, STATS_START, STATS_FROZEN);
	e->frozen_time = between(d->clock, STATS_FROZEN, STATS_THAWED);
	e->memdump_time = between(d->clock, STATS_MEMORY, STATS_MEMORY_DONE);
	/* Pages go from the victim straight into the image: one time is both. */
	e->memwrite_time = e->memdump_time;
	entry.dump = e;
	log_info("froze the tree in %u us, held it for %u us, %u us of them for %lu pages",
		 e->freezing_time, e->frozen_time, e->memdump_time,
		 (unsigned long)e->pages_written);
	return write_stats(d->opts, IMAGE_STATS_DUMP, &entry);
}

int stats_write_restore(struct restore *r)
{
	StatsEntry entry = STATS_ENTRY__INIT;
	RestoreStatsEntry e = RESTORE_STATS_ENTRY__INIT;

	stats_mark(r->clock, STATS_RESTORED);
	e.forking_time = between(r->clock, STATS_START, STATS_FORKING);
	e.restore_time = between(r->clock, STATS_START, STATS_RESTORED);
	e.has_pages_restored = true;
	e.pages_compared = r->sync->pages_compared;
	e.pages_skipped_cow = r->sync->pages_shared;
	e.pages_restored = r->pages_restored - r->sync->pages_shared;
	entry.restore = &e;
	log_info("restored in %u us, %u us of them until all tasks existed", e.restore_time,
		 e.forking_time);
	return write_stats(r->opts, IMAGE_STATS_RESTORE, &entry);
}
