// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves one page that is swapped out: its entry, and nothing is read from swap.
 *
 * A copy of the page may be in the swap cache, with the place it was mapped at; the
 * fault that maps it again compares. So a copy that is there is locked and told the
 * new place, and that none came meanwhile is seen under the page table's lock: who
 * brings one in does so for an entry that he found in the table, and rechecks it.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include "../swap.h"
#include "internal.h"

static bool in_swap_cache(struct swap_info_struct *si, swp_entry_t entry)
{
	return READ_ONCE(si->swap_map[swp_offset(entry)]) & SWAP_HAS_CACHE;
}

/* Is the copy that was found before its folio was locked still that of entry? */
static bool still_cached(struct folio *folio, swp_entry_t entry)
{
	return folio_test_swapcache(folio) && folio->swap.val == entry.val;
}

static int move_entry(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd, pte_t orig,
		      struct swap_info_struct *si, struct folio *folio)
{
	swp_entry_t entry = pte_to_swp_entry(orig);
	struct uffd_pte_pair pair;
	pte_t pte;
	int err;

	err = uffd_pair_lock(move, dst_pmd, src_pmd, orig, &pair);
	if (err)
		return err;
	err = -EAGAIN;
	if (folio ? !still_cached(folio, entry) : in_swap_cache(si, entry))
		goto unlock;
	/* A copy that was never mapped belongs to no place yet. */
	if (folio && folio_test_anon(folio)) {
		folio_move_anon_rmap(folio, move->dst_vma);
		folio->index = linear_page_index(move->dst_vma, move->dst);
	}
	pte = ptep_get_and_clear(move->mm, move->src, pair.src);
	pte = pte_swp_clear_uffd_wp(pte_swp_mksoft_dirty(pte));
	set_pte_at(move->mm, move->dst, pair.dst, pte);
	err = 0;
unlock:
	uffd_pair_unlock(&pair);
	return err;
}

/* si keeps the swap device from being taken away. */
static int move_with_cache(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd,
			   pte_t orig, struct swap_info_struct *si)
{
	swp_entry_t entry = pte_to_swp_entry(orig);
	struct folio *folio;
	int err;

	folio = filemap_get_folio(swap_address_space(entry), swap_cache_index(entry));
	if (IS_ERR(folio))
		return move_entry(move, dst_pmd, src_pmd, orig, si, NULL);
	err = -EBUSY;
	/* It has one place for all of its pages. */
	if (folio_test_large(folio))
		goto put_folio;
	folio_lock(folio);
	err = move_entry(move, dst_pmd, src_pmd, orig, si, folio);
	folio_unlock(folio);
put_folio:
	folio_put(folio);
	return err;
}

int uffd_move_swap(struct uffd_mover *move, pmd_t *dst_pmd, pmd_t *src_pmd, pte_t orig)
{
	swp_entry_t entry = pte_to_swp_entry(orig);
	struct swap_info_struct *si;
	int err;

	if (is_migration_entry(entry)) {
		migration_entry_wait(move->mm, src_pmd, move->src);
		return -EAGAIN;
	}
	if (non_swap_entry(entry))
		return -EFAULT;
	/* Another process has it swapped out, too. */
	if (!pte_swp_exclusive(orig))
		return -EBUSY;
	si = get_swap_device(entry);
	/* Swap is being taken away, which brings the page back. */
	if (!si)
		return -EAGAIN;
	err = move_with_cache(move, dst_pmd, src_pmd, orig, si);
	put_swap_device(si);
	return err;
}
