// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of hugetlbfs: copy, continue and poison, one huge page a step.
 *
 * hugetlb's fault mutex keeps truncation, faults and other fills of the same page of
 * the file away. The VMA's hugetlb lock keeps its page tables from being shared or
 * unshared while we have a pointer into them.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include "internal.h"

static int fill_one(struct uffd_fill *fill)
{
	struct vm_area_struct *vma = fill->vma;
	pte_t *ptep;

	ptep = huge_pte_alloc(vma->vm_mm, vma, fill->dst, vma_kernel_pagesize(vma));
	if (!ptep)
		return -ENOMEM;
	/* Before a huge page is taken from a small pool, and filled, for nothing. */
	if (!uffd_flags_mode_is(fill->flags, MFILL_ATOMIC_CONTINUE) &&
	    !huge_pte_none_mostly(huge_ptep_get(vma->vm_mm, fill->dst, ptep)))
		return -EEXIST;
	return hugetlb_mfill_atomic_pte(ptep, vma, fill->dst, fill->src, fill->flags,
					&fill->folio);
}

int fill_hugetlb(struct uffd_fill *fill)
{
	struct vm_area_struct *vma = fill->vma;
	u32 hash = hugetlb_fault_mutex_hash(vma->vm_file->f_mapping,
					    hugetlb_linear_page_index(vma, fill->dst));
	int err;

	mutex_lock(&hugetlb_fault_mutex_table[hash]);
	hugetlb_vma_lock_read(vma);
	err = fill_one(fill);
	hugetlb_vma_unlock_read(vma);
	mutex_unlock(&hugetlb_fault_mutex_table[hash]);

	fill->step = vma_kernel_pagesize(vma);
	return err == -ENOENT && fill->folio ? FILL_OUTSIDE : err;
}
