// SPDX-License-Identifier: GPL-2.0-only
/*
 * Poison: from now on an access gives SIGBUS, as if the memory had failed there.
 * A marker in the page table says so; it is never put over anything.
 */
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include "internal.h"

int fill_poison(struct uffd_fill *fill)
{
	struct vm_area_struct *vma = fill->vma;
	spinlock_t *ptl;
	pte_t *ptep;
	pmd_t *pmd;
	int err;

	err = uffd_fill_table(fill, &pmd);
	if (err)
		return err;
	ptep = pte_offset_map_lock(vma->vm_mm, pmd, fill->dst, &ptl);
	if (!ptep)
		return FILL_AGAIN;
	err = -EFAULT;
	if (uffd_past_end(vma, fill->dst))
		goto unlock;
	err = -EEXIST;
	if (!pte_none(ptep_get(ptep)))
		goto unlock;
	set_pte_at(vma->vm_mm, fill->dst, ptep, make_pte_marker(PTE_MARKER_POISONED));
	update_mmu_cache(vma, fill->dst, ptep);
	fill->step = PAGE_SIZE;
	err = FILL_DONE;
unlock:
	pte_unmap_unlock(ptep, ptl);
	return err;
}
