// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zeros for private memory: the page of zeros that all share, until it's written.
 *
 * Unlike a copy this doesn't replace a marker: who has protected or poisoned a place
 * gets -EEXIST.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include "folio.h"

/*
 * Where the page of zeros can't be shared (guests with storage keys): one of our own.
 * That it stays away from a marker, too, is seen to where it is put in.
 */
static int own_zeros(struct uffd_fill *fill, pmd_t *pmd)
{
	if (!fill->folio) {
		fill->folio = uffd_folio_alloc(fill, 0);
		if (!fill->folio)
			return -ENOMEM;
		clear_user_highpage(folio_page(fill->folio, 0), fill->dst);
	}
	return uffd_folio_install(fill, pmd);
}

static int shared_zeros(struct uffd_fill *fill, pmd_t *pmd)
{
	struct vm_area_struct *vma = fill->vma;
	spinlock_t *ptl;
	pte_t *ptep;
	int err = -EFAULT;

	ptep = pte_offset_map_lock(vma->vm_mm, pmd, fill->dst, &ptl);
	if (!ptep)
		return FILL_AGAIN;
	if (uffd_past_end(vma, fill->dst))
		goto unlock;
	err = -EEXIST;
	if (!pte_none(ptep_get(ptep)))
		goto unlock;
	set_pte_at(vma->vm_mm, fill->dst, ptep,
		   pte_mkspecial(pfn_pte(my_zero_pfn(fill->dst), vma->vm_page_prot)));
	update_mmu_cache(vma, fill->dst, ptep);
	fill->step = PAGE_SIZE;
	err = FILL_DONE;
unlock:
	pte_unmap_unlock(ptep, ptl);
	return err;
}

int fill_private_zeropage(struct uffd_fill *fill)
{
	struct mm_struct *mm = fill->target->mm;
	pmd_t *pmd;
	int err;

	pmd = uffd_fill_pmd(fill);
	if (!pmd)
		return -ENOMEM;
	if (!mm_forbids_zeropage(mm)) {
		err = uffd_huge_zeropage(fill, pmd);
		if (err != FILL_AGAIN)
			return err;
	}
	err = uffd_pte_table(mm, pmd);
	if (err)
		return err;
	if (mm_forbids_zeropage(mm))
		return own_zeros(fill, pmd);
	return shared_zeros(fill, pmd);
}
