// SPDX-License-Identifier: GPL-2.0-only
/* How much to zero when a task touches memory that holds nothing. */
#include "lazy-pages/hole.h"

#include <stddef.h>

#include "util/array.h"
#include "util/macro.h"

static struct hole_run *find_stream(struct hole_streams *streams, uint64_t addr)
{
	for (size_t i = 0; i < ARRAY_SIZE(streams->last); i++) {
		struct hole_run *last = &streams->last[i];

		if (addr == last->end || addr + PAGE_SIZE == last->start)
			return last;
	}
	return NULL;
}

static struct hole_run *new_stream(struct hole_streams *streams)
{
	struct hole_run *stream = &streams->last[streams->next];

	streams->next = (streams->next + 1) % HOLE_STREAMS;
	return stream;
}

struct hole_run hole_touched(struct hole_streams *streams, uint64_t addr, uint64_t start,
			     uint64_t end)
{
	struct hole_run *stream = find_stream(streams, addr);
	struct hole_run run = { addr, ALIGN_DOWN(addr, streams->first) + streams->first };

	if (stream) {
		uint64_t len = MIN(MAX(2 * (stream->end - stream->start), streams->first),
				   streams->max);

		if (addr == stream->end)
			run.end = addr + len;
		else
			run = (struct hole_run){
				addr - MIN(len - PAGE_SIZE, addr), addr + PAGE_SIZE,
			};
	} else {
		stream = new_stream(streams);
	}
	run.start = MAX(run.start, start);
	run.end = MIN(run.end, end);
	*stream = run;
	return run;
}
