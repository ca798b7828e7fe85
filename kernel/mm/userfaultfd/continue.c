// SPDX-License-Identifier: GPL-2.0-only
/*
 * Continue: maps the page that the file already has.
 */
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/shmem_fs.h>
#include "internal.h"

#ifdef CONFIG_SHMEM
/* The page of the file at fill->dst, its folio locked and with a reference. */
static int cache_page(struct uffd_fill *fill, struct page **page)
{
	struct inode *inode = file_inode(fill->vma->vm_file);
	pgoff_t pgoff = linear_page_index(fill->vma, fill->dst);
	struct folio *folio;
	int err;

	err = shmem_get_folio(inode, pgoff, 0, &folio, SGP_NOALLOC);
	/* The file has a hole there: nothing to continue with. */
	if (err == -ENOENT)
		return -EFAULT;
	if (err)
		return err;
	if (!folio)
		return -EFAULT;
	*page = folio_file_page(folio, pgoff);
	if (!PageHWPoison(*page))
		return 0;
	folio_unlock(folio);
	folio_put(folio);
	return -EIO;
}

int fill_shmem_continue(struct uffd_fill *fill)
{
	struct folio *folio;
	struct page *page;
	pmd_t *pmd;
	int err;

	err = uffd_fill_table(fill, &pmd);
	if (err)
		return err;
	err = cache_page(fill, &page);
	if (err)
		return err;
	folio = page_folio(page);
	err = mfill_atomic_install_pte(pmd, fill->vma, fill->dst, page, false, fill->flags);
	folio_unlock(folio);
	if (err)
		folio_put(folio);
	fill->step = PAGE_SIZE;
	return err == -EAGAIN ? FILL_AGAIN : err;
}
#endif
