// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page fault that is the monitor's.
 *
 * The thread joins the waiting ones, looks whether there is still something to
 * wait for, lets go of the lock with which it faulted and sleeps. Whatever wakes
 * it, it returns and faults again: then the page is there, or it begins anew.
 *
 * It looks at the page table only after it has joined. A monitor that resolves
 * the fault before this look is seen by it, and one that does so after it finds
 * the thread among the waiting: see uffd_ctx_wake().
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagewalk.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/swapops.h>
#include <linux/userfaultfd_k.h>

#include "internal.h"

/* The lock is either that of the address space or that of the VMA. */
static void unlock_fault(struct vm_fault *vmf)
{
	if (vmf->flags & FAULT_FLAG_VMA_LOCK)
		vma_end_read(vmf->vma);
	else
		mmap_read_unlock(vmf->vma->vm_mm);
}

/*
 * Is nothing there? A marker that says "protected" is nothing, too. One that says
 * "poisoned" is something: the next access gets its SIGBUS, and nobody would wake
 * a thread that came here just after the poisoning.
 */
static bool is_hole(pte_t pte)
{
	return pte_none(pte) || pte_marker_uffd_wp(pte);
}

static bool hugetlb_must_wait(struct vm_fault *vmf, unsigned long reason)
{
	struct vm_area_struct *vma = vmf->vma;
	pte_t *ptep, pte;

	ptep = hugetlb_walk(vma, vmf->address, vma_mmu_pagesize(vma));
	if (!ptep)
		return true;
	pte = huge_ptep_get(vma->vm_mm, vmf->address, ptep);
	if (huge_pte_none(pte) || pte_marker_uffd_wp(pte))
		return true;
	return pte_present(pte) && (reason & VM_UFFD_WP) && huge_pte_uffd_wp(pte);
}

/* The PMD in which the address is, or NULL: no table reaches so far down. */
static pmd_t *find_pmd(struct mm_struct *mm, unsigned long address)
{
	pgd_t *pgd = pgd_offset(mm, address);
	p4d_t *p4d;
	pud_t *pud;

	if (!pgd_present(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, address);
	if (!p4d_present(*p4d))
		return NULL;
	pud = pud_offset(p4d, address);
	return pud_present(*pud) ? pmd_offset(pud, address) : NULL;
}

/*
 * Is the fault still unresolved? Takes no page table lock: the entry is one that
 * was there at some moment after the thread has joined, and that is enough. For
 * protection it is the very bit that counts by which the fault came to us, and
 * not whether the entry is writable: it may be read-only for other reasons, too.
 */
static bool must_wait(struct vm_fault *vmf, unsigned long reason)
{
	unsigned long address = vmf->address;
	pmd_t *pmd, pmdval;
	pte_t *ptep, pte;

	if (is_vm_hugetlb_page(vmf->vma))
		return hugetlb_must_wait(vmf, reason);
	pmd = find_pmd(vmf->vma->vm_mm, address);
	if (!pmd)
		return true;
	do {
		pmdval = pmdp_get_lockless(pmd);
		if (pmd_none(pmdval))
			return true;
		if (!pmd_present(pmdval) || pmd_devmap(pmdval))
			return false;
		if (pmd_trans_huge(pmdval))
			return (reason & VM_UFFD_WP) && pmd_uffd_wp(pmdval);
		/* No table: it has changed under us. */
		ptep = pte_offset_map(pmd, address);
	} while (!ptep);
	pte = ptep_get_lockless(ptep);
	pte_unmap(ptep);
	if (is_hole(pte))
		return true;
	return pte_present(pte) && (reason & VM_UFFD_WP) && pte_uffd_wp(pte);
}

static void make_message(struct uffd_msg *msg, struct vm_fault *vmf, unsigned long reason,
			 unsigned int features)
{
	*msg = (struct uffd_msg){ .event = UFFD_EVENT_PAGEFAULT };
	msg->arg.pagefault.address = features & UFFD_FEATURE_EXACT_ADDRESS ?
		vmf->real_address : vmf->address & PAGE_MASK;
	if (vmf->flags & FAULT_FLAG_WRITE)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_WRITE;
	if (reason & VM_UFFD_WP)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_WP;
	if (reason & VM_UFFD_MINOR)
		msg->arg.pagefault.flags |= UFFD_PAGEFAULT_FLAG_MINOR;
	if (features & UFFD_FEATURE_THREAD_ID)
		msg->arg.pagefault.feat.ptid = task_pid_vnr(current);
}

static unsigned int sleeping_state(unsigned int fault_flags)
{
	if (fault_flags & FAULT_FLAG_INTERRUPTIBLE)
		return TASK_INTERRUPTIBLE;
	if (fault_flags & FAULT_FLAG_KILLABLE)
		return TASK_KILLABLE;
	return TASK_UNINTERRUPTIBLE;
}

/* Comes with the fault's lock, and goes without it. */
static void wait_for_monitor(struct userfaultfd_ctx *ctx, struct vm_fault *vmf,
			     unsigned long reason)
{
	bool hugetlb = is_vm_hugetlb_page(vmf->vma);
	struct uffd_waiter waiter = { .task = current };
	bool joined, unresolved;

	make_message(&waiter.msg, vmf, reason, ctx->features);
	waiter.address = waiter.msg.arg.pagefault.address;

	/* Keeps tables that are shared in place. May sleep, so it comes first. */
	if (hugetlb)
		hugetlb_vma_lock_read(vmf->vma);
	set_current_state(sleeping_state(vmf->flags));
	joined = uffd_ctx_wait_begin(ctx, &waiter);
	unresolved = joined && must_wait(vmf, reason);
	if (hugetlb)
		hugetlb_vma_unlock_read(vmf->vma);
	unlock_fault(vmf);

	if (unresolved) {
		wake_up_poll(&ctx->readers, EPOLLIN);
		/* Whoever wakes says so first: then this returns at once. */
		if (!smp_load_acquire(&waiter.woken))
			schedule();
	}
	__set_current_state(TASK_RUNNING);
	if (joined)
		uffd_ctx_wait_end(ctx, &waiter);
}

/* Reasons for which a fault here is nothing but an error. */
static bool is_refused(struct userfaultfd_ctx *ctx, struct vm_fault *vmf)
{
	/* Who exits or dumps core must not wait for somebody who may not be there. */
	if (current->flags & (PF_EXITING | PF_DUMPCORE))
		return true;
	if (!ctx || (ctx->features & UFFD_FEATURE_SIGBUS))
		return true;
	if ((ctx->flags & UFFD_USER_MODE_ONLY) && !(vmf->flags & FAULT_FLAG_USER))
		return true;
	if (vmf->flags & FAULT_FLAG_ALLOW_RETRY)
		return false;
	/* Without a retry there is no waiting: the lock can't be let go of. */
	VM_WARN_ON_ONCE(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
#ifdef CONFIG_DEBUG_VM
	pr_warn_ratelimited("userfaultfd: a fault without retry, flags 0x%x\n", vmf->flags);
#endif
	return true;
}

vm_fault_t handle_userfault(struct vm_fault *vmf, unsigned long reason)
{
	struct userfaultfd_ctx *ctx = vmf->vma->vm_userfaultfd_ctx.ctx;

	if (is_refused(ctx, vmf))
		return VM_FAULT_SIGBUS;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/*
	 * The VMA's context lives as long as the VMA is locked. If it is closed, we
	 * don't join, and the retry finds the VMA without it, sooner or later.
	 */
	uffd_ctx_get(ctx);
	wait_for_monitor(ctx, vmf, reason);
	uffd_ctx_put(ctx);
	return VM_FAULT_RETRY;
}
