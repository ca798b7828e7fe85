/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The answering end of a lazy session: gives the memory of frozen tasks to who
 * asks for it (spec/images.md, section 16.4).
 */
#ifndef CRIU_LITE_PAGES_ANSWER_H
#define CRIU_LITE_PAGES_ANSWER_H

#include <stddef.h>
#include <stdint.h>

struct page_frame;
struct page_map;
struct stream;

/* A task whose memory may be asked for. */
struct page_offer {
	const struct page_map *map;	/* what is PAGE_LAZY alone there is given, and nothing else */
	int mem;			/* where to read it: offsets are addresses */
};

/* The offer of the task @pid, or NULL. */
const struct page_offer *page_offer_find(const struct page_offer *offers, size_t n, uint64_t pid);
/* How many pages may be given from the address on. */
uint64_t page_offer_pages(const struct page_offer *offer, uint64_t addr);

/*
 * Answers @first, unless it is NULL, and what comes over @stream (stays the caller's) until
 * the other end says that it wants no more: 0, and page_answer_close() is due.
 * -ECONNRESET: it went away before; -EINTR: @stop_fd (-1: none) became readable;
 * -EPROTO: it asked for what it may not have; -errno. All logged.
 */
int page_answer(struct stream *stream, const struct page_frame *first,
		const struct page_offer *offers, size_t n_offers, int stop_fd);
/* The last word. 0 or -errno, logged. */
int page_answer_close(struct stream *stream);

#endif
