// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fills a range: locks, picks the step, and repeats it until the range is done.
 *
 * The range has to lie in one VMA that is registered with some context. What a step
 * does depends on the mode and on the kind of mapping; the table below says which
 * pairs exist. Locks are dropped when a step wants user data that can't be read
 * with page faults disabled, and when somebody waits to change the layout; after
 * that everything is looked up and judged anew, for what is left of the range.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/userfaultfd/change.h>
#include "folio.h"

enum mapping_kind {
	MAPPING_ANON,
	MAPPING_HUGETLB,
	MAPPING_SHMEM_PRIVATE,
	MAPPING_SHMEM_SHARED,
	MAPPING_KINDS,
	MAPPING_OTHER = MAPPING_KINDS,
};

/* Private file mappings get pages of their own; only "continue" shows the file's. */
static int (*const fill_step_table[MAPPING_KINDS][4])(struct uffd_fill *) = {
	[MAPPING_ANON] = {
		[MFILL_ATOMIC_COPY]	= fill_anon_copy,
		[MFILL_ATOMIC_POISON]	= fill_poison,
		[MFILL_ATOMIC_ZEROPAGE]	= fill_private_zeropage,
	},
#ifdef CONFIG_HUGETLB_PAGE
	[MAPPING_HUGETLB] = {
		[MFILL_ATOMIC_CONTINUE]	= fill_hugetlb,
		[MFILL_ATOMIC_COPY]	= fill_hugetlb,
		[MFILL_ATOMIC_POISON]	= fill_hugetlb,
	},
#endif
#ifdef CONFIG_SHMEM
	[MAPPING_SHMEM_PRIVATE] = {
		[MFILL_ATOMIC_CONTINUE]	= fill_shmem_continue,
		[MFILL_ATOMIC_COPY]	= fill_anon_copy,
		[MFILL_ATOMIC_POISON]	= fill_poison,
		[MFILL_ATOMIC_ZEROPAGE]	= fill_private_zeropage,
	},
	[MAPPING_SHMEM_SHARED] = {
		[MFILL_ATOMIC_CONTINUE]	= fill_shmem_continue,
		[MFILL_ATOMIC_COPY]	= fill_shmem,
		[MFILL_ATOMIC_POISON]	= fill_poison,
		[MFILL_ATOMIC_ZEROPAGE]	= fill_shmem,
	},
#endif
};

static enum mapping_kind mapping_kind(struct vm_area_struct *vma)
{
	if (is_vm_hugetlb_page(vma))
		return MAPPING_HUGETLB;
	if (vma_is_anonymous(vma))
		return MAPPING_ANON;
	if (!vma_is_shmem(vma))
		return MAPPING_OTHER;
	return vma->vm_flags & VM_SHARED ? MAPPING_SHMEM_SHARED : MAPPING_SHMEM_PRIVATE;
}

static void fill_drop_folio(struct uffd_fill *fill)
{
	if (fill->folio)
		folio_put(fill->folio);
	fill->folio = NULL;
}

/*
 * While nothing was locked, the mapping may have become one of another kind. A large
 * folio of private memory is for anonymous mappings only: in a private mapping of a
 * file, who splits or zaps a huge page takes it for the file's.
 */
static bool folio_fits(struct uffd_fill *fill, enum mapping_kind kind)
{
	if (fill->folio_for != fill->step_fn)
		return false;
	if (!fill->folio)
		return true;
	if (kind == MAPPING_HUGETLB)
		return folio_size(fill->folio) == vma_kernel_pagesize(fill->vma);
	return kind == MAPPING_ANON || !folio_test_large(fill->folio);
}

static void fill_check_folio(struct uffd_fill *fill, enum mapping_kind kind)
{
	if (!folio_fits(fill, kind))
		fill_drop_folio(fill);
	fill->folio_for = fill->step_fn;
}

/* May this VMA be filled like this? Picks the step. */
static int fill_judge(struct uffd_fill *fill)
{
	enum mapping_kind kind = mapping_kind(fill->vma);

	if ((fill->flags & MFILL_ATOMIC_WP) && !userfaultfd_wp(fill->vma))
		return -EINVAL;
	if (kind == MAPPING_OTHER)
		return -EINVAL;
	if (kind == MAPPING_HUGETLB &&
	    !IS_ALIGNED(fill->dst | fill->len, vma_kernel_pagesize(fill->vma)))
		return -EINVAL;
	fill->step_fn = fill_step_table[kind][(__force int)(fill->flags & MFILL_ATOMIC_MODE_MASK)];
	if (!fill->step_fn)
		return -EINVAL;

	fill->orders = fill->len > PAGE_SIZE ? uffd_huge_orders(fill->vma, fill->len) : 0;
	fill_check_folio(fill, kind);
	return 0;
}

