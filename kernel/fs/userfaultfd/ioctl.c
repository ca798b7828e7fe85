// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of ioctls, by their numbers.
 */
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/nospec.h>

#include "internal.h"

static const struct {
	unsigned int cmd;
	long (*call)(struct userfaultfd_ctx *ctx, void __user *argument);
} ioctl_table[] = {
	[_UFFDIO_API]		= { UFFDIO_API,		uffd_ioctl_api },
	[_UFFDIO_CONTINUE]	= { UFFDIO_CONTINUE,	uffd_ioctl_continue },
	[_UFFDIO_COPY]		= { UFFDIO_COPY,	uffd_ioctl_copy },
	[_UFFDIO_COPY_MANY]	= { UFFDIO_COPY_MANY,	uffd_ioctl_copy_many },
	[_UFFDIO_MOVE]		= { UFFDIO_MOVE,	uffd_ioctl_move },
	[_UFFDIO_POISON]	= { UFFDIO_POISON,	uffd_ioctl_poison },
	[_UFFDIO_REGISTER]	= { UFFDIO_REGISTER,	uffd_ioctl_register },
	[_UFFDIO_UNREGISTER]	= { UFFDIO_UNREGISTER,	uffd_ioctl_unregister },
	[_UFFDIO_WAKE]		= { UFFDIO_WAKE,	uffd_ioctl_wake },
	[_UFFDIO_WRITEPROTECT]	= { UFFDIO_WRITEPROTECT, uffd_ioctl_writeprotect },
	[_UFFDIO_ZEROPAGE]	= { UFFDIO_ZEROPAGE,	uffd_ioctl_zeropage },
};

long uffd_ioctl(struct file *file, unsigned int cmd, unsigned long argument)
{
	struct userfaultfd_ctx *ctx = file->private_data;
	unsigned int number = _IOC_NR(cmd);

	if (number >= ARRAY_SIZE(ioctl_table))
		return -EINVAL;
	number = array_index_nospec(number, ARRAY_SIZE(ioctl_table));
	/* What is not in the table is 0 there, which has the number of one that is. */
	if (ioctl_table[number].cmd != cmd)
		return -EINVAL;
	if (cmd != UFFDIO_API && !uffd_ctx_initialized(ctx))
		return -EINVAL;
	return ioctl_table[number].call(ctx, (void __user *)argument);
}
