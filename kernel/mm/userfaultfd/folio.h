/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folios for private memory, from their allocation to their place.
 *
 * Here is what is done for each single page that is filled, inline, since calls would
 * be a tenth of its cost; what is done for a large folio is in folio.c and huge.c.
 */
#ifndef _MM_USERFAULTFD_FOLIO_H
#define _MM_USERFAULTFD_FOLIO_H

#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include "../internal.h"
#include "internal.h"

/* A folio for fill->dst, charged to its owner, or NULL. */
static __always_inline struct folio *uffd_folio_alloc(struct uffd_fill *fill, int order)
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

/* 0 or -EFAULT. */
static inline int uffd_page_copy(struct page *page, unsigned long src, bool may_fault)
{
	void *kaddr = kmap_local_page(page);
	unsigned long left;

	if (!may_fault)
		pagefault_disable();
	left = copy_from_user(kaddr, (const void __user *)src, PAGE_SIZE);
	if (!may_fault)
		pagefault_enable();
	kunmap_local(kaddr);
	flush_dcache_page(page);
	return left ? -EFAULT : 0;
}

/*
 * Fills the whole folio from user memory: 0 or -EFAULT. Data is read twice at most: first
 * with page faults disabled, while all is locked; and when that fails, once more with
 * nothing locked, into the same folio.
 */
static inline int uffd_folio_copy(struct folio *folio, unsigned long src, bool may_fault)
{
	if (folio_test_large(folio))
		return uffd_large_copy(folio, src, may_fault);
	return uffd_page_copy(folio_page(folio, 0), src, may_fault);
}

/* Puts fill->folio in, of whatever size. */
static inline int uffd_folio_install(struct uffd_fill *fill, pmd_t *pmd)
{
	struct folio *folio = fill->folio;
	int err;

	/* What was copied has to be visible before the page is. */
	__folio_mark_uptodate(folio);
	if (folio_test_large(folio))
		return uffd_huge_install(fill, pmd);
	err = mfill_atomic_install_pte(pmd, fill->vma, fill->dst, folio_page(folio, 0), true,
				       fill->flags);
	/* The table has gone, or a huge page has come. */
	if (err == -EAGAIN)
		return uffd_pte_table(fill->target->mm, pmd) ?: FILL_AGAIN;
	if (err)
		return err;
	fill->step = PAGE_SIZE;
	fill->folio = NULL;
	return FILL_DONE;
}

#endif /* _MM_USERFAULTFD_FOLIO_H */
