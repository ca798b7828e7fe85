// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ioctls.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mm.h>

#include "internal.h"

static const struct {
	unsigned int cmd;
	long (*call)(struct userfaultfd_ctx *ctx, void __user *argument);
} ioctl_table[] = {
	{ UFFDIO_API,		uffd_ioctl_api },
	{ UFFDIO_CONTINUE,	uffd_ioctl_continue },
	{ UFFDIO_COPY,		uffd_ioctl_copy },
	{ UFFDIO_COPY_MANY,	uffd_ioctl_copy_many },
	{ UFFDIO_MOVE,		uffd_ioctl_move },
	{ UFFDIO_POISON,	uffd_ioctl_poison },
	{ UFFDIO_REGISTER,	uffd_ioctl_register },
	{ UFFDIO_UNREGISTER,	uffd_ioctl_unregister },
	{ UFFDIO_WAKE,		uffd_ioctl_wake },
	{ UFFDIO_WRITEPROTECT,	uffd_ioctl_writeprotect },
	{ UFFDIO_ZEROPAGE,	uffd_ioctl_zeropage },
};

long uffd_ioctl(struct file *file, unsigned int cmd, unsigned long argument)
{
	struct userfaultfd_ctx *ctx = file->private_data;
	int i;

	if (cmd != UFFDIO_API && !uffd_ctx_initialized(ctx))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(ioctl_table); i++)
		if (ioctl_table[i].cmd == cmd)
			return ioctl_table[i].call(ctx, (void __user *)argument);
	return -EINVAL;
}

int uffd_range_check(struct userfaultfd_ctx *ctx, u64 start, u64 len)
{
	u64 size = ctx->mm->task_size;

	if (!len || offset_in_page(start) || offset_in_page(len))
		return -EINVAL;
	/* In this order nothing wraps. */
	return start >= size || len > size - start ? -EINVAL : 0;
}
