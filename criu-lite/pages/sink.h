/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page sink: takes a page map and its pages, into image files (spec/images.md,
 * sections 5.3 and 5.4) or to a page server (section 16).
 *
 *	page_sink_open(...)
 *	for each range: page_sink_extent(), then exactly its bytes (none
 *			without PAGE_PRESENT) with page_sink_data*()
 *	page_sink_close()
 *
 * Several extents may be announced before their bytes come, as long as the
 * bytes of all come in the same order: that is what a gathering vmsplice
 * needs. A sink that is page_sink_in_step() has no place for that: the bytes of
 * an extent come before the next one. All lengths are bytes unless named nr_pages.
 */
#ifndef CRIU_LITE_PAGES_SINK_H
#define CRIU_LITE_PAGES_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/catalogue.h"
#include "pages/pagemap.h"
#include "util/cleanup.h"

struct image_dir;
struct page_link;
struct page_sink;

/*
 * Makes pagemap-@key or pagemap-shmem-@key (@type IMAGE_PAGEMAP or
 * IMAGE_SHMEM_PAGEMAP) and pages-@pages_id in @dir; or, with a @link, the
 * same at its page server, which numbers the pages itself. Returns 0 or
 * -errno, logged.
 */
int page_sink_open(struct image_dir *dir, struct page_link *link, enum image_type type,
		   uint64_t key, uint32_t pages_id, struct page_sink **sink);
bool page_sink_in_step(const struct page_sink *sink);

/*
 * Adds a range, page-aligned and above all before it; one that continues the
 * last with the same @flags (PAGE_*) is merged with it. 0 or -errno, logged.
 */
int page_sink_extent(struct page_sink *sink, uint64_t start, uint64_t nr_pages, uint32_t flags);

/* Moves @len bytes of page data without a copy where the kernel can (splice). */
int page_sink_data_from_pipe(struct page_sink *sink, int pipe_fd, uint64_t len);
/* Copies @len bytes from @offset of the file @fd inside the kernel. */
int page_sink_data_from_file(struct page_sink *sink, int fd, uint64_t offset, uint64_t len);
int page_sink_data(struct page_sink *sink, const void *buf, uint64_t len);

/*
 * The pages file, at its end, or the connection, for who must write there
 * itself and then tells page_sink_wrote() how many bytes. Owned by the sink.
 * -1: what comes must go through page_sink_data().
 */
int page_sink_fd(const struct page_sink *sink);
int page_sink_wrote(struct page_sink *sink, uint64_t len);

/* Bytes announced and not yet written. */
uint64_t page_sink_missing(const struct page_sink *sink);
/* How many pages were written. */
uint64_t page_sink_pages(const struct page_sink *sink);

/*
 * Ends it: -EPROTO (logged) when bytes are missing; reports delayed write
 * errors of files. Frees the sink in any case.
 */
int page_sink_close(struct page_sink *sink);
/* Frees the sink; what it wrote is left behind, unfinished. For error paths. */
void page_sink_abort(struct page_sink *sink);
DEFINE_CLEANUP(struct page_sink *, page_sink, page_sink_abort)

#endif
