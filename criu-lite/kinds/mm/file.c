// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of files: programs and libraries (private), data that tasks share
 * through a file (shared).
 *
 * The file itself is not saved, only where it is: it must be there, the same,
 * at restore (the file kind checks, and saves what was deleted). Of a private
 * mapping those pages are saved that the task changed; a shared one has no
 * content of its own.
 *
 * Files of hugetlbfs are files, too: the size of their pages goes with them.
 *
 * What the descriptor was opened for shows in what mprotect() may do with the
 * mapping, and is kept (kinds/mm/vma.c).
 */
#include "kinds/mm/kinds.h"

#include <errno.h>
#include <sys/mman.h>

#include "core/task.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "kinds/mm/vma.h"
#include "sys/proc_maps.h"
#include "util/log.h"

static bool private_probe(const struct proc_vma *vma)
{
	return vma->ino && !vma->shared && vma_name_begins(vma, "/");
}

static bool shared_probe(const struct proc_vma *vma)
{
	return vma->ino && vma->shared && vma_name_begins(vma, "/");
}

static int file_dump(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry)
{
	entry->status = VMA_REGULAR | (vma->shared ? VMA_FILE_SHARED : VMA_FILE_PRIVATE);
	return vma_file_dump(d, t, vma, entry);
}

static int file_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	uint32_t type = entry->status & VMA_FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;

	if (!(entry->flags & type) || entry->flags & MAP_ANONYMOUS)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: a file mapping (status %#x), but its "
				 "flags are %#x", t->pid, (unsigned long)entry->start,
				 entry->status, entry->flags);
	return vma_file_check(r, t, entry, FD_TYPES__REG);
}

static int file_plan(struct restore *r, struct task *t, const VmaEntry *entry,
		     struct restorer_vma *vma)
{
	return vma_file_plan(r, entry, FD_TYPES__REG, vma);
}

const struct vma_kind vma_file_private_kind = {
	.name = "private file mapping",
	.proto = "vma.proto",
	.test = "mm/file-private",
	.status = VMA_REGULAR | VMA_FILE_PRIVATE,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_CHANGED,
	.probe = private_probe,
	.dump = file_dump,
	.check = file_check,
	.plan = file_plan,
};

const struct vma_kind vma_file_shared_kind = {
	.name = "shared file mapping",
	.proto = "vma.proto",
	.test = "mm/file-shared",
	.status = VMA_REGULAR | VMA_FILE_SHARED,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_NONE,
	.probe = shared_probe,
	.dump = file_dump,
	.check = file_check,
	.open = vma_file_open,
	.plan = file_plan,
};