static void fill_unlock(struct uffd_fill *fill)
{
	up_read(&fill->target->changes->sem);
	if (fill->vma)
		uffd_vma_unlock(fill->vma);
	fill->vma = NULL;
	fill->pmd = NULL;
}

static int fill_find(struct uffd_fill *fill)
{
	struct vm_area_struct *vma = uffd_vma_lock(fill->target->mm, fill->dst);

	if (IS_ERR(vma))
		return PTR_ERR(vma);
	if (!userfaultfd_armed(vma) || fill->len > vma->vm_end - fill->dst) {
		uffd_vma_unlock(vma);
		return -ENOENT;
	}
	fill->vma = vma;
	return 0;
}

/*
 * Locks what is left of the range. A pending change is the better answer, even if
 * there is no VMA any more: the monitor shall read about it and not wonder.
 */
static int fill_lock(struct uffd_fill *fill)
{
	struct uffd_changes *changes = fill->target->changes;
	int err = fill_find(fill);

	down_read(&changes->sem);
	if (uffd_change_pending(changes, fill->dst, fill->dst + fill->len))
		err = -EAGAIN;
	if (!err)
		err = fill_judge(fill);
	if (err)
		fill_unlock(fill);
	return err;
}

/* Somebody waits to change the layout: better now than after a gigabyte. */
static bool fill_contended(struct uffd_fill *fill)
{
	return rwsem_is_contended(&fill->target->changes->sem) ||
	       uffd_vma_contended(fill->vma);
}

static void fill_advance(struct uffd_fill *fill)
{
	fill->dst += fill->step;
	fill->src += fill->step;
	fill->len -= fill->step;
	if (IS_ALIGNED(fill->dst, PMD_SIZE))
		fill->pmd = NULL;
}

static int fill_locked(struct uffd_fill *fill)
{
	for (;;) {
		int verdict = fill->step_fn(fill);

		if (verdict == FILL_DONE)
			fill_advance(fill);
		else if (verdict != FILL_AGAIN)
			return verdict;
		if (!fill->len)
			return FILL_DONE;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (fill_contended(fill))
			return FILL_DONE;
	}
}

/*
 * With nothing locked. If a part of the source can't be read, the pages before it are
 * filled all the same: so what was meant for a large folio is done page by page.
 */
static int fill_outside(struct uffd_fill *fill)
{
	int err = uffd_folio_copy(fill->folio, fill->src, true);

	if (err && folio_test_large(fill->folio) && !folio_test_hugetlb(fill->folio)) {
		fill_drop_folio(fill);
		fill->small = true;
		return 0;
	}
	return err;
}

static ssize_t fill_range(struct uffd_fill *fill)
{
	unsigned long asked = fill->len;
	int err = 0;

	while (fill->len && err >= 0) {
		err = fill_lock(fill);
		if (err)
			break;
		err = fill_locked(fill);
		fill_unlock(fill);
		if (err == FILL_OUTSIDE)
			err = fill_outside(fill);
	}
	fill_drop_folio(fill);
	return fill->len < asked ? asked - fill->len : err;
}

ssize_t uffd_fill_copy(const struct uffd_target *target, unsigned long dst,
		       unsigned long src, unsigned long len, uffd_flags_t flags)
{
	struct uffd_fill fill = {
		.target = target, .dst = dst, .src = src, .len = len,
		.flags = uffd_flags_set_mode(flags, MFILL_ATOMIC_COPY),
	};

	return fill_range(&fill);
}

ssize_t uffd_fill_zeropage(const struct uffd_target *target, unsigned long dst,
			   unsigned long len)
{
	struct uffd_fill fill = {
		.target = target, .dst = dst, .len = len,
		.flags = uffd_flags_set_mode(0, MFILL_ATOMIC_ZEROPAGE),
	};

	return fill_range(&fill);
}

ssize_t uffd_fill_continue(const struct uffd_target *target, unsigned long dst,
			   unsigned long len, uffd_flags_t flags)
{
	struct uffd_fill fill = {
		.target = target, .dst = dst, .len = len,
		.flags = uffd_flags_set_mode(flags, MFILL_ATOMIC_CONTINUE),
	};

	/*
	 * The monitor has written to the page through another mapping. Who sees it
	 * mapped here shall see what was written, too.
	 */
	smp_wmb();
	return fill_range(&fill);
}

ssize_t uffd_fill_poison(const struct uffd_target *target, unsigned long dst,
			 unsigned long len)
{
	struct uffd_fill fill = {
		.target = target, .dst = dst, .len = len,
		.flags = uffd_flags_set_mode(0, MFILL_ATOMIC_POISON),
	};

	return fill_range(&fill);
}
