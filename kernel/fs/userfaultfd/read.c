// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading messages: faults before events, each kind in the order of arrival.
 *
 * A message is delivered when it is in the reader's memory, and not before: it is
 * copied under the lock of the queues, with page faults disabled, and leaves its
 * queue under the same lock. If the memory isn't there, the message stays, the
 * memory is faulted in with no lock held, and all begins anew with whatever is
 * first then. A buffer that can't be written costs nobody a message.
 *
 * A fork's message names a descriptor, which has to be made before, without the
 * lock. It is installed only once the message has been delivered.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "internal.h"

/* The descriptor of a child, made but not installed. */
struct child_fd {
	struct userfaultfd_ctx *ctx;	/* counted; NULL: none is wanted */
	struct file *file;
	int fd;
};

enum delivery {
	DELIVERED,
	NOTHING,	/* the queues are empty */
	NO_MEMORY_THERE,
	CHILD_WANTED,	/* child->ctx is the one */
};

static void child_fd_release(struct child_fd *child)
{
	if (child->file) {
		uffd_file_discard(child->file);
		put_unused_fd(child->fd);
	}
	if (child->ctx)
		uffd_ctx_put(child->ctx);
	*child = (struct child_fd){};
}

/* ctx is there, counted; makes the rest. */
static int child_fd_make(struct child_fd *child, const struct inode *parent)
{
	struct file *file;
	int error, fd;

	/* The child does not run before this is read: no end of it is missed. */
	error = uffd_notifier_register(child->ctx);
	if (error)
		return error == -EINTR ? -ERESTARTSYS : error;
	fd = get_unused_fd_flags(O_RDONLY | (child->ctx->flags & O_CLOEXEC));
	if (fd < 0)
		return fd;
	file = uffd_file_new(uffd_ctx_get(child->ctx), parent);
	if (IS_ERR(file)) {
		uffd_ctx_put(child->ctx);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	child->file = file;
	child->fd = fd;
	return 0;
}

static void child_fd_install(struct child_fd *child)
{
	fd_install(child->fd, child->file);
	child->file = NULL;
}

/* Called with a lock held: nothing is faulted in. All or nothing. */
static bool copy_out(const struct uffd_msg *msg, struct iov_iter *to)
{
	size_t copied;

	pagefault_disable();
	copied = copy_to_iter(msg, sizeof(*msg), to);
	pagefault_enable();
	if (copied == sizeof(*msg))
		return true;
	iov_iter_revert(to, copied);
	return false;
}

static enum delivery deliver_event(struct uffd_event *event, struct iov_iter *to,
				   struct child_fd *child, struct wake_q_head *wake,
				   struct list_head *left)
{
	struct uffd_msg msg = event->msg;
	bool is_fork = event->child;

	/* Another fork may be first now than the one that child was made for. */
	if (is_fork && (event->child != child->ctx || !child->file))
		return CHILD_WANTED;
	if (is_fork)
		msg.arg.fork.ufd = child->fd;
	if (!copy_out(&msg, to))
		return NO_MEMORY_THERE;
	uffd_event_finish(event, UFFD_EVENT_DONE, wake, left);
	return DELIVERED;
}

static enum delivery deliver_first(struct userfaultfd_ctx *ctx, struct iov_iter *to,
				   struct child_fd *child, struct wake_q_head *wake,
				   struct list_head *left)
{
	struct uffd_waiter *waiter = uffd_waiter_first_unread(&ctx->waiters);
	struct uffd_event *event;

	if (waiter) {
		if (!copy_out(&waiter->msg, to))
			return NO_MEMORY_THERE;
		uffd_waiter_read(&ctx->waiters, waiter);
		return DELIVERED;
	}
	event = uffd_event_first(ctx);
	return event ? deliver_event(event, to, child, wake, left) : NOTHING;
}

/* One attempt. With CHILD_WANTED, *wanted is the context, counted. */
static enum delivery deliver(struct userfaultfd_ctx *ctx, struct iov_iter *to,
			     struct child_fd *child, struct userfaultfd_ctx **wanted)
{
	enum delivery delivery;
	bool is_fork = false;
	DEFINE_WAKE_Q(wake);
	LIST_HEAD(left);

	spin_lock(&ctx->lock);
	if (!ctx->waiters.unread_count && ctx->event_count)
		is_fork = uffd_event_first(ctx)->child;
	delivery = deliver_first(ctx, to, child, &wake, &left);
	if (delivery == CHILD_WANTED)
		*wanted = uffd_ctx_get(uffd_event_first(ctx)->child);
	spin_unlock(&ctx->lock);
	if (delivery == DELIVERED && is_fork)
		child_fd_install(child);
	wake_up_q(&wake);
	uffd_events_free(&left);
	return delivery;
}

static int make_room(struct iov_iter *to)
{
	if (fault_in_iov_iter_writeable(to, sizeof(struct uffd_msg)))
		return -EFAULT;
	/* Memory that vanishes again and again must not keep us from dying. */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	return 0;
}

/* Delivers one message; -EAGAIN if there is none. */
static int read_one(struct userfaultfd_ctx *ctx, struct iov_iter *to,
		    const struct inode *inode)
{
	struct userfaultfd_ctx *wanted;
	struct child_fd child = {};
	int error = 0;

	while (!error) {
		switch (deliver(ctx, to, &child, &wanted)) {
		case DELIVERED:
			goto release_child;
		case NOTHING:
			error = -EAGAIN;
			break;
		case NO_MEMORY_THERE:
			error = make_room(to);
			break;
		case CHILD_WANTED:
			child_fd_release(&child);
			child.ctx = wanted;
			error = child_fd_make(&child, inode);
			break;
		}
	}
release_child:
	child_fd_release(&child);
	return error;
}

/* 0: there is, or was, something. 1: the address space has ended, and will say nothing. */
static int wait_for_message(struct userfaultfd_ctx *ctx)
{
	int error = wait_event_interruptible(ctx->readers, uffd_ctx_readable(ctx) ||
							   READ_ONCE(ctx->gone));

	if (error)
		return error;
	/* Another reader may have been faster: that is not the end. */
	return READ_ONCE(ctx->gone) && !uffd_ctx_readable(ctx);
}

ssize_t uffd_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct userfaultfd_ctx *ctx = file->private_data;
	bool blocks = !(file->f_flags & O_NONBLOCK) && !(iocb->ki_flags & IOCB_NOWAIT);
	ssize_t done = 0;
	int error = 0;

	if (!uffd_ctx_initialized(ctx) || iov_iter_count(to) < sizeof(struct uffd_msg))
		return -EINVAL;

	while (!error && iov_iter_count(to) >= sizeof(struct uffd_msg)) {
		error = read_one(ctx, to, file_inode(file));
		if (!error)
			done += sizeof(struct uffd_msg);
		else if (error == -EAGAIN && blocks && !done)
			error = wait_for_message(ctx);
	}
	/* Past the first message, an error is for the next read. */
	if (done || error > 0)
		return done;
	return error;
}
