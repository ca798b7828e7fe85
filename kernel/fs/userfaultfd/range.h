/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The check of a range that an ioctl's argument names.
 */
#ifndef _FS_USERFAULTFD_RANGE_H
#define _FS_USERFAULTFD_RANGE_H

#include <linux/mm.h>
#include <linux/userfaultfd/context.h>

/* -EINVAL unless it is a range of whole pages within the address space. */
static inline int uffd_range_check(struct userfaultfd_ctx *ctx, u64 start, u64 len)
{
	u64 size = ctx->mm->task_size;

	if (!len || offset_in_page(start | len))
		return -EINVAL;
	/* In this order nothing wraps. */
	return start >= size || len > size - start ? -EINVAL : 0;
}

#endif /* _FS_USERFAULTFD_RANGE_H */
