// SPDX-License-Identifier: GPL-2.0-only
/*
 * UFFDIO_REGISTER, UFFDIO_UNREGISTER, and UFFDIO_WAKE: the ioctls about a range as
 * such. Their work on VMAs is mm's, see mm/userfaultfd/registration.c.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd_k.h>
#include <linux/userfaultfd/registration.h>

#include "internal.h"
#include "range.h"

/* Modes of the ABI, the flags of the VMA that they are, and whether there are any. */
static const struct {
	u64 mode;
	unsigned long flag;
	bool there_is;
} mode_table[] = {
	{ UFFDIO_REGISTER_MODE_MINOR, VM_UFFD_MINOR,
	  IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_MINOR) },
	{ UFFDIO_REGISTER_MODE_MISSING, VM_UFFD_MISSING, true },
	{ UFFDIO_REGISTER_MODE_WP, VM_UFFD_WP, IS_ENABLED(CONFIG_HAVE_ARCH_USERFAULTFD_WP) },
};

/* The flags of the VMA, or 0: a mode is unknown, or there is none. */
static unsigned long modes_to_flags(u64 modes)
{
	unsigned long flags = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(mode_table); i++) {
		if (!(modes & mode_table[i].mode))
			continue;
		if (!mode_table[i].there_is)
			return 0;
		flags |= mode_table[i].flag;
		modes &= ~mode_table[i].mode;
	}
	return modes ? 0 : flags;
}

/* What can be done to a range. Its huge pages can't be made of zeros, or moved. */
static u64 range_ioctls(u64 modes, bool hugetlb)
{
	u64 ioctls = hugetlb ? UFFD_API_RANGE_IOCTLS_BASIC : UFFD_API_RANGE_IOCTLS;

	if (!(modes & UFFDIO_REGISTER_MODE_WP))
		ioctls &= ~((u64)1 << _UFFDIO_WRITEPROTECT);
	if (!(modes & UFFDIO_REGISTER_MODE_MINOR))
		ioctls &= ~((u64)1 << _UFFDIO_CONTINUE);
	return ioctls;
}

long uffd_ioctl_register(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_register __user *user = argument;
	struct uffdio_register args;
	unsigned long flags;
	bool hugetlb;
	int error;

	/* All but what is answered. */
	if (copy_from_user(&args, user, offsetof(struct uffdio_register, ioctls)))
		return -EFAULT;
	flags = modes_to_flags(args.mode);
	if (!flags)
		return -EINVAL;
	error = uffd_range_check(ctx, args.range.start, args.range.len);
	if (error)
		return error;
	if (!mmget_not_zero(ctx->mm))
		return -ENOMEM;
	error = uffd_register_range(ctx, args.range.start, args.range.start + args.range.len,
				    flags, &hugetlb);
	mmput(ctx->mm);
	if (error)
		return error;
	/* The range is registered, even if this can't be told. */
	return put_user(range_ioctls(args.mode, hugetlb), &user->ioctls);
}

long uffd_ioctl_unregister(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_range range;
	int error;

	if (copy_from_user(&range, argument, sizeof(range)))
		return -EFAULT;
	error = uffd_range_check(ctx, range.start, range.len);
	if (error)
		return error;
	if (!mmget_not_zero(ctx->mm))
		return -ENOMEM;
	error = uffd_unregister_range(ctx, range.start, range.start + range.len);
	mmput(ctx->mm);
	return error;
}

long uffd_ioctl_wake(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_range range;
	int error;

	if (copy_from_user(&range, argument, sizeof(range)))
		return -EFAULT;
	error = uffd_range_check(ctx, range.start, range.len);
	if (!error)
		uffd_ctx_wake(ctx, range.start, range.len);
	return error;
}
