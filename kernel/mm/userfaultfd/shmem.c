// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy and zeros into shared memory that lives in a file: the page goes into the page
 * cache, which shmem does with our mfill_atomic_install_pte().
 */
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include "internal.h"

int fill_shmem(struct uffd_fill *fill)
{
	pmd_t *pmd;
	int err;

	err = uffd_fill_table(fill, &pmd);
	if (err)
		return err;
	err = shmem_mfill_atomic_pte(pmd, fill->vma, fill->dst, fill->src, fill->flags,
				     &fill->folio);
	fill->step = PAGE_SIZE;
	if (err == -ENOENT && fill->folio)
		return FILL_OUTSIDE;
	/* The table went; shmem has undone everything. */
	return err == -EAGAIN ? FILL_AGAIN : err;
}
