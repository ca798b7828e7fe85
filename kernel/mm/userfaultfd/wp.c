// SPDX-License-Identifier: GPL-2.0-only
/*
 * Write protection that only the monitor undoes.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmap_lock.h>
#include <linux/userfaultfd/change.h>
#include <asm/tlb.h>
#include "../internal.h"
#include "internal.h"

/*
 * Protects a range of one VMA, or undoes it. The caller holds the VMA stable. Returns
 * the pages that were changed, or -errno.
 */
long uffd_wp_range(struct vm_area_struct *vma, unsigned long start, unsigned long len,
		   bool enable_wp)
{
	unsigned int flags = enable_wp ? MM_CP_UFFD_WP : MM_CP_UFFD_WP_RESOLVE;
	struct mmu_gather tlb;
	long pages;

	/* Spares the fault that would only find that the page may be written. */
	if (!enable_wp && vma_wants_manual_pte_write_upgrade(vma))
		flags |= MM_CP_TRY_CHANGE_WRITABLE;
	tlb_gather_mmu(&tlb, vma->vm_mm);
	pages = change_protection(&tlb, vma, start, start + len, flags);
	tlb_finish_mmu(&tlb);
	return pages;
}

/* The part of [start, end) that lies in vma. */
static int wp_vma(struct vm_area_struct *vma, unsigned long start, unsigned long end,
		  bool enable)
{
	long pages;

	if (!userfaultfd_wp(vma))
		return -ENOENT;
	if (is_vm_hugetlb_page(vma) && !IS_ALIGNED(start | end, vma_kernel_pagesize(vma)))
		return -EINVAL;
	start = max(start, vma->vm_start);
	end = min(end, vma->vm_end);
	pages = uffd_wp_range(vma, start, end - start, enable);
	return min(pages, 0L);
}

static int wp_locked(const struct uffd_target *target, unsigned long start,
		     unsigned long end, bool enable)
{
	VMA_ITERATOR(vmi, target->mm, start);
	struct vm_area_struct *vma;
	int err = -ENOENT;

	for_each_vma_range(vmi, vma, end) {
		err = wp_vma(vma, start, end, enable);
		if (err)
			break;
	}
	return err;
}

int uffd_writeprotect(const struct uffd_target *target, unsigned long start,
		      unsigned long len, bool enable)
{
	int err = -EAGAIN;

	if (mmap_read_lock_killable(target->mm))
		return -EINTR;
	down_read(&target->changes->sem);
	if (!uffd_change_pending(target->changes, start, start + len))
		err = wp_locked(target, start, start + len, enable);
	up_read(&target->changes->sem);
	mmap_read_unlock(target->mm);
	return err;
}
