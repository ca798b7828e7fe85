// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls that resolve faults: arguments, results, and waking. The pages are
 * mm's, see include/linux/userfaultfd/fill.h.
 *
 * What they have in common: the result goes to the last field of the argument;
 * bytes that were done wake whoever waits there, unless the caller does not want
 * it; and who gets less than he asked for gets -EAGAIN, to try the rest again.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd/fill.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"
#include "range.h"

/*
 * One filling, as the common part sees it. That part is compiled into each of the ioctls:
 * there it is made of constants, and never in memory.
 */
struct fill {
	u64 dst, src, len, mode;
	u64 known_modes;
	u64 dontwake;
	s64 __user *result;
	ssize_t (*call)(const struct uffd_target *target, const struct fill *fill);
};

static __always_inline ssize_t call_pinned(struct userfaultfd_ctx *ctx, const struct fill *fill)
{
	struct uffd_target target = { ctx->mm, &ctx->changes, ctx };
	ssize_t done;

	if (!mmget_not_zero(ctx->mm))
		return -ESRCH;
	done = fill->call(&target, fill);
	mmput(ctx->mm);
	return done;
}

static __always_inline int check_fill(struct userfaultfd_ctx *ctx, const struct fill *fill)
{
	int error = uffd_range_check(ctx, fill->dst, fill->len);

	if (error)
		return error;
	return fill->mode & ~fill->known_modes ? -EINVAL : 0;
}

static __always_inline ssize_t fill_and_wake(struct userfaultfd_ctx *ctx, const struct fill *fill)
{
	ssize_t done = call_pinned(ctx, fill);

	if (done > 0 && !(fill->mode & fill->dontwake))
		uffd_ctx_wake(ctx, fill->dst, done);
	return done;
}

static __always_inline long do_fill(struct userfaultfd_ctx *ctx, const struct fill *fill)
{
	ssize_t done;
	int error;

	error = check_fill(ctx, fill);
	if (error)
		return error;
	done = fill_and_wake(ctx, fill);
	/* No address space, no work: then the argument is left alone. */
	if (done == -ESRCH)
		return done;
	if (put_user((s64)done, fill->result))
		return -EFAULT;
	if (done < 0)
		return done;
	return done == fill->len ? 0 : -EAGAIN;
}

static ssize_t call_copy(const struct uffd_target *target, const struct fill *fill)
{
	return uffd_fill_copy(target, fill->dst, fill->src, fill->len,
			      fill->mode & UFFDIO_COPY_MODE_WP ? MFILL_ATOMIC_WP : 0);
}

/* The source need not be aligned, but must not wrap. */
static int check_source(u64 src, u64 len)
{
	return src + len <= src ? -EINVAL : 0;
}

static __always_inline struct fill copy_of(const struct uffdio_copy *args)
{
	return (struct fill){
		.dst = args->dst, .src = args->src, .len = args->len, .mode = args->mode,
		.known_modes = UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP,
		.dontwake = UFFDIO_COPY_MODE_DONTWAKE,
		.call = call_copy,
	};
}

long uffd_ioctl_copy(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_copy __user *user = argument;
	struct uffdio_copy args;
	struct fill fill;

	if (copy_from_user(&args, user, offsetof(struct uffdio_copy, copy)))
		return -EFAULT;
	fill = copy_of(&args);
	fill.result = &user->copy;
	return check_source(args.src, args.len) ?: do_fill(ctx, &fill);
}

static __always_inline ssize_t copy_one_of_many(struct userfaultfd_ctx *ctx,
						const struct uffdio_copy *args)
{
	struct fill fill = copy_of(args);
	int error = check_source(args->src, args->len) ?: check_fill(ctx, &fill);

	return error ?: fill_and_wake(ctx, &fill);
}

