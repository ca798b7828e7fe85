/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which pages of another process hold content.
 *
 *	pagemap_open(pid, features, &pm);
 *	pagemap_start(pm, vma->start, vma->end, PAGEMAP_CONTENT);
 *	while ((r = pagemap_next(pm, &range)) > 0)
 *		... [range.start, range.end) ...
 *
 * This is what the page tables of that one process know. Content of a shared
 * mapping that it did not touch, or that is swapped out, is not seen: such a
 * file is to be asked with SEEK_DATA.
 *
 * With PAGEMAP_SCAN the cost grows with the page tables that exist; without
 * it (Linux < 6.7) with the size of the range, eight bytes a page.
 */
#ifndef CRIU_LITE_SYS_PAGEMAP_H
#define CRIU_LITE_SYS_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/cleanup.h"

struct kernel_features;
struct pagemap;

/* Addresses, whole pages; end is outside. */
struct page_range {
	uint64_t start, end;
};

enum pagemap_select {
	/*
	 * In memory or swapped out, and not the zero page. Where the kernel
	 * hides the zero page (no PAGEMAP_SCAN and no CAP_SYS_ADMIN, or a huge
	 * zero page before 6.17) it counts as content, which it is.
	 */
	PAGEMAP_CONTENT,
	/* Of these, what a private mapping of a file changed. */
	PAGEMAP_CHANGED,
	/*
	 * Guard regions (MADV_GUARD_INSTALL): no content, an access is a
	 * SIGSEGV. Only where features->pagemap_guard: -EOPNOTSUPP else.
	 */
	PAGEMAP_GUARD,
};

/*
 * @features chooses the way. Errors as in sys/proc.h, and -ESRCH for a task
 * without memory; pagemap_free() closes.
 * The process must stand still while a range is walked.
 */
int pagemap_open(pid_t pid, const struct kernel_features *features, struct pagemap **pm);
void pagemap_free(struct pagemap *pm);
DEFINE_CLEANUP(struct pagemap *, pagemap, pagemap_free)
/* Whether PAGEMAP_SCAN is used. */
bool pagemap_is_fast(const struct pagemap *pm);
/* Begins a walk of [@start, @end), which may hold any number of mappings. 0 or -errno. */
int pagemap_start(struct pagemap *pm, uint64_t start, uint64_t end, enum pagemap_select select);
/*
 * The next range: 1, and @range is filled; 0: the end; -errno (logged). Ranges
 * ascend and never touch each other, but may span mappings.
 */
int pagemap_next(struct pagemap *pm, struct page_range *range);

#endif
