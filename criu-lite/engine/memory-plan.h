/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans for the memory of a restored task: pure functions on ranges, so that
 * every case can be drawn and tested. Nothing here asks the kernel.
 */
#ifndef CRIU_LITE_ENGINE_MEMORY_PLAN_H
#define CRIU_LITE_ENGINE_MEMORY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/kind.h"
#include "images/mm.pb-c.h"
#include "inject/abi/restorer.h"

/* No read is longer: the kernel would cut it at 2 GiB. */
#define PLAN_READ_MAX (1UL << 30)

/* What a restore does with the pages of a mapping that the image has. */
enum plan_pages {
	PLAN_PAGES_NONE,		/* there must be none: shared, or made by the kernel */
	PLAN_PAGES_KERNEL,		/* nothing: the kernel has the same (vdso) */
	PLAN_PAGES_READ,		/* reads them into place */
	PLAN_PAGES_THERE,		/* nothing: they were read before the task had children */
	PLAN_PAGES_LAZY,		/* leaves them to the lazy-pages server */
	PLAN_PAGES_LAZY_HERE,		/* the same, but none may have been left with the dump */
};

struct plan_area {
	uint64_t start, end;
	enum plan_pages pages;
};

struct plan_range {
	uint64_t start, end;
};

/*
 * The reads that fill a task: extents of a page map go in, ascending; reads
 * that each stay inside one area come out. With @reads NULL they are only
 * counted.
 */
struct plan_reads {
	const struct plan_area *areas;		/* ascending, disjoint */
	size_t n_areas;
	struct restorer_read *reads;
	size_t n_reads, max_reads;

	size_t at;				/* the area that the next extent may begin in */
	struct restorer_read last;		/* the youngest read, also when only counting */
	uint64_t last_area;
	uint64_t pages;				/* how many pages are read */
};

void plan_reads_init(struct plan_reads *p, const struct plan_area *areas, size_t n_areas,
		     struct restorer_read *reads, size_t max_reads);
/*
 * Adds the extent [addr, addr + len), to be read from @fd at @offset; @fd -1:
 * its bytes are not here, and it must be lazy. Returns 0, or -EINVAL with *bad
 * set to the first address that no area takes such pages for, or -ENOSPC: more
 * than max_reads.
 */
int plan_reads_add(struct plan_reads *p, uint64_t addr, uint64_t len, int fd, uint64_t offset,
		   uint64_t *bad);

/* Sizes of huge pages, by their log2. */
#define PLAN_HUGE_SHIFTS 64

/*
 * Adds how many huge pages of each size the private mappings of @mm are promised, when they
 * are made. Those of no known size are left out.
 */
void plan_huge_pages(const MmEntry *mm, uint64_t pages[PLAN_HUGE_SHIFTS]);

/* Sorts, and makes one of ranges that meet. Returns how many are left. */
size_t ranges_merge(struct plan_range *ranges, size_t n);

/*
 * The lowest address in [low, high) where @size bytes overlap neither @a nor
 * @b (both ascending by start) and stay @margin bytes away from both. All in
 * bytes and page-aligned. Returns 0 or -ENOMEM.
 */
int area_place(const struct plan_range *a, size_t n_a, const struct plan_range *b, size_t n_b,
	       uint64_t size, uint64_t margin, uint64_t low, uint64_t high, uint64_t *addr);

/*
 * The kind that a VMA's status selects; the one that refuses (its mask is
 * empty) where no other does.
 */
const struct vma_kind *plan_vma_kind(const struct kind_table *kinds, uint32_t status);

/*
 * Checks what every VMA of an image must hold whatever its kind: order,
 * alignment, range, known bits. Guard regions stand at the end and are not
 * counted in *n_ordinary. Returns 0 or -EINVAL, logged with @pid and address.
 */
int plan_check_vmas(const MmEntry *mm, int pid, uint64_t task_size, size_t *n_ordinary);

#endif
