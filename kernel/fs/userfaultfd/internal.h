/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of this directory have from each other, beside the core.
 */
#ifndef _FS_USERFAULTFD_INTERNAL_H
#define _FS_USERFAULTFD_INTERNAL_H

#include <linux/types.h>
#include <linux/userfaultfd/context.h>

struct file;
struct inode;
struct iov_iter;
struct kiocb;

/* file.c */
extern const struct file_operations uffd_file_ops;
/* A new file of ctx, whose reference it takes over if it succeeds. */
struct file *uffd_file_new(struct userfaultfd_ctx *ctx, const struct inode *parent);
/* Undoes uffd_file_new() for a file that nobody has seen; ctx stays. */
void uffd_file_discard(struct file *file);
/* A new context of the caller's, in a new descriptor. */
int uffd_open(unsigned long flags);

/* read.c */
ssize_t uffd_read_iter(struct kiocb *iocb, struct iov_iter *to);

/* notifier.c */
int uffd_notifier_register(struct userfaultfd_ctx *ctx);
void uffd_notifier_unregister(struct userfaultfd_ctx *ctx);

/* register.c */
long uffd_ioctl_register(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_unregister(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_wake(struct userfaultfd_ctx *ctx, void __user *argument);

/* api.c, fill.c, ioctl.c */
long uffd_ioctl_api(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_copy(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_copy_many(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_zeropage(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_continue(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_poison(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_writeprotect(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl_move(struct userfaultfd_ctx *ctx, void __user *argument);
long uffd_ioctl(struct file *file, unsigned int cmd, unsigned long argument);

#endif /* _FS_USERFAULTFD_INTERNAL_H */