/* *done counts those whose result has been told. What one can't do, the next one may. */
static long copy_each(struct userfaultfd_ctx *ctx, struct uffdio_copy __user *user, u64 count,
		      u64 *done)
{
	bool whole = true;

	for (; *done < count; ++*done, user++) {
		struct uffdio_copy args;
		ssize_t result;

		if (copy_from_user(&args, user, offsetof(struct uffdio_copy, copy)))
			return -EFAULT;
		result = copy_one_of_many(ctx, &args);
		if (result == -ESRCH)
			return result;
		if (put_user((s64)result, &user->copy))
			return -EFAULT;
		whole &= result == args.len;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return whole ? 0 : -EAGAIN;
}

long uffd_ioctl_copy_many(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_copy_many __user *user = argument;
	struct uffdio_copy_many args;
	u64 done = 0;
	long error;

	if (!(ctx->features & UFFD_FEATURE_COPY_MANY))
		return -EINVAL;
	if (copy_from_user(&args, user, offsetof(struct uffdio_copy_many, done)))
		return -EFAULT;
	if (!args.count)
		return -EINVAL;
	error = copy_each(ctx, u64_to_user_ptr(args.copies), args.count, &done);
	return put_user(done, &user->done) ? -EFAULT : error;
}

static ssize_t call_zeropage(const struct uffd_target *target, const struct fill *fill)
{
	return uffd_fill_zeropage(target, fill->dst, fill->len);
}

long uffd_ioctl_zeropage(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_zeropage __user *user = argument;
	struct uffdio_zeropage args;

	if (copy_from_user(&args, user, offsetof(struct uffdio_zeropage, zeropage)))
		return -EFAULT;
	return do_fill(ctx, &(struct fill){
		.dst = args.range.start, .len = args.range.len, .mode = args.mode,
		.known_modes = UFFDIO_ZEROPAGE_MODE_DONTWAKE,
		.dontwake = UFFDIO_ZEROPAGE_MODE_DONTWAKE,
		.result = &user->zeropage,
		.call = call_zeropage,
	});
}

static ssize_t call_continue(const struct uffd_target *target, const struct fill *fill)
{
	return uffd_fill_continue(target, fill->dst, fill->len,
				  fill->mode & UFFDIO_CONTINUE_MODE_WP ? MFILL_ATOMIC_WP : 0);
}

long uffd_ioctl_continue(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_continue __user *user = argument;
	struct uffdio_continue args;

	if (copy_from_user(&args, user, offsetof(struct uffdio_continue, mapped)))
		return -EFAULT;
	return do_fill(ctx, &(struct fill){
		.dst = args.range.start, .len = args.range.len, .mode = args.mode,
		.known_modes = UFFDIO_CONTINUE_MODE_DONTWAKE | UFFDIO_CONTINUE_MODE_WP,
		.dontwake = UFFDIO_CONTINUE_MODE_DONTWAKE,
		.result = &user->mapped,
		.call = call_continue,
	});
}

static ssize_t call_poison(const struct uffd_target *target, const struct fill *fill)
{
	return uffd_fill_poison(target, fill->dst, fill->len);
}

long uffd_ioctl_poison(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_poison __user *user = argument;
	struct uffdio_poison args;

	if (copy_from_user(&args, user, offsetof(struct uffdio_poison, updated)))
		return -EFAULT;
	return do_fill(ctx, &(struct fill){
		.dst = args.range.start, .len = args.range.len, .mode = args.mode,
		.known_modes = UFFDIO_POISON_MODE_DONTWAKE,
		.dontwake = UFFDIO_POISON_MODE_DONTWAKE,
		.result = &user->updated,
		.call = call_poison,
	});
}

static ssize_t call_move(const struct uffd_target *target, const struct fill *fill)
{
	return uffd_move(target, fill->dst, fill->src, fill->len, fill->mode);
}

long uffd_ioctl_move(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffdio_move __user *user = argument;
	struct uffdio_move args;
	int error;

	if (copy_from_user(&args, user, offsetof(struct uffdio_move, move)))
		return -EFAULT;
	/* Pages change their place, not their owner. */
	if (ctx->mm != current->mm)
		return -EINVAL;
	error = uffd_range_check(ctx, args.src, args.len);
	return error ?: do_fill(ctx, &(struct fill){
		.dst = args.dst, .src = args.src, .len = args.len, .mode = args.mode,
		.known_modes = UFFDIO_MOVE_MODE_DONTWAKE | UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
		.dontwake = UFFDIO_MOVE_MODE_DONTWAKE,
		.result = &user->move,
		.call = call_move,
	});
}

/* Has no result field, and is done as a whole. */
long uffd_ioctl_writeprotect(struct userfaultfd_ctx *ctx, void __user *argument)
{
	struct uffd_target target = { ctx->mm, &ctx->changes, ctx };
	struct uffdio_writeprotect args;
	bool protect, dontwake;
	int error;

	if (copy_from_user(&args, argument, sizeof(args)))
		return -EFAULT;
	error = uffd_range_check(ctx, args.range.start, args.range.len);
	if (error)
		return error;
	protect = args.mode & UFFDIO_WRITEPROTECT_MODE_WP;
	dontwake = args.mode & UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
	if (args.mode & ~(UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE))
		return -EINVAL;
	/* Protecting wakes nobody anyway. */
	if (protect && dontwake)
		return -EINVAL;
	if (!mmget_not_zero(ctx->mm))
		return -ESRCH;
	error = uffd_writeprotect(&target, args.range.start, args.range.len, protect);
	mmput(ctx->mm);
	if (!error && !protect && !dontwake)
		uffd_ctx_wake(ctx, args.range.start, args.range.len);
	return error;
}
