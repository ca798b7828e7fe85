// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs and their contexts.
 *
 * The context pointer and the flags of a VMA change together, under mmap_lock held
 * for writing and with the VMA's own lock, so that a fault sees both or neither.
 *
 * Registering looks at all of the range first and changes it then, so that what is
 * refused is refused as a whole. Protection of pages goes when its mode goes: bits
 * that stayed would be found by whoever registers the range next.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>
#include <linux/userfaultfd/context.h>
#include <linux/userfaultfd/registration.h>

#include "../internal.h"
#include "../vma.h"

/* What it takes to say whether a VMA may be registered. */
struct request {
	struct userfaultfd_ctx *ctx;
	unsigned long start, end;
	unsigned long modes;
};

bool userfaultfd_wp_unpopulated(struct vm_area_struct *vma)
{
	struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;

	return ctx && (ctx->features & UFFD_FEATURE_WP_UNPOPULATED);
}

bool userfaultfd_wp_async(struct vm_area_struct *vma)
{
	struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;

	return ctx && (ctx->features & UFFD_FEATURE_WP_ASYNC);
}

bool vma_has_uffd_without_event_remap(struct vm_area_struct *vma)
{
	struct userfaultfd_ctx *ctx = vma->vm_userfaultfd_ctx.ctx;

	return ctx && !(ctx->features & UFFD_FEATURE_EVENT_REMAP);
}

static bool can_report(struct vm_area_struct *vma, struct userfaultfd_ctx *ctx,
		       unsigned long modes)
{
	bool file = is_vm_hugetlb_page(vma) || vma_is_shmem(vma);

	if (vma->vm_flags & VM_SHADOW_STACK)
		return false;
	if ((vma->vm_flags & VM_SPECIAL) && !is_vm_hugetlb_page(vma))
		return false;
	/* A minor fault is one whose page the file has already. */
	if ((modes & VM_UFFD_MINOR) && !file)
		return false;
	/* Protection that nobody is asked about needs nothing of the mapping. */
	if (modes == VM_UFFD_WP && (ctx->features & UFFD_FEATURE_WP_ASYNC))
		return true;
	if ((modes & VM_UFFD_WP) && !vma_is_anonymous(vma) &&
	    !IS_ENABLED(CONFIG_PTE_MARKER_UFFD_WP))
		return false;
	return file || vma_is_anonymous(vma);
}

/* Would a huge page be cut in two by the edges of the range? */
static bool cuts_huge_page(struct vm_area_struct *vma, unsigned long start,
			   unsigned long end)
{
	unsigned long mask;

	if (!is_vm_hugetlb_page(vma))
		return false;
	mask = vma_kernel_pagesize(vma) - 1;
	return (max(start, vma->vm_start) | min(end, vma->vm_end)) & mask;
}

static int check_register(struct vm_area_struct *vma, const struct request *request)
{
	struct userfaultfd_ctx *owner = vma->vm_userfaultfd_ctx.ctx;

	if (!can_report(vma, request->ctx, request->modes))
		return -EINVAL;
	/* To fill a shared mapping is to write to what it maps. */
	if (!(vma->vm_flags & VM_MAYWRITE))
		return -EPERM;
	if (cuts_huge_page(vma, request->start, request->end))
		return -EINVAL;
	return owner && owner != request->ctx ? -EBUSY : 0;
}

static int check_unregister(struct vm_area_struct *vma, const struct request *request)
{
	struct userfaultfd_ctx *owner = vma->vm_userfaultfd_ctx.ctx;

	if (owner && owner != request->ctx)
		return -EINVAL;
	if (!can_report(vma, request->ctx, vma->vm_flags & __VM_UFFD_FLAGS))
		return -EINVAL;
	return cuts_huge_page(vma, request->start, request->end) ? -EINVAL : 0;
}

static int check_all(const struct request *request, bool *hugetlb,
		     int (*check)(struct vm_area_struct *, const struct request *))
{
	VMA_ITERATOR(vmi, request->ctx->mm, request->start);
	struct vm_area_struct *vma;
	bool found = false;

	for_each_vma_range(vmi, vma, request->end) {
		int error = check(vma, request);

		if (error)
			return error;
		if (is_vm_hugetlb_page(vma))
			*hugetlb = true;
		found = true;
	}
	return found ? 0 : -EINVAL;
}

/* Both together; the VMA is locked. */
static void set_modes(struct vm_area_struct *vma, struct userfaultfd_ctx *ctx,
		      unsigned long modes)
{
	bool wp_changes = (vma->vm_flags ^ modes) & VM_UFFD_WP;

	vma_start_write(vma);
	vma->vm_userfaultfd_ctx.ctx = ctx;
	vm_flags_reset(vma, (vma->vm_flags & ~__VM_UFFD_FLAGS) | modes);
	/* Shared pages are mapped read-only while they can be protected. */
	if (wp_changes && (vma->vm_flags & VM_SHARED))
		vma_set_page_prot(vma);
}

