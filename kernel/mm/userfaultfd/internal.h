/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the files of this directory work together.
 *
 * A fill (copy, zeropage, continue, poison) is a loop over steps. fill.c locks the
 * target (target.c), picks the step for the kind of mapping and the mode from a
 * table, and calls it until the range is done. A step looks for the place in the
 * page tables (table.c), gets a folio (folio.h) and puts it in (install.c, huge.c).
 *
 * Locks, outermost first:
 *	mmap_lock, for reading: only to find the VMA when its own lock can't be
 *		had, and to write-protect
 *	the VMA's lock, for reading (mmap_lock, where VMAs have none)
 *	uffd_changes.sem, for reading
 *	hugetlb: the fault mutex > the VMA's hugetlb lock
 *	move: folio lock > anon_vma lock
 *	page table locks
 * User memory is read with page faults disabled while any of these is held: the
 * source may be in an address space whose mmap_lock somebody holds who waits for us.
 */
#ifndef _MM_USERFAULTFD_INTERNAL_H
#define _MM_USERFAULTFD_INTERNAL_H

#include <linux/userfaultfd/fill.h>
#include <linux/mm.h>

/* What a step says; or -errno. */
enum fill_verdict {
	FILL_DONE,	/* step bytes are filled */
	FILL_AGAIN,	/* the page table changed under us: look again */
	FILL_OUTSIDE,	/* folio wants its data copied with no lock held */
};

/* One fill. */
struct uffd_fill {
	const struct uffd_target *target;
	uffd_flags_t flags;

	/* What is left. */
	unsigned long dst;
	unsigned long src;
	unsigned long len;

	bool small;		/* no large folios */

	/* Only while locked. */
	struct vm_area_struct *vma;
	pmd_t *pmd;		/* of dst; NULL: not looked up yet */
	int (*step_fn)(struct uffd_fill *fill);
	unsigned long step;	/* bytes of the last step */
	unsigned long orders;	/* of large folios that the mapping wants; a bit each */

	/*
	 * A folio for dst that has not been put in yet; it survives unlocking. Once
	 * data has been copied into it outside of locks it is not copied again.
	 */
	struct folio *folio;
	int (*folio_for)(struct uffd_fill *fill);	/* the step it was made for */
};

/* Steps, one for each kind of mapping and mode. */
int fill_anon_copy(struct uffd_fill *fill);
int fill_private_zeropage(struct uffd_fill *fill);
int fill_shmem(struct uffd_fill *fill);
int fill_shmem_continue(struct uffd_fill *fill);
int fill_poison(struct uffd_fill *fill);
int fill_hugetlb(struct uffd_fill *fill);

/* target.c: both return ERR_PTR or -errno: -ENOENT, -ENOMEM, -EINTR. */
struct vm_area_struct *uffd_vma_lock(struct mm_struct *mm, unsigned long addr);
int uffd_vma_lock_pair(struct mm_struct *mm, unsigned long dst, unsigned long src,
		       struct vm_area_struct **dst_vma, struct vm_area_struct **src_vma);
void uffd_vma_unlock_pair(struct vm_area_struct *dst_vma, struct vm_area_struct *src_vma);

#ifdef CONFIG_PER_VMA_LOCK
static inline void uffd_vma_unlock(struct vm_area_struct *vma)
{
	vma_end_read(vma);
}

/* Does somebody wait who wants to change the VMA? */
static inline bool uffd_vma_contended(struct vm_area_struct *vma)
{
	return rwsem_is_contended(&vma->vm_lock->lock);
}
#else
static inline void uffd_vma_unlock(struct vm_area_struct *vma)
{
	mmap_read_unlock(vma->vm_mm);
}

static inline bool uffd_vma_contended(struct vm_area_struct *vma)
{
	return mmap_lock_is_contended(vma->vm_mm);
}
#endif

/* table.c */
pmd_t *uffd_pmd_find(struct mm_struct *mm, unsigned long addr);
pmd_t *uffd_pmd_alloc(struct mm_struct *mm, unsigned long addr);
int uffd_pte_table(struct mm_struct *mm, pmd_t *pmd);
int uffd_fill_table(struct uffd_fill *fill, pmd_t **pmd);

/* The PMD of what a fill is at; NULL: no memory. It stays while the VMA is locked. */
static inline pmd_t *uffd_fill_pmd(struct uffd_fill *fill)
{
	if (!fill->pmd)
		fill->pmd = uffd_pmd_alloc(fill->target->mm, fill->dst);
	return fill->pmd;
}

/* folio.c; most of it is in folio.h. */
int uffd_large_copy(struct folio *folio, unsigned long src, bool may_fault);

/* install.c */
bool uffd_past_end(struct vm_area_struct *vma, unsigned long addr);
bool uffd_pte_range_none(pte_t *pte, unsigned int nr);

/* huge.c: folios larger than a page, of anonymous mappings */
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
unsigned long uffd_huge_orders(struct vm_area_struct *vma, unsigned long len);
struct folio *uffd_huge_alloc(struct uffd_fill *fill, pmd_t *pmd);
int uffd_huge_install(struct uffd_fill *fill, pmd_t *pmd);
int uffd_huge_zeropage(struct uffd_fill *fill, pmd_t *pmd);
#else
static inline unsigned long uffd_huge_orders(struct vm_area_struct *vma, unsigned long len)
{
	return 0;
}

static inline struct folio *uffd_huge_alloc(struct uffd_fill *fill, pmd_t *pmd)
{
	return NULL;
}

static inline int uffd_huge_install(struct uffd_fill *fill, pmd_t *pmd)
{
	return FILL_AGAIN;
}

static inline int uffd_huge_zeropage(struct uffd_fill *fill, pmd_t *pmd)
{
	return FILL_AGAIN;
}
#endif

/* One move, or what is left of it. In a step, both VMAs and sem are held. */
struct uffd_mover {
	struct mm_struct *mm;
	struct uffd_changes *changes;
	struct vm_area_struct *dst_vma;
	struct vm_area_struct *src_vma;
	unsigned long dst;
	unsigned long src;
	unsigned long len;
	bool holes;		/* a hole in the source is moved, too */
	bool drained;		/* the folio that is to be split is on no CPU's list */
};

/* One page: 0, -EAGAIN to look again, or -errno. src_pmd and dst_pmd have tables. */
int uffd_move_pte(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd);
int uffd_move_swap(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd, pte_t orig);

/*
 * The two entries of a move, mapped, with both page table locks held. Succeeds only
 * if the source is still orig and the destination empty.
 */
struct uffd_pte_pair {
	pte_t *dst;
	pte_t *src;
	spinlock_t *dst_ptl;
	spinlock_t *src_ptl;
};

int uffd_pair_lock(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd, pte_t orig,
		   struct uffd_pte_pair *pair);
void uffd_pair_unlock(struct uffd_pte_pair *pair);

#endif /* _MM_USERFAULTFD_INTERNAL_H */
