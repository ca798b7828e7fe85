// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one door to page sources.
 *
 * A source may be a file, a network peer, a decompressor: whatever it answers,
 * no run leaves here that is longer than what was asked for, empty, unaligned
 * or without its bytes. A wrong answer is a wrong page.
 */
#include "pages/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "util/log.h"
#include "util/macro.h"

/* No address space and no segment has more addresses. */
#define SOURCE_END (1ULL << 47)

static const char *source_of(const struct page_source *src)
{
	return src->type == IMAGE_SHMEM_PAGEMAP ? "segment" : "task";
}

static bool run_valid(const struct source_run *run, uint64_t asked)
{
	if (!run->len || run->len > asked || run->len % PAGE_SIZE)
		return false;
	return run->kind == SOURCE_HOLE || run->kind == SOURCE_DATA;
}

typedef int (*source_query)(struct page_source *src, uint64_t addr, uint64_t len,
			    struct source_run *run);

static int query(struct page_source *src, source_query ask, bool bytes, uint64_t addr,
		 uint64_t len, struct source_run *run)
{
	int err;

	if (!len || addr % PAGE_SIZE || len % PAGE_SIZE || addr + len < addr) {
		log_error("%s source of %s %" PRIu64 ": bad range %#" PRIx64 "+%#" PRIx64,
			  src->ops->name, source_of(src), src->key, addr, len);
		return -EINVAL;
	}
	*run = (struct source_run){ 0 };
	err = ask(src, addr, len, run);
	if (err)
		return err;
	if (run_valid(run, len) && (!bytes || run->kind == SOURCE_HOLE || run->data))
		return 0;
	log_error("%s source of %s %" PRIu64 ": wrong answer for %#" PRIx64 "+%#" PRIx64,
		  src->ops->name, source_of(src), src->key, addr, len);
	return -EPROTO;
}

int source_lookup(struct page_source *src, uint64_t addr, uint64_t len, struct source_run *run)
{
	return query(src, src->ops->lookup, true, addr, len, run);
}

int source_find(struct page_source *src, uint64_t addr, uint64_t len, struct source_run *run)
{
	return query(src, src->ops->find, false, addr, len, run);
}

int source_hurry(struct page_source *src, uint64_t addr)
{
	return src->ops->hurry ? src->ops->hurry(src, addr) : 0;
}

int source_will_need(struct page_source *src, uint64_t addr, uint64_t len, uint64_t *near)
{
	*near = 0;
	return len ? src->ops->will_need(src, addr, len, near) : 0;
}

int source_compare(struct page_source *a, struct page_source *b, uint64_t *at)
{
	for (*at = 0; *at < SOURCE_END;) {
		struct source_run one, other;
		int err = source_find(a, *at, SOURCE_END - *at, &one);

		if (!err)
			err = source_find(b, *at, SOURCE_END - *at, &other);
		if (err)
			return err;
		if (one.kind != other.kind)
			return -ESTALE;
		*at += MIN(one.len, other.len);
	}
	return 0;
}

void source_free(struct page_source *src)
{
	if (src)
		src->ops->free(src);
}
