// SPDX-License-Identifier: GPL-2.0-only
/*
 * User data into large folios, page by page. See folio.h.
 */
#include "folio.h"

int uffd_large_copy(struct folio *folio, unsigned long src, bool may_fault)
{
	long nr = folio_nr_pages(folio);
	long i;

	for (i = 0; i < nr; i++) {
		if (uffd_page_copy(folio_page(folio, i), src + i * PAGE_SIZE, may_fault))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}
