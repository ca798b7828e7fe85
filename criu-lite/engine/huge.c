// SPDX-License-Identifier: GPL-2.0-only
/*
 * The huge pages that a restored tree needs.
 *
 * A mapping gets all of its huge pages promised when it is made. Where there are too
 * few the kernel refuses it, which would be found by one of many tasks, half way
 * through. So what the whole tree is promised is counted first. What is not counted
 * (memory that promises nothing, files, what other programs take meanwhile) may still
 * make the restore fail, later and no worse.
 */
#include "engine/huge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>

#include "core/restore.h"
#include "core/task.h"
#include "engine/memory-plan.h"
#include "image/vma.h"
#include "kinds/mm/memfd.h"
#include "sys/huge_pool.h"
#include "util/log.h"
#include "util/macro.h"

/* Segments are promised all of their pages, whoever maps how much of them. */
static void count_segments(const struct restore *r, uint64_t pages[PLAN_HUGE_SHIFTS])
{
	for (const struct memfd_inode *i = r->memfds; i; i = i->next) {
		unsigned int shift = (i->entry->hugetlb_flag & VMA_HUGETLB_SIZE_MASK) >>
				     VMA_HUGETLB_SHIFT;

		if (i->anon_huge && !i->noreserve && shift)
			pages[shift] += ((i->entry->size - 1) >> shift) + 1;
	}
}

static int check_size(unsigned int shift, uint64_t pages)
{
	struct huge_pool pool;
	int ret = huge_pool_read(shift, &pool);

	/* Nothing is known: the kernel will tell. */
	if (ret == -ENOENT)
		return 0;
	if (ret < 0)
		return ret;
	if (pages <= huge_pool_room(&pool))
		return 0;
	return log_errno(-ENOMEM, "huge pages of %" PRIu64 " KiB: the tree needs %" PRIu64
			 ", and %" PRIu64 " are free or may be made: raise nr_hugepages or "
			 "nr_overcommit_hugepages", (UINT64_C(1) << shift) >> 10, pages,
			 huge_pool_room(&pool));
}

int huge_check(const struct restore *r)
{
	uint64_t pages[PLAN_HUGE_SHIFTS] = {};
	const struct task *t;
	int ret = 0;

	TAILQ_FOREACH(t, &r->tasks, link)
		if (t->mm)
			plan_huge_pages(t->mm, pages);
	count_segments(r, pages);
	for (unsigned int shift = 0; ret >= 0 && shift < PLAN_HUGE_SHIFTS; shift++)
		if (pages[shift])
			ret = check_size(shift, pages[shift]);
	return ret;
}
