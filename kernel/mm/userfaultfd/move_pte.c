// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves one page that is present.
 *
 * Who walks from the folio to its mappings (reclaim, migration) holds the folio's
 * lock or its anon_vma's, and must find it either at the old place or at the new one:
 * both are taken. Who walks the page tables sees both entries change under their
 * locks. And who pins a page without any lock rechecks the entry afterwards; so the
 * entry is taken out first and the pin count looked at again.
 */
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include "../internal.h"
#include "internal.h"

/* May this page change its place? Called with the lock of the source's table. */
static bool page_ours_alone(struct folio *folio, struct page *page)
{
	return folio_test_anon(folio) && !folio_test_ksm(folio) && PageAnonExclusive(page) &&
	       !folio_maybe_dma_pinned(folio);
}

int uffd_pair_lock(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd, pte_t orig,
		   struct uffd_pte_pair *pair)
{
	int err = -EAGAIN;

	pair->dst = pte_offset_map_nolock(move->mm, dst_pmd, move->dst, &pair->dst_ptl);
	if (!pair->dst)
		return -EAGAIN;
	pair->src = pte_offset_map_nolock(move->mm, src_pmd, move->src, &pair->src_ptl);
	if (!pair->src)
		goto unmap_dst;
	double_pt_lock(pair->src_ptl, pair->dst_ptl);
	/*
	 * Tables of anonymous memory are freed only with the VMA, or for a huge page by
	 * one who holds the VMA's lock for writing: both are still the ones of the PMDs.
	 */
	if (!pte_same(ptep_get(pair->src), orig))
		goto unlock;
	err = -EEXIST;
	if (!pte_none(ptep_get(pair->dst)))
		goto unlock;
	return 0;

unlock:
	double_pt_unlock(pair->src_ptl, pair->dst_ptl);
	pte_unmap(pair->src);
unmap_dst:
	pte_unmap(pair->dst);
	return err;
}

void uffd_pair_unlock(struct uffd_pte_pair *pair)
{
	double_pt_unlock(pair->src_ptl, pair->dst_ptl);
	pte_unmap(pair->src);
	pte_unmap(pair->dst);
}

/* The destination's entry for the page that was mapped by orig. */
static pte_t moved_pte(struct vm_area_struct *vma, struct page *page, pte_t orig)
{
	pte_t pte = pte_mksoft_dirty(mk_pte(page, vma->vm_page_prot));

	if (pte_dirty(orig))
		pte = pte_mkdirty(pte);
	return pte_mkwrite(pte, vma);
}

static int move_present_locked(struct uffd_mover *move, struct uffd_pte_pair *pair,
			       struct page *page)
{
	struct folio *folio = page_folio(page);
	pte_t orig;

	if (!page_ours_alone(folio, page))
		return -EBUSY;
	orig = ptep_clear_flush(move->src_vma, move->src, pair->src);
	if (folio_maybe_dma_pinned(folio)) {
		set_pte_at(move->mm, move->src, pair->src, orig);
		return -EBUSY;
	}
	folio_move_anon_rmap(folio, move->dst_vma);
	folio->index = linear_page_index(move->dst_vma, move->dst);
	set_pte_at(move->mm, move->dst, pair->dst, moved_pte(move->dst_vma, page, orig));
	return 0;
}

/*
 * A large folio has one place for all of its pages: they can't go different ways. A
 * young one has a reference from some CPU's list that is still to be drained; that
 * isn't a user, so it's tried once more without. To drain is to wait for all CPUs,
 * and is done with neither the folio locked nor the notifiers told to stand by.
 */
static int split_large(struct uffd_mover *move, struct folio *folio)
{
	int err = 0;

	folio_lock(folio);
	if (folio_test_large(folio))
		err = split_folio(folio);
	folio_unlock(folio);
	if (!err) {
		move->drained = false;
		return -EAGAIN;
	}
	if (move->drained)
		return -EBUSY;
	lru_add_drain_all();
	move->drained = true;
	return -EAGAIN;
}

