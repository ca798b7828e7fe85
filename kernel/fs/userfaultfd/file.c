// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor: how it comes to be, is polled, is shown in fdinfo and closed.
 *
 * It is an anonymous inode of its own, so that security modules can have a say,
 * and its name is ABI: "[userfaultfd]".
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/syscalls.h>
#include <linux/sysctl.h>
#include <linux/userfaultfd/registration.h>

#include "internal.h"

static int unprivileged_allowed __read_mostly;

/*
 * Only who asks for it is told of the end: poll for EPOLLRDHUP, or the handshake for
 * EPOLLHUP. That one comes whatever poll is asked for, and who knows that a userfaultfd
 * never says it would take it for a failure, or not sleep any more.
 */
static __poll_t hangup_events(struct userfaultfd_ctx *ctx)
{
	return ctx->features & UFFD_FEATURE_HANGUP ? EPOLLHUP | EPOLLRDHUP : EPOLLRDHUP;
}

static __poll_t uffd_poll(struct file *file, poll_table *wait)
{
	struct userfaultfd_ctx *ctx = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &ctx->readers, wait);
	/* Reading might block even after poll: then it is no use. */
	if (!uffd_ctx_initialized(ctx) || !(file->f_flags & O_NONBLOCK))
		return EPOLLERR;
	if (uffd_ctx_readable(ctx))
		events |= EPOLLIN;
	if (READ_ONCE(ctx->gone))
		events |= hangup_events(ctx);
	return events;
}

static int uffd_release(struct inode *inode, struct file *file)
{
	struct userfaultfd_ctx *ctx = file->private_data;

	/* See uffd_file_discard(). */
	if (!ctx)
		return 0;
	/* From here on nobody begins to wait; only then do the VMAs go. */
	uffd_ctx_shut(ctx);
	uffd_detach_all(ctx);
	uffd_ctx_put(ctx);
	return 0;
}

#ifdef CONFIG_PROC_FS
static void uffd_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct userfaultfd_ctx *ctx = file->private_data;
	unsigned long unread, all;

	spin_lock(&ctx->lock);
	unread = ctx->waiters.unread_count;
	all = ctx->waiters.count;
	spin_unlock(&ctx->lock);
	seq_printf(m, "pending:\t%lu\ntotal:\t%lu\nAPI:\t%Lx:%x:%Lx\n", unread, all,
		   UFFD_API, READ_ONCE(ctx->features),
		   UFFD_API_IOCTLS | UFFD_API_RANGE_IOCTLS);
}
#endif

const struct file_operations uffd_file_ops = {
	.owner		= THIS_MODULE,
#ifdef CONFIG_PROC_FS
	.show_fdinfo	= uffd_show_fdinfo,
#endif
	.release	= uffd_release,
	.poll		= uffd_poll,
	.read_iter	= uffd_read_iter,
	.unlocked_ioctl	= uffd_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.llseek		= noop_llseek,
};

struct file *uffd_file_new(struct userfaultfd_ctx *ctx, const struct inode *parent)
{
	struct file *file;

	file = anon_inode_create_getfile("[userfaultfd]", &uffd_file_ops, ctx,
					 O_RDONLY | (ctx->flags & (O_CLOEXEC | O_NONBLOCK)),
					 parent);
	if (!IS_ERR(file))
		file->f_mode |= FMODE_NOWAIT;
	return file;
}

void uffd_file_discard(struct file *file)
{
	struct userfaultfd_ctx *ctx = file->private_data;

	/* Closing it would shut the context, which has a life without this file. */
	file->private_data = NULL;
	fput(file);
	uffd_ctx_put(ctx);
}

int uffd_open(unsigned long flags)
{
	struct userfaultfd_ctx *ctx;
	struct file *file;
	int fd;

	BUILD_BUG_ON(UFFD_USER_MODE_ONLY & (O_CLOEXEC | O_NONBLOCK));
	if (flags & ~(unsigned long)(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY))
		return -EINVAL;
	ctx = uffd_ctx_new(current->mm, flags);
	if (!ctx)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_RDONLY | (flags & O_CLOEXEC));
	if (fd < 0)
		goto put_ctx;
	file = uffd_file_new(ctx, NULL);
	if (IS_ERR(file))
		goto put_fd;
	fd_install(fd, file);
	return fd;

put_fd:
	put_unused_fd(fd);
	fd = PTR_ERR(file);
put_ctx:
	uffd_ctx_put(ctx);
	return fd;
}

/*
 * Who stops the kernel itself at a page of his choosing widens races in it. So
 * that needs a privilege, or an administrator who doesn't mind.
 */
static bool may_open(int flags)
{
	return (flags & UFFD_USER_MODE_ONLY) || unprivileged_allowed ||
	       capable(CAP_SYS_PTRACE);
}

SYSCALL_DEFINE1(userfaultfd, int, flags)
{
	return may_open(flags) ? uffd_open(flags) : -EPERM;
}

#ifdef CONFIG_SYSCTL
static struct ctl_table uffd_sysctl_table[] = {
	{
		.procname	= "unprivileged_userfaultfd",
		.data		= &unprivileged_allowed,
		.maxlen		= sizeof(unprivileged_allowed),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
};
#endif

static int __init uffd_init(void)
{
#ifdef CONFIG_SYSCTL
	register_sysctl_init("vm", uffd_sysctl_table);
#endif
	return uffd_ctx_cache_init();
}
fs_initcall(uffd_init);
