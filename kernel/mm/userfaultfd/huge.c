// SPDX-License-Identifier: GPL-2.0-only
/*
 * Folios larger than one page, for copies into anonymous memory.
 *
 * A fill that covers the whole of a large folio's place says that all of its pages
 * are wanted now. Where the system would have used such a folio for a fault in an
 * ordinary mapping (transparent_hugepage/enabled, madvise, prctl), the fill uses it.
 *
 *	dst       |..aaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbcc.|
 *	aligned to    |16K    |64K      |2M               |4K
 *
 * The order is the largest one that is enabled, to which the place is aligned, which
 * what is left of the range can fill, and under which the page table is empty. Not
 * even a marker may be there: a marker is about one page, and one page would overwrite
 * it only because it was named.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <asm/pgalloc.h>
#include "folio.h"

/* The orders up to that of len. */
static unsigned long orders_within(unsigned long len)
{
	return BIT(ilog2(len >> PAGE_SHIFT) + 1) - 1;
}

/* Orders that the mapping wants, for len bytes. Asked once for all that is filled under a lock. */
unsigned long uffd_huge_orders(struct vm_area_struct *vma, unsigned long len)
{
	unsigned long orders = THP_ORDERS_ALL_ANON & orders_within(len);

	if (!orders || !vma_is_anonymous(vma))
		return 0;
	return thp_vma_allowable_orders(vma, vma->vm_flags, TVA_IN_PF | TVA_ENFORCE_SYSFS, orders);
}

/* Of those, the ones that the range has room for. */
static unsigned long orders_wanted(struct uffd_fill *fill)
{
	unsigned long place = fill->dst >> PAGE_SHIFT;
	unsigned long orders = fill->orders;

	if (!orders || fill->small)
		return 0;
	if (place)
		orders &= BIT(__ffs(place) + 1) - 1;
	return orders & orders_within(fill->len);
}

/* Of those, the ones under which the table is empty. */
static unsigned long orders_free(struct uffd_fill *fill, pmd_t *pmd, unsigned long orders)
{
	pte_t *pte;
	int order;

	if (pmd_none(pmdp_get_lockless(pmd)))
		return orders;
	orders &= BIT(PMD_ORDER) - 1;
	if (!orders)
		return 0;
	pte = pte_offset_map(pmd, fill->dst);
	if (!pte)
		return 0;
	for (order = highest_order(orders); orders; order = next_order(&orders, order))
		if (uffd_pte_range_none(pte, 1 << order))
			break;
	pte_unmap(pte);
	return orders;
}

/* The largest folio for what the fill is at, or NULL: take a page. */
struct folio *uffd_huge_alloc(struct uffd_fill *fill, pmd_t *pmd)
{
	unsigned long orders = orders_wanted(fill);
	int order;

	if (!orders)
		return NULL;
	orders = orders_free(fill, pmd, orders);
	for (order = highest_order(orders); orders; order = next_order(&orders, order)) {
		struct folio *folio = uffd_folio_alloc(fill, order);

		if (folio)
			return folio;
		count_mthp_stat(order, MTHP_STAT_ANON_FAULT_FALLBACK);
	}
	return NULL;
}

static void account(struct uffd_fill *fill, struct folio *folio)
{
	struct vm_area_struct *vma = fill->vma;

	folio_add_new_anon_rmap(folio, vma, fill->dst, RMAP_EXCLUSIVE);
	folio_add_lru_vma(folio, vma);
	add_mm_counter(vma->vm_mm, MM_ANONPAGES, folio_nr_pages(folio));
	count_mthp_stat(folio_order(folio), MTHP_STAT_ANON_FAULT_ALLOC);
}

static pmd_t new_pmd(struct uffd_fill *fill, struct folio *folio)
{
	struct vm_area_struct *vma = fill->vma;
	pmd_t pmd = pmd_mkdirty(mk_huge_pmd(folio_page(folio, 0), vma->vm_page_prot));

	if (fill->flags & MFILL_ATOMIC_WP)
		return pmd_mkuffd_wp(pmd_wrprotect(pmd));
	return maybe_pmd_mkwrite(pmd, vma);
}

static void map_pmd(struct uffd_fill *fill, pmd_t *pmd, pgtable_t table)
{
	struct vm_area_struct *vma = fill->vma;
	struct mm_struct *mm = vma->vm_mm;
	struct folio *folio = fill->folio;

	account(fill, folio);
	/* Kept for the day on which the huge page is split. */
	pgtable_trans_huge_deposit(mm, pmd, table);
	mm_inc_nr_ptes(mm);
	set_pmd_at(mm, fill->dst, pmd, new_pmd(fill, folio));
	update_mmu_cache_pmd(vma, fill->dst, pmd);
	deferred_split_folio(folio, false);
	count_vm_event(THP_FAULT_ALLOC);
	count_memcg_event_mm(mm, THP_FAULT_ALLOC);
}

