/* SPDX-License-Identifier: GPL-2.0-only */
/* Which mappings of an image a lazy restore arms with userfaultfd. */
#ifndef CRIU_LITE_PAGES_ARMABLE_H
#define CRIU_LITE_PAGES_ARMABLE_H

#include <stdbool.h>

#include "images/vma.pb-c.h"

enum vma_arming {
	VMA_ARM_NO,			/* filled before the task runs */
	VMA_ARM_PRIVATE,		/* pages come from the task's own page map */
	VMA_ARM_SHARED,			/* pages come from the segment's page map */
};

/*
 * Decides for one VMA (spec/images.md, section 5.2). @anonymous: the mapping is
 * VMA_MEMFD of an inode named "/dev/zero", or "/anon_hugepage", that no
 * descriptor refers to.
 * With VMA_ARM_NO *reason (may be NULL) is a short text for the log, "locked in
 * memory". A VMA that has no pages of its own to fill (a shared file, vvar)
 * is VMA_ARM_NO too.
 */
enum vma_arming vma_arming(const VmaEntry *vma, bool anonymous, const char **reason);

/* log2 of the size of its huge pages; 0: it has none, or the image does not say. */
unsigned int vma_huge(const VmaEntry *vma);

#endif
