/* SPDX-License-Identifier: GPL-2.0-only */
/* Address spaces are counters here: of those who know them. */
#pragma once

#include <linux/refcount.h>

struct mm_struct {
	refcount_t mm_count;
};

static inline void mmgrab(struct mm_struct *mm)
{
	refcount_inc(&mm->mm_count);
}

static inline void mmdrop(struct mm_struct *mm)
{
	WARN_ON(refcount_dec_and_test(&mm->mm_count));
}