static int move_folio(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd,
		      pte_t orig, struct page *page)
{
	struct folio *folio = page_folio(page);
	struct uffd_pte_pair pair;
	struct anon_vma *anon_vma;
	int err;

	folio_lock(folio);
	err = -EAGAIN;
	/* NULL: it was unmapped meanwhile. */
	anon_vma = folio_get_anon_vma(folio);
	if (!anon_vma)
		goto unlock_folio;
	anon_vma_lock_write(anon_vma);
	err = uffd_pair_lock(move, dst_pmd, src_pmd, orig, &pair);
	if (err)
		goto unlock_anon_vma;
	err = move_present_locked(move, &pair, page);
	uffd_pair_unlock(&pair);

unlock_anon_vma:
	anon_vma_unlock_write(anon_vma);
	put_anon_vma(anon_vma);
unlock_folio:
	folio_unlock(folio);
	return err;
}

static int move_zeros(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd, pte_t orig)
{
	struct vm_area_struct *vma = move->dst_vma;
	struct uffd_pte_pair pair;
	int err;

	err = uffd_pair_lock(move, dst_pmd, src_pmd, orig, &pair);
	if (err)
		return err;
	ptep_clear_flush(move->src_vma, move->src, pair.src);
	set_pte_at(move->mm, move->dst, pair.dst,
		   pte_mkspecial(pfn_pte(my_zero_pfn(move->dst), vma->vm_page_prot)));
	uffd_pair_unlock(&pair);
	return 0;
}

/*
 * What is at the source? *page gets a reference if it is one that can be moved; NULL
 * and 0: look at *orig.
 */
static int look(struct uffd_mover *move, pmd_t *src_pmd, pte_t *orig, struct page **page)
{
	spinlock_t *ptl;
	pte_t *ptep;
	int err = 0;

	*page = NULL;
	ptep = pte_offset_map_lock(move->mm, src_pmd, move->src, &ptl);
	if (!ptep)
		return -EAGAIN;
	*orig = ptep_get(ptep);
	if (!pte_present(*orig) || is_zero_pfn(pte_pfn(*orig)))
		goto unlock;
	*page = vm_normal_page(move->src_vma, move->src, *orig);
	err = -EBUSY;
	if (!*page || !page_ours_alone(page_folio(*page), *page)) {
		*page = NULL;
		goto unlock;
	}
	folio_get(page_folio(*page));
	err = 0;
unlock:
	pte_unmap_unlock(ptep, ptl);
	return err;
}

static int move_orig(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd,
		     pte_t orig, struct page *page)
{
	if (page)
		return move_folio(move, dst_pmd, src_pmd, orig, page);
	if (pte_none(orig))
		return move->holes ? 0 : -ENOENT;
	if (pte_present(orig))
		return move_zeros(move, dst_pmd, src_pmd, orig);
	return uffd_move_swap(move, dst_pmd, src_pmd, orig);
}

int uffd_move_pte(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd)
{
	struct mmu_notifier_range range;
	struct folio *folio = NULL;
	struct page *page;
	pte_t orig;
	int err;

	err = look(move, src_pmd, &orig, &page);
	if (err)
		return err;
	/* The reference is on this one, even if the page leaves it by a split. */
	if (page)
		folio = page_folio(page);
	if (folio && folio_test_large(folio)) {
		err = split_large(move, folio);
		goto put_folio;
	}
	mmu_notifier_range_init(&range, MMU_NOTIFY_CLEAR, 0, move->mm, move->src,
				move->src + PAGE_SIZE);
	mmu_notifier_invalidate_range_start(&range);
	err = move_orig(move, dst_pmd, src_pmd, orig, page);
	mmu_notifier_invalidate_range_end(&range);
put_folio:
	if (folio)
		folio_put(folio);
	return err;
}
