// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy into private memory: an anonymous page, even where a file lies below.
 *
 * Where the mapping wants huge pages and the range that is left holds one, the
 * largest folio that fits is filled at once. Nobody can tell but by the time it
 * takes: all of its pages were asked for by the same call.
 */
#include <linux/mm.h>
#include "internal.h"

/*
 * Would one page find its place taken? Saves copying it; the answer may age. Where
 * there is no table yet, there is one afterwards.
 */
static int place_free(struct uffd_fill *fill, pmd_t *pmd)
{
	pte_t *pte = pte_offset_map(pmd, fill->dst);
	bool taken;

	if (!pte)
		return uffd_pte_table(fill->target->mm, pmd);
	taken = !pte_none_mostly(ptep_get(pte));
	pte_unmap(pte);
	return taken ? -EEXIST : 0;
}

/* The largest folio that suits the place, without data. */
static int get_folio(struct uffd_fill *fill, pmd_t *pmd)
{
	int err;

	fill->folio = uffd_huge_alloc(fill, pmd);
	if (fill->folio)
		return 0;
	err = place_free(fill, pmd);
	if (err)
		return err;
	fill->folio = uffd_folio_alloc(fill, 0);
	return fill->folio ? 0 : -ENOMEM;
}

int fill_anon_copy(struct uffd_fill *fill)
{
	pmd_t *pmd = uffd_pmd_alloc(fill->target->mm, fill->dst);
	int err;

	if (!pmd)
		return -ENOMEM;
	if (!fill->folio) {
		err = get_folio(fill, pmd);
		if (err)
			return err;
		if (uffd_folio_copy(fill->folio, fill->src, false))
			return FILL_OUTSIDE;
	}
	return uffd_folio_install(fill, pmd);
}
