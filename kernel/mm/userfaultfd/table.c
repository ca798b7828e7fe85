// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways down the page tables to a place that is filled or moved.
 *
 * The VMA is locked, so that upper levels stay. A table of PTEs may come and go:
 * whoever maps it with pte_offset_map_lock() has to live with not finding it.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <asm/pgalloc.h>
#include "internal.h"

/* The PMD of addr, or NULL if there is none. */
pmd_t *uffd_pmd_find(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (!pgd_present(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (!pud_present(*pud))
		return NULL;
	return pmd_offset(pud, addr);
}

/* The PMD of addr, made if there is none; NULL: no memory. */
pmd_t *uffd_pmd_alloc(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	p4d = p4d_alloc(mm, pgd, addr);
	if (!p4d)
		return NULL;
	pud = pud_alloc(mm, p4d, addr);
	if (!pud)
		return NULL;
	return pmd_alloc(mm, pud, addr);
}

/*
 * Sees to it that pmd has a table of PTEs: 0, FILL_AGAIN or -errno. -EEXIST: a huge
 * page is there, or is being migrated.
 */
int uffd_pte_table(struct mm_struct *mm, pmd_t *pmd)
{
	pmd_t val = pmdp_get_lockless(pmd);

	if (pmd_none(val)) {
		if (pte_alloc(mm, pmd))
			return -ENOMEM;
		val = pmdp_get_lockless(pmd);
		/* A file's table may be taken back at once, for a huge page. */
		if (pmd_none(val))
			return FILL_AGAIN;
	}
	if (is_swap_pmd(val) || pmd_leaf(val) || pmd_devmap(val))
		return -EEXIST;
	if (unlikely(pmd_bad(val)))
		return -EFAULT;
	return 0;
}

/* The PMD, with a table, of what a fill is at. */
int uffd_fill_table(struct uffd_fill *fill, pmd_t **pmd)
{
	*pmd = uffd_fill_pmd(fill);
	if (!*pmd)
		return -ENOMEM;
	return uffd_pte_table(fill->target->mm, *pmd);
}
