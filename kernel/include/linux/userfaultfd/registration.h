/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which VMA belongs to which context, and what it reports.
 *
 * This is mm's side of registering: VMAs are split and merged. mmap_lock is taken
 * for writing inside, but where it says otherwise.
 */
#ifndef _LINUX_USERFAULTFD_REGISTRATION_H
#define _LINUX_USERFAULTFD_REGISTRATION_H

#include <linux/types.h>

struct userfaultfd_ctx;
struct vm_area_struct;

/*
 * All VMAs of [start, end) become ctx's and report modes, some of __VM_UFFD_FLAGS,
 * and only those. *hugetlb: there is a VMA of hugetlbfs among them. The address
 * space is pinned.
 *
 *	-EBUSY	one is another context's
 *	-EINVAL	there is none, or one can't report this, or a huge page would be cut
 *	-ENOMEM	a VMA can't be split; those before it have been registered
 *	-EPERM	what is filled there could be seen in a file that may not be written
 */
int uffd_register_range(struct userfaultfd_ctx *ctx, unsigned long start,
			unsigned long end, unsigned long modes, bool *hugetlb);

/* The reverse. -EINVAL, also if a VMA is another context's: it isn't ours to take. */
int uffd_unregister_range(struct userfaultfd_ctx *ctx, unsigned long start,
			  unsigned long end);

/* The VMA is no context's any more. The caller holds mmap_lock for writing. */
void uffd_vma_clear(struct vm_area_struct *vma);

/* No VMA is ctx's any more. An address space that has ended has none anyway. */
void uffd_detach_all(struct userfaultfd_ctx *ctx);

#endif /* _LINUX_USERFAULTFD_REGISTRATION_H */
