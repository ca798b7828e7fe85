// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of memory files: memfds, and shared anonymous memory.
 *
 * A shared mapping has no content of its own: that is the inode's
 * (kinds/mm/memfd.c). Of a private one those pages are saved that the task
 * changed. What the tree shares is shared again, because the mappings name the
 * same inode.
 *
 * Images may also hold shared anonymous memory as a segment without a file
 * (VMA_ANON_SHARED), known by its id only and as large as its mappings say.
 */
#include "kinds/mm/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "core/dump.h"
#include "core/restore.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "kinds/mm/kinds.h"
#include "kinds/mm/vma.h"
#include "pages/armable.h"
#include "pages/pagemap.h"
#include "sys/proc_maps.h"
#include "util/array.h"
#include "util/log.h"

static bool is_memory_file(const struct proc_vma *vma)
{
	/* Private, that is anonymous memory. */
	if (vma_is_named(vma, MEMFD_ANON_HUGE " (deleted)"))
		return vma->shared && vma_has_flag(vma, VMA_FLAG_HT);
	return vma->ino && (vma_is_named(vma, MEMFD_DEV_ZERO " (deleted)") ||
			    (vma_name_begins(vma, "/memfd:") && vma_name_is_deleted(vma)) ||
			    /* Shared anonymous memory with a label of PR_SET_VMA_ANON_NAME. */
			    vma_name_begins(vma, "[anon_shmem:"));
}

static bool private_probe(const struct proc_vma *vma)
{
	return !vma->shared && is_memory_file(vma);
}

static bool shared_probe(const struct proc_vma *vma)
{
	return vma->shared && is_memory_file(vma);
}

/* Notes how the mapping stands to F_SEAL_FUTURE_WRITE; false: others stand otherwise. */
static bool note_seal(struct memfd_inode *inode, bool before)
{
	*(before ? &inode->before_seal : &inode->after_seal) = true;
	return !inode->before_seal || !inode->after_seal;
}

static int memfd_vma_dump(struct dump *d, struct task *t, const struct proc_vma *vma,
			  VmaEntry *entry)
{
	struct memfd_inode *inode;
	int ret = vma_file_dump(d, t, vma, entry);

	if (ret < 0)
		return ret;
	entry->status = VMA_REGULAR | VMA_MEMFD |
			(vma->shared ? VMA_FILE_SHARED : VMA_FILE_PRIVATE);
	inode = memfd_inode_by_ino(d, vma->ino);
	if (!inode || !(inode->entry->seals & F_SEAL_FUTURE_WRITE) || !vma->shared ||
	    entry->fdflags != O_RDWR)
		return 0;
	entry->has_before_seal = entry->before_seal = vma_has_flag(vma, VMA_FLAG_MW);
	if (!note_seal(inode, entry->before_seal))
		return vma_refuse(t, vma, "a memfd that was mapped before and after it was sealed "
				  "with F_SEAL_FUTURE_WRITE, each time from a descriptor that may "
				  "write, is not covered");
	return 0;
}

/* Notes what a lazy restore must know of the inode before it is filled. */
static int note_mapping(struct memfd_inode *inode, const VmaEntry *entry)
{
	struct memfd_range *range;

	if ((inode->dev_zero || inode->anon_huge) && entry->flags & MAP_NORESERVE)
		inode->noreserve = true;
	if (vma_arming(entry, inode->dev_zero || inode->anon_huge, NULL) != VMA_ARM_SHARED) {
		inode->eager = true;
		return 0;
	}
	range = array_push(&inode->armable, &inode->n_armable, &inode->cap_armable);
	if (!range)
		return log_errno(-ENOMEM, "memfd %s: too many mappings", inode->entry->name);
	range->start = entry->pgoff;
	range->end = entry->pgoff + (entry->end - entry->start);
	return 0;
}

static int memfd_vma_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	uint32_t type = entry->status & VMA_FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;
	struct memfd_inode *inode;
	int ret;

	if (!(entry->flags & type))
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: a memfd mapping (status %#x), but its "
				 "flags are %#x", t->pid, (unsigned long)entry->start,
				 entry->status, entry->flags);
	ret = vma_file_check(r, t, entry, FD_TYPES__MEMFD);
	if (ret < 0)
		return ret;
	inode = memfd_inode_of_vma(r, entry);
	if (!inode)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: memfd %lu has no inode", t->pid,
				 (unsigned long)entry->start, (unsigned long)entry->shmid);
	/* An image of CRIU's says only what the mapping may do now. */
	if (type == MAP_SHARED && inode->entry->seals & F_SEAL_FUTURE_WRITE &&
	    vma_file_mode(entry) == O_RDWR &&
	    !note_seal(inode, entry->has_before_seal ? entry->before_seal :
					!!(entry->prot & PROT_WRITE)))
		return log_errno(-ENOTSUP, "mm-%d: VMA %#lx: its memfd was sealed with "
				 "F_SEAL_FUTURE_WRITE between mappings: not covered", t->pid,
				 (unsigned long)entry->start);
	return note_mapping(inode, entry);
}

