// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves pages from one place to another without copying them.
 *
 * The page table entries of the source are taken out and put into the destination,
 * and the folio learns who maps it now. That is sound only for pages that nobody else
 * has: private, anonymous, exclusive, not pinned.
 *
 *	src_vma  |....AAAA....|        AAAA: [src, src + len)
 *	dst_vma  |..AAAA......|
 *
 * Each step takes a huge page whole where both places are aligned and the range has
 * room for it, otherwise one page; a hole is stepped over table by table.
 */
#include <linux/mm.h>
#include <linux/rmap.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/userfaultfd/change.h>
#include "internal.h"

/* In the order of their addresses: so all who take two agree. */
void double_pt_lock(spinlock_t *ptl1, spinlock_t *ptl2)
	__acquires(ptl1)
	__acquires(ptl2)
{
	if (ptl1 > ptl2)
		swap(ptl1, ptl2);
	spin_lock(ptl1);
	if (ptl1 != ptl2)
		spin_lock_nested(ptl2, SINGLE_DEPTH_NESTING);
	else
		__acquire(ptl2);
}

void double_pt_unlock(spinlock_t *ptl1, spinlock_t *ptl2)
	__releases(ptl1)
	__releases(ptl2)
{
	spin_unlock(ptl1);
	if (ptl1 != ptl2)
		spin_unlock(ptl2);
	else
		__release(ptl2);
}

static bool vma_movable(struct vm_area_struct *vma)
{
	vm_flags_t bad = VM_PFNMAP | VM_IO | VM_HUGETLB | VM_MIXEDMAP | VM_SHADOW_STACK;

	return vma_is_anonymous(vma) && (vma->vm_flags & VM_WRITE) &&
	       !(vma->vm_flags & (VM_SHARED | bad));
}

static bool inside(struct vm_area_struct *vma, unsigned long start, unsigned long len)
{
	return start >= vma->vm_start && start < vma->vm_end && len <= vma->vm_end - start;
}

/* Pages keep their protection and their accounting, so these have to be the same. */
static bool vmas_alike(struct vm_area_struct *a, struct vm_area_struct *b)
{
	vm_flags_t same = VM_ACCESS_FLAGS | VM_LOCKED;

	return !((a->vm_flags ^ b->vm_flags) & same) &&
	       pgprot_val(a->vm_page_prot) == pgprot_val(b->vm_page_prot);
}

static int move_judge(struct uffd_mover *move, struct userfaultfd_ctx *ctx)
{
	if (!inside(move->dst_vma, move->dst, move->len) ||
	    !inside(move->src_vma, move->src, move->len))
		return -EINVAL;
	if (!vma_movable(move->dst_vma) || !vma_movable(move->src_vma) ||
	    !vmas_alike(move->dst_vma, move->src_vma))
		return -EINVAL;
	/* What appears in the destination has to be this monitor's to decide. */
	return move->dst_vma->vm_userfaultfd_ctx.ctx == ctx ? 0 : -EINVAL;
}

static void move_advance(struct uffd_mover *move, unsigned long step)
{
	move->dst += step;
	move->src += step;
	move->len -= step;
}

/* To the end of the shorter of the two tables. */
static unsigned long hole_step(struct uffd_mover *move)
{
	unsigned long src_left = PMD_SIZE - (move->src & ~PMD_MASK);
	unsigned long dst_left = PMD_SIZE - (move->dst & ~PMD_MASK);

	return min3(move->len, src_left, dst_left);
}