static int install_pmd(struct uffd_fill *fill, pmd_t *pmd)
{
	struct mm_struct *mm = fill->vma->vm_mm;
	pgtable_t table = pte_alloc_one(mm);
	spinlock_t *ptl;
	bool empty;

	if (!table)
		return -ENOMEM;
	ptl = pmd_lock(mm, pmd);
	empty = pmd_none(*pmd);
	if (empty)
		map_pmd(fill, pmd, table);
	spin_unlock(ptl);
	if (empty)
		return FILL_DONE;
	pte_free(mm, table);
	return FILL_AGAIN;
}

static void map_ptes(struct uffd_fill *fill, pte_t *ptep)
{
	struct vm_area_struct *vma = fill->vma;
	struct folio *folio = fill->folio;
	unsigned int nr = folio_nr_pages(folio);
	pte_t pte = pte_mkdirty(mk_pte(folio_page(folio, 0), vma->vm_page_prot));

	if (fill->flags & MFILL_ATOMIC_WP)
		pte = pte_mkuffd_wp(pte_wrprotect(pte));
	else if (vma->vm_flags & VM_WRITE)
		pte = pte_mkwrite(pte, vma);
	/* One reference for each page that is mapped; one we have. */
	folio_ref_add(folio, nr - 1);
	account(fill, folio);
	set_ptes(vma->vm_mm, fill->dst, ptep, pte_sw_mkyoung(pte), nr);
	update_mmu_cache_range(NULL, vma, fill->dst, ptep, nr);
}

static int install_ptes(struct uffd_fill *fill, pmd_t *pmd)
{
	struct mm_struct *mm = fill->vma->vm_mm;
	int err = FILL_AGAIN;
	spinlock_t *ptl;
	pte_t *ptep;

	err = uffd_pte_table(mm, pmd);
	if (err)
		/* A huge page came: the single page will say so. */
		return err == -EEXIST ? FILL_AGAIN : err;
	ptep = pte_offset_map_lock(mm, pmd, fill->dst, &ptl);
	if (!ptep)
		return FILL_AGAIN;
	err = FILL_AGAIN;
	if (uffd_pte_range_none(ptep, folio_nr_pages(fill->folio))) {
		map_ptes(fill, ptep);
		err = FILL_DONE;
	}
	pte_unmap_unlock(ptep, ptl);
	return err;
}

/* FILL_AGAIN: something has come to lie in the folio's place, and it is given up. */
int uffd_huge_install(struct uffd_fill *fill, pmd_t *pmd)
{
	struct folio *folio = fill->folio;
	int err;

	err = folio_order(folio) == PMD_ORDER ? install_pmd(fill, pmd) : install_ptes(fill, pmd);
	if (err == FILL_DONE)
		fill->step = folio_size(folio);
	else if (err == FILL_AGAIN)
		/* Somebody was faster somewhere in it: smaller ones, then. */
		folio_put(folio);
	else
		return err;
	fill->folio = NULL;
	return err;
}

/* The huge page of zeros, if there is room for it; otherwise FILL_AGAIN. */
int uffd_huge_zeropage(struct uffd_fill *fill, pmd_t *pmd)
{
	struct vm_area_struct *vma = fill->vma;
	struct mm_struct *mm = vma->vm_mm;
	int err = FILL_AGAIN;
	struct folio *zeros;
	pgtable_t table;
	spinlock_t *ptl;

	if (!(orders_wanted(fill) & BIT(PMD_ORDER)) || !pmd_none(pmdp_get_lockless(pmd)) ||
	    !transparent_hugepage_use_zero_page())
		return FILL_AGAIN;
	zeros = mm_get_huge_zero_folio(mm);
	if (!zeros)
		return FILL_AGAIN;
	table = pte_alloc_one(mm);
	if (!table)
		return -ENOMEM;
	ptl = pmd_lock(mm, pmd);
	if (pmd_none(*pmd)) {
		pgtable_trans_huge_deposit(mm, pmd, table);
		mm_inc_nr_ptes(mm);
		set_pmd_at(mm, fill->dst, pmd,
			   mk_huge_pmd(folio_page(zeros, 0), vma->vm_page_prot));
		update_mmu_cache_pmd(vma, fill->dst, pmd);
		table = NULL;
		fill->step = HPAGE_PMD_SIZE;
		err = FILL_DONE;
	}
	spin_unlock(ptl);
	if (table)
		pte_free(mm, table);
	return err;
}
