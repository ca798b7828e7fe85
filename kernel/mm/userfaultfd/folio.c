// SPDX-License-Identifier: GPL-2.0-only
/*
 * Folios for private memory, and the user data in them.
 *
 * Data is read twice at most: first with page faults disabled, while all is locked;
 * and when that fails, once more with nothing locked, into the same folio.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include "internal.h"

/* A folio for fill->dst, charged to its owner, or NULL. */
struct folio *uffd_folio_alloc(struct uffd_fill *fill, int order)
{
	struct vm_area_struct *vma = fill->vma;
	gfp_t gfp = order ? vma_thp_gfp_mask(vma) : GFP_HIGHUSER_MOVABLE;
	struct folio *folio = vma_alloc_folio(gfp, order, vma, fill->dst, order > 0);

	if (!folio)
		return NULL;
	if (mem_cgroup_charge(folio, vma->vm_mm, gfp)) {
		folio_put(folio);
		return NULL;
	}
	folio_throttle_swaprate(folio, gfp);
	return folio;
}

static bool copy_one_page(struct page *page, const void __user *src, bool may_fault)
{
	void *kaddr = kmap_local_page(page);
	unsigned long left;

	if (!may_fault)
		pagefault_disable();
	left = copy_from_user(kaddr, src, PAGE_SIZE);
	if (!may_fault)
		pagefault_enable();
	kunmap_local(kaddr);
	return !left;
}

/* Fills the whole folio from user memory: 0 or -EFAULT. */
int uffd_folio_copy(struct folio *folio, unsigned long src, bool may_fault)
{
	long nr = folio_nr_pages(folio);
	long i;

	for (i = 0; i < nr; i++) {
		const void __user *from = (const void __user *)(src + i * PAGE_SIZE);

		if (!copy_one_page(folio_page(folio, i), from, may_fault))
			return -EFAULT;
		cond_resched();
	}
	flush_dcache_folio(folio);
	return 0;
}