static bool place_for_huge(struct uffd_mover *move, pmd_t *dst_pmd)
{
	return IS_ALIGNED(move->src | move->dst, PMD_SIZE) && move->len >= PMD_SIZE &&
	       pmd_none(pmdp_get_lockless(dst_pmd));
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
/*
 * The source may be a huge page, and is moved or split. step 0: it is a table now, or
 * was all the time.
 */
static int move_huge(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd,
		     unsigned long *step)
{
	spinlock_t *ptl = pmd_trans_huge_lock(src_pmd, move->src_vma);
	int err;

	*step = 0;
	if (!ptl)
		return 0;
	if (pmd_devmap(*src_pmd)) {
		spin_unlock(ptl);
		return -ENOENT;
	}
	if (!place_for_huge(move, dst_pmd)) {
		spin_unlock(ptl);
		split_huge_pmd(move->src_vma, src_pmd, move->src);
		return 0;
	}
	err = move_pages_huge_pmd(move->mm, dst_pmd, src_pmd, pmdp_get_lockless(dst_pmd),
				  move->dst_vma, move->src_vma, move->dst, move->src);
	if (!err)
		*step = PMD_SIZE;
	return err;
}
#else
static int move_huge(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd,
		     unsigned long *step)
{
	*step = 0;
	return 0;
}
#endif

/* One step: its bytes, or -errno; -EAGAIN: look again. */
static long move_step(struct uffd_mover *move)
{
	pmd_t *src_pmd = uffd_pmd_find(move->mm, move->src);
	unsigned long step;
	pmd_t *dst_pmd;
	int err;

	if (!src_pmd || pmd_none(pmdp_get_lockless(src_pmd)))
		return move->holes ? hole_step(move) : -ENOENT;
	dst_pmd = uffd_pmd_alloc(move->mm, move->dst);
	if (!dst_pmd)
		return -ENOMEM;
	if (pmd_trans_huge(pmdp_get_lockless(dst_pmd)))
		return -EEXIST;
	err = move_huge(move, dst_pmd, src_pmd, &step);
	if (err || step)
		return err ?: step;
	err = uffd_pte_table(move->mm, dst_pmd);
	if (!err)
		err = uffd_move_pte(move, dst_pmd, src_pmd);
	if (err > 0)
		return -EAGAIN;
	return err ?: PAGE_SIZE;
}

/* As a fill does, a move gives way to whoever waits to change the layout. */
static bool move_contended(struct uffd_mover *move)
{
	return rwsem_is_contended(&move->changes->sem) ||
	       uffd_vma_contended(move->dst_vma) || uffd_vma_contended(move->src_vma);
}

static int move_locked(struct uffd_mover *move)
{
	long step;

	do {
		step = move_step(move);
		if (step > 0)
			move_advance(move, step);
		else if (step != -EAGAIN)
			return step;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (move->len && !move_contended(move));
	return 0;
}

static void move_unlock(struct uffd_mover *move)
{
	up_read(&move->changes->sem);
	if (move->dst_vma)
		uffd_vma_unlock_pair(move->dst_vma, move->src_vma);
}

/* Locks what is left of the move. As for a fill, a pending change is the better answer. */
static int move_lock(struct uffd_mover *move, struct userfaultfd_ctx *ctx)
{
	struct uffd_changes *changes = move->changes;
	int err;

	err = uffd_vma_lock_pair(move->mm, move->dst, move->src, &move->dst_vma,
				 &move->src_vma);
	if (err)
		move->dst_vma = NULL;
	down_read(&changes->sem);
	if (uffd_change_pending(changes, move->dst, move->dst + move->len) ||
	    uffd_change_pending(changes, move->src, move->src + move->len))
		err = -EAGAIN;
	if (!err)
		err = move_judge(move, ctx);
	if (err)
		move_unlock(move);
	return err;
}

ssize_t uffd_move(const struct uffd_target *target, unsigned long dst, unsigned long src,
		  unsigned long len, u64 mode)
{
	struct uffd_mover move = {
		.mm = target->mm, .changes = target->changes,
		.dst = dst, .src = src, .len = len,
		.holes = mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
	};
	int err = 0;

	/* Both places are the caller's: nobody moves another's pages. */
	if (target->mm != current->mm)
		return -EINVAL;
	while (move.len && !err) {
		err = move_lock(&move, target->ctx);
		if (err)
			break;
		err = move_locked(&move);
		move_unlock(&move);
	}
	return move.len < len ? len - move.len : err;
}