void uffd_vma_clear(struct vm_area_struct *vma)
{
	set_modes(vma, NULL, 0);
}

/*
 * Gives the part of the VMA that is within [start, end) to ctx, or to nobody if
 * ctx is NULL. The VMA that this part then is, or is a part of, or an error.
 */
static struct vm_area_struct *hand_over(struct vma_iterator *vmi,
					struct vm_area_struct *prev,
					struct vm_area_struct *vma,
					struct userfaultfd_ctx *ctx, unsigned long start,
					unsigned long end, unsigned long modes, bool must)
{
	unsigned long flags = (vma->vm_flags & ~__VM_UFFD_FLAGS) | modes;

	start = max(start, vma->vm_start);
	end = min(end, vma->vm_end);
	/* A fill that protects and is under way lands before its protection is undone. */
	vma_start_write(vma);
	if (userfaultfd_wp(vma) && !(modes & VM_UFFD_WP))
		uffd_wp_range(vma, start, end - start, false);
	vma = vma_modify_flags_uffd(vmi, prev, vma, start, end, flags,
				    (struct vm_userfaultfd_ctx){ ctx }, must);
	if (IS_ERR(vma))
		return vma;
	set_modes(vma, ctx, modes);
	if (ctx && is_vm_hugetlb_page(vma) && uffd_disable_huge_pmd_share(vma))
		hugetlb_unshare_all_pmds(vma);
	return vma;
}

/* Hands over whatever of [start, end) is not as it should be. */
static int hand_over_all(const struct request *request, struct userfaultfd_ctx *to)
{
	VMA_ITERATOR(vmi, request->ctx->mm, request->start);
	struct vm_area_struct *vma = vma_find(&vmi, request->end), *prev = vma_prev(&vmi);

	/* A VMA that begins before the range is its own predecessor, as it is split. */
	if (vma && vma->vm_start < request->start)
		prev = vma;
	for_each_vma_range(vmi, vma, request->end) {
		struct userfaultfd_ctx *owner = vma->vm_userfaultfd_ctx.ctx;
		unsigned long here = max(vma->vm_start, request->start);
		bool done = to ? owner == to && (vma->vm_flags & request->modes) == request->modes
			       : !owner;

		if (!done) {
			unsigned long last = min(vma->vm_end, request->end);

			vma = hand_over(&vmi, prev, vma, to, request->start, request->end,
					request->modes, false);
			if (IS_ERR(vma))
				return PTR_ERR(vma);
			/* Only now: nobody waits there for a context that he has left. */
			if (!to)
				uffd_ctx_wake(owner, here, last - here);
		}
		prev = vma;
	}
	return 0;
}

static int lock_check_hand_over(const struct request *request, struct userfaultfd_ctx *to,
				int (*check)(struct vm_area_struct *, const struct request *),
				bool *hugetlb)
{
	struct mm_struct *mm = request->ctx->mm;
	int error;

	mmap_write_lock(mm);
	error = check_all(request, hugetlb, check);
	if (!error)
		error = hand_over_all(request, to);
	mmap_write_unlock(mm);
	return error;
}

int uffd_register_range(struct userfaultfd_ctx *ctx, unsigned long start,
			unsigned long end, unsigned long modes, bool *hugetlb)
{
	struct request request = { ctx, start, end, modes };

	*hugetlb = false;
	return lock_check_hand_over(&request, ctx, check_register, hugetlb);
}

int uffd_unregister_range(struct userfaultfd_ctx *ctx, unsigned long start,
			  unsigned long end)
{
	struct request request = { ctx, start, end, 0 };
	bool hugetlb;

	return lock_check_hand_over(&request, NULL, check_unregister, &hugetlb);
}

void uffd_detach_all(struct userfaultfd_ctx *ctx)
{
	struct mm_struct *mm = ctx->mm;
	struct vm_area_struct *vma, *prev = NULL;
	VMA_ITERATOR(vmi, mm, 0);

	if (!mmget_not_zero(mm))
		return;
	mmap_write_lock(mm);
	for_each_vma(vmi, vma) {
		cond_resched();
		if (vma->vm_userfaultfd_ctx.ctx == ctx) {
			struct vm_area_struct *whole = vma;

			/* Nothing is split here; without memory it isn't merged, either. */
			vma = hand_over(&vmi, prev, vma, NULL, vma->vm_start, vma->vm_end, 0,
					true);
			if (IS_ERR(vma)) {
				vma = whole;
				uffd_vma_clear(vma);
			}
		}
		prev = vma;
	}
	mmap_write_unlock(mm);
	mmput(mm);
}
