/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page table work that the ioctls of a userfaultfd ask for.
 *
 * The caller has copied and checked the argument (alignment, length not zero, no
 * wrap, inside the task's size) and has pinned the address space with
 * mmget_not_zero(). It holds no lock. It wakes those who wait, and writes the
 * result fields. Here the VMA is found, locked and judged, and pages are put in.
 *
 * Each returns the bytes that were done, perhaps fewer than asked, or -errno when
 * nothing was done:
 *
 *	-EAGAIN	a pending change of the layout overlaps what is left of the range
 *	-EEXIST	there is a page
 *	-EFAULT	the source can't be read, the place is past the end of the file, or
 *		(continue) the file has no page there
 *	-EINTR	a fatal signal
 *	-EINVAL	not for this kind of mapping, or not aligned to its huge pages
 *	-EIO	(continue) the file's page is damaged
 *	-ENOENT	the range isn't inside of one registered VMA
 *	-ENOMEM	no memory
 */
#ifndef _LINUX_USERFAULTFD_FILL_H
#define _LINUX_USERFAULTFD_FILL_H

#include <linux/types.h>
#include <linux/userfaultfd_k.h>

struct mm_struct;
struct uffd_changes;
struct userfaultfd_ctx;

/* Whose memory is worked on, and what is about to change in it. */
struct uffd_target {
	struct mm_struct *mm;
	struct uffd_changes *changes;
	struct userfaultfd_ctx *ctx;
};

/* Copies from the caller's memory; src needs no alignment. flags: MFILL_ATOMIC_WP or 0. */
ssize_t uffd_fill_copy(const struct uffd_target *target, unsigned long dst,
		       unsigned long src, unsigned long len, uffd_flags_t flags);
ssize_t uffd_fill_zeropage(const struct uffd_target *target, unsigned long dst,
			   unsigned long len);
/* Maps what the file has. flags: MFILL_ATOMIC_WP or 0. */
ssize_t uffd_fill_continue(const struct uffd_target *target, unsigned long dst,
			   unsigned long len, uffd_flags_t flags);
ssize_t uffd_fill_poison(const struct uffd_target *target, unsigned long dst,
			 unsigned long len);

/*
 * Write-protects, or undoes it, in all VMAs of the range. 0 or -errno; what lies
 * before the VMA that was refused stays changed.
 */
int uffd_writeprotect(const struct uffd_target *target, unsigned long start,
		      unsigned long len, bool enable);

/*
 * Moves pages inside of the caller's own address space. mode: UFFDIO_MOVE_MODE_*.
 * In addition to the above, -EBUSY: a page is shared or pinned.
 */
ssize_t uffd_move(const struct uffd_target *target, unsigned long dst,
		  unsigned long src, unsigned long len, u64 mode);

#endif /* _LINUX_USERFAULTFD_FILL_H */
