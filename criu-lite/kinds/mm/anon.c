// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private anonymous memory: what malloc, the heap, stacks and most else is.
 *
 * Saved: every page that is there and is not the shared zero page; a page with
 * no entry reads as zeros again. What the mapping was made with (GROWSDOWN,
 * NORESERVE, LOCKED, DROPPABLE) and was advised comes back from the flags;
 * content of pages behind PROT_NONE is content like any other.
 *
 * Huge pages (MAP_HUGETLB) are taken from those that are reserved when the
 * mapping is made: where too few are free, the restore fails. To the kernel it
 * is a private mapping of a file without a path, "/anon_hugepage"; nobody else
 * has that file. Content is saved in small pages.
 *
 * Stacks: the recorded start is what /proc shows. Kernels that hid a guard page
 * below a stack there are older than any that has clone3().
 *
 * The names that PR_SET_VMA_ANON_NAME gives ("[anon:NAME]") are kept by the
 * engine, for shared memory has them too.
 */
#include "kinds/mm/kinds.h"

#include <errno.h>
#include <sys/mman.h>

#include "core/task.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "kinds/mm/memfd.h"
#include "kinds/mm/vma.h"
#include "sys/proc_maps.h"
#include "util/log.h"

static bool anon_probe(const struct proc_vma *vma)
{
	if (vma->shared)
		return false;
	if (vma_is_named(vma, MEMFD_ANON_HUGE " (deleted)") && vma_has_flag(vma, VMA_FLAG_HT))
		return true;
	if (vma->ino)
		return false;
	return !vma->name || vma_is_named(vma, "[heap]") || vma_name_begins(vma, "[stack") ||
	       vma_name_begins(vma, "[anon:");
}

static int anon_dump(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry)
{
	entry->status = VMA_REGULAR | VMA_ANON_PRIVATE;
	if (vma_is_named(vma, "[heap]"))
		entry->status |= VMA_HEAP;
	entry->flags |= MAP_ANONYMOUS;
	/* /proc shows 0, whatever the kernel counts; but for huge pages. */
	if (!vma->ino)
		entry->pgoff = 0;
	return 0;
}

static int anon_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	if (!(entry->flags & MAP_PRIVATE) || entry->flags & MAP_SHARED)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: private anonymous, but its flags are "
				 "%#x", t->pid, (unsigned long)entry->start, entry->flags);
	return 0;
}

static int anon_plan(struct restore *r, struct task *t, const VmaEntry *entry,
		     struct restorer_vma *vma)
{
	vma->fd = -1;
	vma->flags |= MAP_ANONYMOUS;
	if (!(entry->flags & MAP_HUGETLB))
		vma->offset = 0;
	return 0;
}

const struct vma_kind vma_anon_kind = {
	.name = "anonymous memory",
	.proto = "vma.proto",
	.test = "mm/anon-private",
	.status = VMA_REGULAR | VMA_ANON_PRIVATE,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_ANON,
	.probe = anon_probe,
	.dump = anon_dump,
	.check = anon_check,
	.plan = anon_plan,
};
