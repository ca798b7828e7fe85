/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PAGEMAP_SCAN ioctl (Linux 6.7), for C libraries whose <linux/fs.h> is
 * older. Source: PAGEMAP_SCAN(2const), Documentation/admin-guide/mm/pagemap.rst.
 */
#ifndef CRIU_LITE_SYS_ABI_PAGEMAP_H
#define CRIU_LITE_SYS_ABI_PAGEMAP_H

#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>

/* Words of /proc/PID/pagemap. */
#define PAGEMAP_WORD_PFN	((1ULL << 55) - 1)	/* zeros without CAP_SYS_ADMIN */
#define PAGEMAP_WORD_SOFT_DIRTY	(1ULL << 55)	/* CONFIG_MEM_SOFT_DIRTY */
#define PAGEMAP_WORD_GUARD	(1ULL << 58)		/* Linux 6.15 */
#define PAGEMAP_WORD_FILE	(1ULL << 61)		/* of a file, or shared anonymous */
#define PAGEMAP_WORD_SWAPPED	(1ULL << 62)
#define PAGEMAP_WORD_PRESENT	(1ULL << 63)

#ifndef PAGEMAP_SCAN
struct page_region {
	uint64_t start, end;
	uint64_t categories;
};

struct pm_scan_arg {
	uint64_t size;			/* of this struct */
	uint64_t flags;
	uint64_t start, end;
	uint64_t walk_end;		/* out: where the walk stopped */
	uint64_t vec, vec_len;		/* array of page_region, and its elements */
	uint64_t max_pages;		/* 0: no limit */
	uint64_t category_inverted;	/* these must be absent, not present */
	uint64_t category_mask;		/* all of these must match */
	uint64_t category_anyof_mask;	/* one of these must match */
	uint64_t return_mask;
};

#define PAGEMAP_SCAN		_IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_WPALLOWED	(1 << 0)
#define PAGE_IS_WRITTEN		(1 << 1)
#define PAGE_IS_FILE		(1 << 2)
#define PAGE_IS_PRESENT		(1 << 3)
#define PAGE_IS_SWAPPED		(1 << 4)
#define PAGE_IS_PFNZERO		(1 << 5)
#define PAGE_IS_HUGE		(1 << 6)
#endif

#ifndef PAGE_IS_SOFT_DIRTY
#define PAGE_IS_SOFT_DIRTY	(1 << 7)	/* Linux 6.8 */
#endif
#ifndef PAGE_IS_GUARD
#define PAGE_IS_GUARD		(1 << 8)	/* Linux 6.15 */
#endif

#endif
