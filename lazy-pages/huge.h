/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Content of huge pages (hugetlb), which a page source has in small ones.
 *
 *	source	|AAAA|....|AAAA|....|....|....|	A: data   .: hole
 *	pages	|              |              |	the first is data, the second a hole
 */
#ifndef LAZY_PAGES_HUGE_H
#define LAZY_PAGES_HUGE_H

#include <stdint.h>

struct page_source;
struct source_run;

/* Bytes that fills copy from; zero to begin with. */
struct huge_bytes {
	void *zeros;			/* never written to: takes no memory */
	void *parts;			/* what was put together last */
	uint64_t zeros_len, parts_len;
};

/* The next larger size of huge pages after @page; 0: there is none. */
uint64_t huge_larger(uint64_t page);

/*
 * As source_find(), in pages of @page bytes, to which @at and @len are aligned: one
 * with data anywhere in it is data.
 */
int huge_find(struct page_source *src, uint64_t at, uint64_t len, uint64_t page,
	      struct source_run *run);
/*
 * As source_lookup(), of the page of @page bytes at @at, whole. A hole has zeros for its
 * data. -EPROTO, logged, where the source has to wait.
 */
int huge_lookup(struct huge_bytes *huge, struct page_source *src, uint64_t at, uint64_t page,
		struct source_run *run);
/* @page bytes of zeros; NULL: no room, logged. */
const void *huge_zeros(struct huge_bytes *huge, uint64_t page);

#endif
