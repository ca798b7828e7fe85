// SPDX-License-Identifier: GPL-2.0-only
/*
 * Puts one page, or one folio, into a page table.
 *
 * Under the page table's lock three things are certain that were only likely
 * before: the table is there, the place is free, and (for a file) the page lies
 * before its end. A file is shortened in this order: its size first, then its
 * mappings are zapped, which takes our lock; so a page that we put in after looking
 * at the size is either allowed or about to be zapped.
 */
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include "../internal.h"
#include "internal.h"

/* Is addr past the end of the file that is mapped there? */
bool uffd_past_end(struct vm_area_struct *vma, unsigned long addr)
{
	struct inode *inode;

	if (vma_is_anonymous(vma))
		return false;
	inode = file_inode(vma->vm_file);
	return linear_page_index(vma, addr) >= DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
}

bool uffd_pte_range_none(pte_t *pte, unsigned int nr)
{
	while (nr--)
		if (!pte_none(ptep_get_lockless(pte++)))
			return false;
	return true;
}

/*
 * Always dirty: the data exists nowhere else, and must not be thrown away because
 * the page is clean.
 */
static pte_t new_pte(struct vm_area_struct *vma, struct page *page, bool in_cache,
		     uffd_flags_t flags)
{
	pte_t pte = pte_sw_mkyoung(pte_mkdirty(mk_pte(page, vma->vm_page_prot)));
	bool writable = vma->vm_flags & VM_WRITE;

	/* A private mapping of the file's own page: the first write copies it. */
	if (in_cache && !(vma->vm_flags & VM_SHARED))
		writable = false;
	if (flags & MFILL_ATOMIC_WP)
		return pte_mkuffd_wp(pte_wrprotect(pte));
	/* The protection of a shared mapping may leave writing out, so both ways. */
	return writable ? pte_mkwrite(pte, vma) : pte_wrprotect(pte);
}

/*
 * Maps a page at dst_addr; the page table takes over the caller's reference. The
 * folio is new, or the caller has locked it: so it stays where it is.
 *
 * Which lists the folio is on follows from what it is: in the page cache it's the
 * file's; otherwise it's new, private and ours alone. newly_allocated: it isn't on
 * any list yet. -EAGAIN no table, -EEXIST taken, -EFAULT past the end of the file.
 */
int mfill_atomic_install_pte(pmd_t *dst_pmd, struct vm_area_struct *dst_vma,
			     unsigned long dst_addr, struct page *page,
			     bool newly_allocated, uffd_flags_t flags)
{
	struct folio *folio = page_folio(page);
	struct mm_struct *mm = dst_vma->vm_mm;
	bool in_cache = READ_ONCE(folio->mapping);
	bool own_zeros = !in_cache && uffd_flags_mode_is(flags, MFILL_ATOMIC_ZEROPAGE);
	spinlock_t *ptl;
	pte_t *ptep;
	pte_t pte;
	int err = -EFAULT;

	ptep = pte_offset_map_lock(mm, dst_pmd, dst_addr, &ptl);
	if (!ptep)
		return -EAGAIN;
	if (uffd_past_end(dst_vma, dst_addr))
		goto unlock;
	err = -EEXIST;
	/* A marker stands for nothing but how to treat the page that comes; see zeropage.c. */
	if (own_zeros ? !pte_none(ptep_get(ptep)) : !pte_none_mostly(ptep_get(ptep)))
		goto unlock;

	if (in_cache) {
		if (newly_allocated)
			folio_add_lru(folio);
		folio_add_file_rmap_pte(folio, page, dst_vma);
	} else {
		folio_add_new_anon_rmap(folio, dst_vma, dst_addr, RMAP_EXCLUSIVE);
		folio_add_lru_vma(folio, dst_vma);
	}
	inc_mm_counter(mm, mm_counter(folio));
	pte = new_pte(dst_vma, page, in_cache, flags);
	set_pte_at(mm, dst_addr, ptep, pte);
	/* Nothing was there: no TLB has an entry that had to go. */
	update_mmu_cache(dst_vma, dst_addr, ptep);
	err = 0;
unlock:
	pte_unmap_unlock(ptep, ptl);
	return err;
}