static int memfd_vma_plan(struct restore *r, struct task *t, const VmaEntry *entry,
			  struct restorer_vma *vma)
{
	vma->flags &= ~MAP_ANONYMOUS;
	return vma_file_plan(r, entry, FD_TYPES__MEMFD, vma);
}

static int anon_shared_check(struct restore *r, struct task *t, const VmaEntry *entry)
{
	struct memfd_inode *inode;
	int ret;

	/* The segment has no place to say how large its pages are. */
	if (entry->flags & MAP_HUGETLB)
		return log_errno(-ENOTSUP, "mm-%d: VMA %#lx: a shared segment of huge pages that "
				 "is no memfd: not covered", t->pid, (unsigned long)entry->start);
	if (!(entry->flags & MAP_SHARED) || !entry->shmid || entry->shmid > UINT32_MAX ||
	    entry->pgoff + (entry->end - entry->start) > INT64_MAX)
		return log_errno(-EINVAL, "mm-%d: VMA %#lx: shared anonymous, but its flags are "
				 "%#x, its segment is %#lx", t->pid, (unsigned long)entry->start,
				 entry->flags, (unsigned long)entry->shmid);
	ret = memfd_segment_get(r, entry->shmid, entry->pgoff + (entry->end - entry->start),
				&inode);
	if (ret < 0)
		return ret;
	return note_mapping(inode, entry);
}

/* No file of the images opens a segment. */
static int anon_shared_open(struct restore *r)
{
	for (struct memfd_inode *i = r->memfds; i; i = i->next) {
		int ret = i->segment ? memfd_inode_open(r, i) : 0;

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int anon_shared_plan(struct restore *r, struct task *t, const VmaEntry *entry,
			    struct restorer_vma *vma)
{
	vma->flags &= ~MAP_ANONYMOUS;
	vma->fd = memfd_inode_of_vma(r, entry)->fd;
	return 0;
}

struct memfd_inode *memfd_inode_of_vma(const struct restore *r, const VmaEntry *entry)
{
	const struct file *file;

	if (entry->status & VMA_MEMFD) {
		file = restore_file_find(r, FD_TYPES__MEMFD, entry->shmid);
		return file ? file->data : NULL;
	}
	for (struct memfd_inode *i = r->memfds; i; i = i->next)
		if (i->segment && i->entry->shmid == entry->shmid)
			return i;
	return NULL;
}

bool memfd_vma_is_lazy(const struct restore *r, const VmaEntry *entry, uint64_t *shmid)
{
	const struct memfd_inode *inode;

	if (!(entry->status & (VMA_MEMFD | VMA_ANON_SHARED)))
		return false;
	inode = memfd_inode_of_vma(r, entry);
	if (!inode || !inode->lazy)
		return false;
	*shmid = inode->entry->shmid;
	return true;
}

/* All inodes, of memfds as well. */
static int anon_shared_verify(const struct restore *r)
{
	int ret = 0;

	for (const struct memfd_inode *i = r->memfds; ret >= 0 && i; i = i->next)
		if (i->pages)
			ret = page_map_verify(i->pages, 0, UINT64_MAX);
	return ret;
}

const struct vma_kind vma_memfd_private_kind = {
	.name = "private mapping of a memfd",
	.proto = "memfd.proto",
	.test = "mm/memfd",
	.status = VMA_REGULAR | VMA_FILE_PRIVATE | VMA_MEMFD,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_CHANGED,
	.probe = private_probe,
	.dump = memfd_vma_dump,
	.check = memfd_vma_check,
	.plan = memfd_vma_plan,
};

const struct vma_kind vma_memfd_shared_kind = {
	.name = "shared memory",
	.proto = "memfd.proto",
	.test = "mm/anon-shared",
	.status = VMA_REGULAR | VMA_FILE_SHARED | VMA_MEMFD,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_NONE,
	.probe = shared_probe,
	.dump = memfd_vma_dump,
	.check = memfd_vma_check,
	.plan = memfd_vma_plan,
};

/* Only in images: at dump every shared anonymous mapping is one of a memory file. */
const struct vma_kind vma_anon_shared_kind = {
	.name = "shared anonymous segment",
	.proto = "vma.proto",
	.test = "mm/anon-shared",
	.status = VMA_REGULAR | VMA_ANON_SHARED,
	.status_mask = VMA_CLASS_MASK,
	.pages = VMA_PAGES_NONE,
	.check = anon_shared_check,
	.open = anon_shared_open,
	.verify = anon_shared_verify,
	.plan = anon_shared_plan,
};
