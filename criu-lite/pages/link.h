/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A page link: the sending end of a session with a page server.
 *
 *	page_link_new()
 *	for each page map: page_link_open(), then
 *		for each range: page_link_extent(), then its bytes
 *	page_link_close()
 *
 * A server that neither takes nor says anything for a minute is taken for dead.
 */
#ifndef CRIU_LITE_PAGES_LINK_H
#define CRIU_LITE_PAGES_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/catalogue.h"
#include "pages/stream.h"
#include "util/cleanup.h"

struct page_link;

/* Owns @stream, which has begun, also on failure. Returns 0 or -errno, logged. */
int page_link_new(struct stream stream, struct page_link **link);
/*
 * Begins pagemap-@key or pagemap-shmem-@key. 0 or -errno, logged: -ENOTSUP
 * when the server has a parent of it, against which nothing can be saved yet.
 */
int page_link_open(struct page_link *link, enum image_type type, uint64_t key);
/* Announces a range of what was opened last; with PAGE_PRESENT its bytes come next. */
int page_link_extent(struct page_link *link, uint64_t start, uint64_t nr_pages, uint32_t flags);
/* 0 or -errno, logged. */
int page_link_data(struct page_link *link, const void *buf, size_t len);
/* A socket that takes them, too. Owned by the link. -1: there is none. */
int page_link_fd(const struct page_link *link);
/*
 * Ends the session: 0 says that the server has everything. -EPROTO (logged)
 * that it has not. Frees the link in any case.
 */
int page_link_close(struct page_link *link);
/* Frees it; the server then drops what it got. For error paths. */
void page_link_free(struct page_link *link);
DEFINE_CLEANUP(struct page_link *, page_link, page_link_free)

#endif
