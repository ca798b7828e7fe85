/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the rest of the kernel takes from userfaultfd.
 *
 * Three kinds of things: predicates on a VMA and on its page table entries, which
 * are asked on hot paths and so look at the VMA's flags only; the entry of a page
 * fault; and the hooks by which a change of the layout is announced to the
 * monitor. In every VMA there is a context if, and only if, one of the three
 * flags of __VM_UFFD_FLAGS is set.
 *
 * Without CONFIG_USERFAULTFD all of it is there, and says that there is nothing.
 */
#ifndef _LINUX_USERFAULTFD_K_H
#define _LINUX_USERFAULTFD_K_H

#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/userfaultfd.h>
#include <asm-generic/pgtable_uffd.h>
#include <linux/hugetlb_inline.h>

#define __VM_UFFD_FLAGS	(VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR)

/* How a page is filled: one of the modes in the low two bits, and flags above. */
typedef unsigned int __bitwise uffd_flags_t;

enum mfill_atomic_mode {
	MFILL_ATOMIC_COPY,		/* from the monitor's memory */
	MFILL_ATOMIC_ZEROPAGE,
	MFILL_ATOMIC_CONTINUE,		/* map what the file has */
	MFILL_ATOMIC_POISON,		/* access gives SIGBUS from now on */
};

#define MFILL_ATOMIC_MODE_MASK	((__force uffd_flags_t)3)
#define MFILL_ATOMIC_WP		((__force uffd_flags_t)4)	/* write-protected at once */

static inline bool uffd_flags_mode_is(uffd_flags_t flags, enum mfill_atomic_mode mode)
{
	return (flags & MFILL_ATOMIC_MODE_MASK) == (__force uffd_flags_t)mode;
}

static inline uffd_flags_t uffd_flags_set_mode(uffd_flags_t flags, enum mfill_atomic_mode mode)
{
	return (flags & ~MFILL_ATOMIC_MODE_MASK) | (__force uffd_flags_t)mode;
}

#ifdef CONFIG_USERFAULTFD

/* Flags only: safe wherever the VMA itself is. */
static inline bool userfaultfd_missing(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_UFFD_MISSING;
}

static inline bool userfaultfd_wp(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_UFFD_WP;
}

static inline bool userfaultfd_minor(struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_UFFD_MINOR;
}

static inline bool userfaultfd_armed(struct vm_area_struct *vma)
{
	return vma->vm_flags & __VM_UFFD_FLAGS;
}

static inline bool userfaultfd_pte_wp(struct vm_area_struct *vma, pte_t pte)
{
	return userfaultfd_wp(vma) && pte_uffd_wp(pte);
}

static inline bool userfaultfd_huge_pmd_wp(struct vm_area_struct *vma, pmd_t pmd)
{
	return userfaultfd_wp(vma) && pmd_uffd_wp(pmd);
}

/*
 * A page table that several processes share has one set of protection bits, and
 * is filled behind a process's back: neither protection nor minor faults of one
 * context can be had with it.
 */
static inline bool uffd_disable_huge_pmd_share(struct vm_area_struct *vma)
{
	return vma->vm_flags & (VM_UFFD_WP | VM_UFFD_MINOR);
}

/* Mapping neighbours of a faulting page would hide their own faults. */
static inline bool uffd_disable_fault_around(struct vm_area_struct *vma)
{
	return vma->vm_flags & (VM_UFFD_WP | VM_UFFD_MINOR);
}

static inline bool is_mergeable_vm_userfaultfd_ctx(struct vm_area_struct *vma,
						   struct vm_userfaultfd_ctx vm_ctx)
{
	return vma->vm_userfaultfd_ctx.ctx == vm_ctx.ctx;
}

/* These look into the context: the VMA must be held stable. They don't sleep. */
bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma);
bool userfaultfd_wp_async(struct vm_area_struct *vma);
bool vma_has_uffd_without_event_remap(struct vm_area_struct *vma);

/* Is protection of what is not there remembered by markers in this VMA? */
static inline bool userfaultfd_wp_use_markers(struct vm_area_struct *vma)
{
	if (!userfaultfd_wp(vma))
		return false;
	/* A file's page can be dropped and come back: only a marker survives. */
	if (!vma_is_anonymous(vma))
		return true;
	return userfaultfd_wp_unpopulated(vma);
}

/*
 * A page fault is the monitor's. reason is one of __VM_UFFD_FLAGS. No page table
 * lock, folio lock or hugetlb mutex may be held. See fs/userfaultfd/fault.c.
 */
vm_fault_t handle_userfault(struct vm_fault *vmf, unsigned long reason);

/* Hooks of a changing layout: fork, mremap, madvise, munmap. */
int dup_userfaultfd(struct vm_area_struct *vma, struct list_head *fcs);
void dup_userfaultfd_complete(struct list_head *fcs);
void dup_userfaultfd_fail(struct list_head *fcs);

void mremap_userfaultfd_prep(struct vm_area_struct *vma, struct vm_userfaultfd_ctx *vm_ctx);
void mremap_userfaultfd_complete(struct vm_userfaultfd_ctx *vm_ctx, unsigned long from,
				 unsigned long to, unsigned long len);

