// SPDX-License-Identifier: GPL-2.0-only
/* A shared anonymous segment: the set of offsets whose content is to come. */
#include "lazy-pages/segment.h"

void segment_init(struct segment *seg, uint64_t shmid, unsigned int huge)
{
	*seg = (struct segment){ .shmid = shmid, .huge = huge };
	range_map_init(&seg->map);
}

void segment_fini(struct segment *seg)
{
	range_map_fini(&seg->map);
}

int segment_add(struct segment *seg, uint64_t start, uint64_t end)
{
	struct range add = {
		.start = start, .end = end, .source = start, .kind = RANGE_PENDING,
		.huge = seg->huge,
	};

	return range_insert(&seg->map, &add);
}

int segment_filled(struct segment *seg, uint64_t start, uint64_t end)
{
	return range_carve(&seg->map, start, end, NULL);
}
