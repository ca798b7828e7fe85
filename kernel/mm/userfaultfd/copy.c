// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy into private memory: an anonymous page, even where a file lies below.
 *
 * Where the mapping wants huge pages and the range that is left holds one, the
 * largest folio that fits is filled at once. Nobody can tell but by the time it
 * takes: all of its pages were asked for by the same call.
 *
 * Whether the place is free is not looked at before the page is put in: it nearly
 * always is, and a look costs every page what it saves a few.
 */
#include "folio.h"

/* The largest folio that suits the place, without data. */
static struct folio *get_folio(struct uffd_fill *fill, pmd_t *pmd)
{
	struct folio *folio = fill->orders ? uffd_huge_alloc(fill, pmd) : NULL;

	return folio ?: uffd_folio_alloc(fill, 0);
}

int fill_anon_copy(struct uffd_fill *fill)
{
	pmd_t *pmd = uffd_fill_pmd(fill);

	if (!pmd)
		return -ENOMEM;
	if (!fill->folio) {
		fill->folio = get_folio(fill, pmd);
		if (!fill->folio)
			return -ENOMEM;
		if (uffd_folio_copy(fill->folio, fill->src, false))
			return FILL_OUTSIDE;
	}
	return uffd_folio_install(fill, pmd);
}