bool userfaultfd_remove(struct vm_area_struct *vma, unsigned long start, unsigned long end);

int userfaultfd_unmap_prep(struct vm_area_struct *vma, unsigned long start,
			   unsigned long end, struct list_head *uf);
void userfaultfd_unmap_complete(struct mm_struct *mm, struct list_head *uf);

/* Page table work that others of mm share with us. See mm/userfaultfd/. */
int mfill_atomic_install_pte(pmd_t *dst_pmd, struct vm_area_struct *dst_vma,
			     unsigned long dst_addr, struct page *page,
			     bool newly_allocated, uffd_flags_t flags);
long uffd_wp_range(struct vm_area_struct *vma, unsigned long start, unsigned long len,
		   bool enable_wp);
void double_pt_lock(spinlock_t *ptl1, spinlock_t *ptl2);
void double_pt_unlock(spinlock_t *ptl1, spinlock_t *ptl2);

/* Of mm/huge_memory.c. Called with the lock of src_pmd, which it drops. */
int move_pages_huge_pmd(struct mm_struct *mm, pmd_t *dst_pmd, pmd_t *src_pmd,
			pmd_t dst_pmdval, struct vm_area_struct *dst_vma,
			struct vm_area_struct *src_vma, unsigned long dst_addr,
			unsigned long src_addr);

#else /* !CONFIG_USERFAULTFD */

static inline bool userfaultfd_missing(struct vm_area_struct *vma) { return false; }
static inline bool userfaultfd_wp(struct vm_area_struct *vma) { return false; }
static inline bool userfaultfd_minor(struct vm_area_struct *vma) { return false; }
static inline bool userfaultfd_armed(struct vm_area_struct *vma) { return false; }
static inline bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma) { return false; }
static inline bool userfaultfd_wp_async(struct vm_area_struct *vma) { return false; }
static inline bool userfaultfd_wp_use_markers(struct vm_area_struct *vma) { return false; }
static inline bool uffd_disable_fault_around(struct vm_area_struct *vma) { return false; }
static inline bool uffd_disable_huge_pmd_share(struct vm_area_struct *vma) { return false; }

static inline bool vma_has_uffd_without_event_remap(struct vm_area_struct *vma)
{
	return false;
}

static inline bool userfaultfd_pte_wp(struct vm_area_struct *vma, pte_t pte)
{
	return false;
}

static inline bool userfaultfd_huge_pmd_wp(struct vm_area_struct *vma, pmd_t pmd)
{
	return false;
}

static inline bool is_mergeable_vm_userfaultfd_ctx(struct vm_area_struct *vma,
						   struct vm_userfaultfd_ctx vm_ctx)
{
	return true;
}

static inline vm_fault_t handle_userfault(struct vm_fault *vmf, unsigned long reason)
{
	return VM_FAULT_SIGBUS;
}

static inline int dup_userfaultfd(struct vm_area_struct *vma, struct list_head *fcs)
{
	return 0;
}

static inline void dup_userfaultfd_complete(struct list_head *fcs) {}
static inline void dup_userfaultfd_fail(struct list_head *fcs) {}

static inline void mremap_userfaultfd_prep(struct vm_area_struct *vma,
					   struct vm_userfaultfd_ctx *vm_ctx) {}
static inline void mremap_userfaultfd_complete(struct vm_userfaultfd_ctx *vm_ctx,
					       unsigned long from, unsigned long to,
					       unsigned long len) {}

static inline bool userfaultfd_remove(struct vm_area_struct *vma, unsigned long start,
				      unsigned long end)
{
	return true;
}

static inline int userfaultfd_unmap_prep(struct vm_area_struct *vma, unsigned long start,
					 unsigned long end, struct list_head *uf)
{
	return 0;
}

static inline void userfaultfd_unmap_complete(struct mm_struct *mm, struct list_head *uf) {}

static inline long uffd_wp_range(struct vm_area_struct *vma, unsigned long start,
				 unsigned long len, bool enable_wp)
{
	return 0;
}

#endif /* CONFIG_USERFAULTFD */

/* Does the swap entry remember, among others, that its place is protected? */
static inline bool pte_marker_entry_uffd_wp(swp_entry_t entry)
{
#ifdef CONFIG_PTE_MARKER_UFFD_WP
	return is_pte_marker_entry(entry) && (pte_marker_get(entry) & PTE_MARKER_UFFD_WP);
#else
	return false;
#endif
}

static inline bool pte_marker_uffd_wp(pte_t pte)
{
#ifdef CONFIG_PTE_MARKER_UFFD_WP
	return is_swap_pte(pte) && pte_marker_entry_uffd_wp(pte_to_swp_entry(pte));
#else
	return false;
#endif
}

/* Protected, and not present: swapped out, migrating, or only a marker. */
static inline bool pte_swp_uffd_wp_any(pte_t pte)
{
#ifdef CONFIG_PTE_MARKER_UFFD_WP
	return is_swap_pte(pte) && (pte_swp_uffd_wp(pte) || pte_marker_uffd_wp(pte));
#else
	return false;
#endif
}

#endif /* _LINUX_USERFAULTFD_K_H */
