// SPDX-License-Identifier: GPL-2.0-only
/*
 * Content of huge pages.
 *
 * The kernel takes a huge page in one piece, and has no zero page of that size.
 * Where the source has one without a gap it is copied from there; else it is put
 * together here, piece by piece, each checked by the source as any other.
 *
 * Huge pages are always in image files (engine/memory-pages.c): nothing here waits.
 */
#include "lazy-pages/huge.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "pages/source.h"
#include "util/log.h"
#include "util/macro.h"

/* Those of x86; ascending. */
static const uint64_t size_table[] = { 2ULL << 20, 1ULL << 30 };

/* What was put together stays for the next one, up to this much of it. */
#define PARTS_KEPT (2ULL << 20)

uint64_t huge_larger(uint64_t page)
{
	for (size_t i = 0; i < ARRAY_SIZE(size_table); i++)
		if (size_table[i] > page)
			return size_table[i];
	return 0;
}

int huge_find(struct page_source *src, uint64_t at, uint64_t len, uint64_t page,
	      struct source_run *run)
{
	int err = source_find(src, at, len, run);

	if (err || !(run->len % page))
		return err;
	if (run->kind == SOURCE_HOLE && run->len > page) {
		run->len = ALIGN_DOWN(run->len, page);
		return 0;
	}
	/* A hole that ends inside the first page is part of its data. */
	run->kind = SOURCE_DATA;
	run->len = ALIGN_UP(run->len, page);
	return 0;
}

/* Makes *bytes as long as a page is. */
static int reserve(void **bytes, uint64_t *len, uint64_t page, int prot)
{
	void *map;

	if (*len >= page)
		return 0;
	map = mmap(NULL, page, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return log_errno(-errno, "lazy-pages: no room for a page of %" PRIu64 " KiB",
				 page >> 10);
	if (*bytes)
		munmap(*bytes, *len);
	*bytes = map;
	*len = page;
	return 0;
}

const void *huge_zeros(struct huge_bytes *huge, uint64_t page)
{
	return reserve(&huge->zeros, &huge->zeros_len, page, PROT_READ) ? NULL : huge->zeros;
}

static int put_together(struct huge_bytes *huge, struct page_source *src, uint64_t at,
			uint64_t page)
{
	struct source_run part;
	int err;

	/* A page of 1 GiB is not held for the sake of the next one. */
	if (huge->parts_len > PARTS_KEPT)
		madvise(huge->parts, huge->parts_len, MADV_DONTNEED);
	err = reserve(&huge->parts, &huge->parts_len, page, PROT_READ | PROT_WRITE);
	for (uint64_t done = 0; !err && done < page; done += part.len) {
		err = source_lookup(src, at + done, page - done, &part);
		if (err)
			break;
		if (part.kind == SOURCE_DATA)
			memcpy((char *)huge->parts + done, part.data, part.len);
		else
			memset((char *)huge->parts + done, 0, part.len);
	}
	return err;
}

int huge_lookup(struct huge_bytes *huge, struct page_source *src, uint64_t at, uint64_t page,
		struct source_run *run)
{
	int err = source_lookup(src, at, page, run);

	if (!err && run->len == page) {
		if (run->kind == SOURCE_HOLE)
			run->data = huge_zeros(huge, page);
		return run->data ? 0 : -ENOMEM;
	}
	if (!err)
		err = put_together(huge, src, at, page);
	if (err == -EAGAIN) {
		log_error("huge page at %#" PRIx64 ": some of it is not in the images", at);
		return -EPROTO;
	}
	*run = (struct source_run){ .kind = SOURCE_DATA, .len = page, .data = huge->parts };
	return err;
}
