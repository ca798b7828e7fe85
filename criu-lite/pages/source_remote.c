// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page source of image files and of a dump that still has the rest.
 *
 *	page map	|PPPP|LLLLLLLL|....|LLL|P|	P: in a pages file here
 *							L: left with the dump
 *							.: not stored, a hole
 *
 * The page map says what is where, so that only the bytes have to be waited for:
 * the dump is never asked for anything else. It serves tasks only; segments are
 * always in files.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "pages/fetch.h"
#include "pages/pagemap.h"
#include "pages/source-file.h"
#include "pages/source.h"
#include "util/log.h"
#include "util/macro.h"

struct remote_source {
	struct page_source base;
	struct page_source *files;
	const struct page_map *map;	/* that of the files */
	struct page_fetch *fetch;
};

static struct remote_source *remote_source(struct page_source *src)
{
	return container_of(src, struct remote_source, base);
}

/* How many bytes from @addr on were left with the dump, at most @len. */
static uint64_t left_there(const struct remote_source *rs, uint64_t addr, uint64_t len)
{
	const struct page_extent *e = page_map_find(rs->map, addr);

	if (!e || e->start > addr || page_extent_has_data(e))
		return 0;
	return MIN(len, page_extent_end(e) - addr);
}

static int remote_find(struct page_source *src, uint64_t addr, uint64_t len,
		       struct source_run *run)
{
	return source_find(remote_source(src)->files, addr, len, run);
}

static int remote_lookup(struct page_source *src, uint64_t addr, uint64_t len,
			 struct source_run *run)
{
	struct remote_source *rs = remote_source(src);
	uint64_t there = left_there(rs, addr, len);

	if (!there)
		return source_lookup(rs->files, addr, len, run);
	run->kind = SOURCE_DATA;
	return page_fetch_get(rs->fetch, src->key, addr, there, &run->data, &run->len);
}

static int remote_hurry(struct page_source *src, uint64_t addr)
{
	return page_fetch_hurry(remote_source(src)->fetch, src->key, addr);
}

static int remote_will_need(struct page_source *src, uint64_t addr, uint64_t len, uint64_t *near)
{
	struct remote_source *rs = remote_source(src);
	uint64_t there = left_there(rs, addr, len);
	struct source_run run;
	int err;

	if (there)
		return page_fetch_ahead(rs->fetch, src->key, addr, there, near);
	err = source_find(rs->files, addr, len, &run);
	return err ? err : source_will_need(rs->files, addr, run.len, near);
}

static void remote_free(struct page_source *src)
{
	struct remote_source *rs = remote_source(src);

	source_free(rs->files);
	free(rs);
}

static const struct page_source_ops remote_source_ops = {
	.name = "remote",
	.find = remote_find,
	.lookup = remote_lookup,
	.hurry = remote_hurry,
	.will_need = remote_will_need,
	.free = remote_free,
};

void source_remote_ask(struct page_source *src, struct page_fetch *fetch)
{
	remote_source(src)->fetch = fetch;
}

int source_remote_open(struct image_dir *dir, uint64_t pid, struct page_fetch *fetch,
		       struct page_source **src)
{
	struct remote_source *rs = calloc(1, sizeof(*rs));
	int err;

	if (!rs)
		return log_errno(-ENOMEM, "page source of %" PRIu64, pid);
	rs->base = (struct page_source){ .ops = &remote_source_ops, .type = IMAGE_PAGEMAP,
					 .key = pid };
	rs->fetch = fetch;
	err = source_file_open_map(dir, IMAGE_PAGEMAP, pid, &rs->files, &rs->map);
	if (err) {
		free(rs);
		return err;
	}
	*src = &rs->base;
	return 0;
}
