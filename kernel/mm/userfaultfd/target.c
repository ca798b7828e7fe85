// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds and locks the VMAs that are filled.
 *
 * The VMA's own lock is enough: it keeps the VMA's range, flags and context as
 * they are, and its page tables from being freed. mmap_lock is taken only when the
 * VMA's can't be had at the first try, or when an anon_vma has to be made. Kernels
 * whose VMAs have no lock of their own hold mmap_lock instead.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/rmap.h>
#include "internal.h"

/* Private pages need an anon_vma. Only mmap_lock allows to make one. */
static bool vma_prepared(struct vm_area_struct *vma)
{
	if (!userfaultfd_armed(vma) || (vma->vm_flags & VM_SHARED))
		return true;
	return vma->anon_vma;
}

/* mmap_lock is held. */
static struct vm_area_struct *vma_find_prepared(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (!vma)
		return ERR_PTR(-ENOENT);
	if (!vma_prepared(vma) && anon_vma_prepare(vma))
		return ERR_PTR(-ENOMEM);
	return vma;
}

#ifdef CONFIG_PER_VMA_LOCK

static inline struct vm_area_struct *vma_try_lock(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = lock_vma_under_rcu(mm, addr);

	if (!vma)
		return NULL;
	if (vma_prepared(vma))
		return vma;
	vma_end_read(vma);
	return NULL;
}

/*
 * Who locks a VMA for writing holds mmap_lock for writing. So under mmap_lock this
 * doesn't wait, and when mmap_lock is dropped the VMA stays as it is.
 */
static void vma_lock_nested(struct vm_area_struct *vma, int depth)
{
	down_read_nested(&vma->vm_lock->lock, depth);
}

static void mmap_lock_done(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
}

void uffd_vma_unlock_pair(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma)
{
	if (src_vma != dst_vma)
		vma_end_read(src_vma);
	vma_end_read(dst_vma);
}

#else /* !CONFIG_PER_VMA_LOCK */

static inline struct vm_area_struct *vma_try_lock(struct mm_struct *mm, unsigned long addr)
{
	return NULL;
}

static void vma_lock_nested(struct vm_area_struct *vma, int depth) {}
static void mmap_lock_done(struct mm_struct *mm) {}

void uffd_vma_unlock_pair(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma)
{
	mmap_read_unlock(dst_vma->vm_mm);
}

#endif /* CONFIG_PER_VMA_LOCK */

struct vm_area_struct *uffd_vma_lock(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = vma_try_lock(mm, addr);

	if (vma)
		return vma;
	if (mmap_read_lock_killable(mm))
		return ERR_PTR(-EINTR);
	vma = vma_find_prepared(mm, addr);
	if (IS_ERR(vma)) {
		mmap_read_unlock(mm);
		return vma;
	}
	vma_lock_nested(vma, 0);
	mmap_lock_done(mm);
	return vma;
}

/* Both without mmap_lock. They may be the same one, which is then locked once. */
static bool vma_try_lock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
			      struct vm_area_struct **dst_vma, struct vm_area_struct **src_vma)
{
	*dst_vma = vma_try_lock(mm, dst);
	if (!*dst_vma)
		return false;
	if (src >= (*dst_vma)->vm_start && src < (*dst_vma)->vm_end) {
		*src_vma = *dst_vma;
		return true;
	}
	*src_vma = vma_try_lock(mm, src);
	if (*src_vma)
		return true;
	/* Not kept while mmap_lock is waited for: its owner may want this VMA. */
	uffd_vma_unlock(*dst_vma);
	return false;
}

int uffd_vma_lock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
		       struct vm_area_struct **dst_vma, struct vm_area_struct **src_vma)
{
	int err;

	if (vma_try_lock_pair(mm, dst, src, dst_vma, src_vma))
		return 0;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	*dst_vma = vma_find_prepared(mm, dst);
	err = PTR_ERR_OR_ZERO(*dst_vma);
	if (err)
		goto unlock_mmap;
	*src_vma = vma_find_prepared(mm, src);
	err = PTR_ERR_OR_ZERO(*src_vma);
	if (err)
		goto unlock_mmap;
	vma_lock_nested(*dst_vma, 0);
	if (*src_vma != *dst_vma)
		vma_lock_nested(*src_vma, SINGLE_DEPTH_NESTING);
	mmap_lock_done(mm);
	return 0;

unlock_mmap:
	mmap_read_unlock(mm);
	return err;
}
