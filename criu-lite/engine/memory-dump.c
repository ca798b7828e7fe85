// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is mapped in a dumped task.
 *
 * Each mapping goes to the first kind that claims it; a mapping that none
 * claims is refused, with its name. What mmap(), madvise() and mlock() made of
 * it shows in the two-letter codes of smaps and is translated by two tables.
 *
 * So are the names that people read in maps (PR_SET_VMA_ANON_NAME).
 *
 * Guard regions (MADV_GUARD_INSTALL) are marks in the page tables, not
 * mappings; images have them as entries of their own behind all others.
 */
#include "engine/memory-dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/dump.h"
#include "core/kind.h"
#include "engine/memory-policy.h"
#include "image/vma.h"
#include "inject/session.h"
#include "sys/features.h"
#include "sys/pagemap.h"
#include "sys/proc_maps.h"
#include "sys/proc_status.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* The list of entries while it grows; it moves to the arena in one piece. */
struct vma_list {
	VmaEntry **entries;
	size_t n, cap;
};

/* What mmap() was told. */
static const struct {
	enum vma_flag code;
	uint32_t flag;
} mmap_table[] = {
	{ VMA_FLAG_DP, MAP_DROPPABLE },
	{ VMA_FLAG_GD, MAP_GROWSDOWN },
	{ VMA_FLAG_HT, MAP_HUGETLB },
	{ VMA_FLAG_LO, MAP_LOCKED },
	{ VMA_FLAG_NR, MAP_NORESERVE },
};

/* What madvise() was told (spec/images.md, section 5.2). */
static const struct {
	enum vma_flag code;
	int advice;
} madvise_table[] = {
	{ VMA_FLAG_DC, MADV_DONTFORK },
	{ VMA_FLAG_DD, MADV_DONTDUMP },
	{ VMA_FLAG_HG, MADV_HUGEPAGE },
	{ VMA_FLAG_MG, MADV_MERGEABLE },
	{ VMA_FLAG_NH, MADV_NOHUGEPAGE },
	{ VMA_FLAG_RR, MADV_RANDOM },
	{ VMA_FLAG_SR, MADV_SEQUENTIAL },
	{ VMA_FLAG_WF, MADV_WIPEONFORK },
};

/* "[anon:NAME]" or "[anon_shmem:NAME]": NAME, or NULL. */
static char *anon_name(struct dump *d, const struct proc_vma *vma)
{
	static const char *const prefixes[] = { "[anon:", "[anon_shmem:" };
	char *name;

	for (size_t i = 0; vma->name && i < ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (strncmp(vma->name, prefixes[i], len))
			continue;
		name = arena_strdup(d->arena, vma->name + len);
		name[strcspn(name, "]")] = 0;
		return name;
	}
	return NULL;
}

static VmaEntry *new_entry(struct dump *d, const struct proc_vma *vma)
{
	VmaEntry *e = arena_message(d->arena, VmaEntry, vma_entry__init);

	e->start = vma->start;
	e->end = vma->end;
	e->pgoff = vma->pgoff;
	e->prot = vma->prot;
	e->fd = -1;
	e->flags = vma->shared ? MAP_SHARED : MAP_PRIVATE;
	for (size_t i = 0; i < ARRAY_SIZE(mmap_table); i++)
		if (vma_has_flag(vma, mmap_table[i].code))
			e->flags |= mmap_table[i].flag;
	for (size_t i = 0; i < ARRAY_SIZE(madvise_table); i++)
		if (vma_has_flag(vma, madvise_table[i].code))
			e->madv |= 1UL << madvise_table[i].advice;
	if (e->flags & MAP_HUGETLB && vma->page_size)
		e->flags |= (uint32_t)__builtin_ctzll(vma->page_size) << VMA_HUGETLB_SHIFT;
	e->has_madv = e->madv;
	e->has_locked_on_fault = e->locked_on_fault = vma_has_flag(vma, VMA_FLAG_LF);
	e->has_sealed = e->sealed = vma_has_flag(vma, VMA_FLAG_SL);
	e->anon_name = anon_name(d, vma);
	return e;
}

static const struct vma_kind *kind_of(const struct dump *d, const struct proc_vma *vma)
{
	for (const struct vma_kind *const *k = d->kinds->vmas; *k; k++)
		if ((*k)->probe && (*k)->probe(vma))
			return *k;
	return NULL;
}

/* The kernel maps vvar in pieces; an image has it in one. */
static bool merge_vvar(const struct vma_list *list, const VmaEntry *e)
{
	VmaEntry *last = list->n ? list->entries[list->n - 1] : NULL;

	if (!last || !(last->status & e->status & VMA_VVAR) || last->end != e->start ||
	    last->prot != e->prot)
		return false;
	last->end = e->end;
	return true;
}

static int add_entry(struct vma_list *list, VmaEntry *e, const struct task *t)
{
	VmaEntry **slot = array_push(&list->entries, &list->n, &list->cap);

	if (!slot)
		return log_errno(-ENOMEM, "pid %d: cannot keep %zu mappings", t->pid, list->n);
	*slot = e;
	return 0;
}

static int add_vma(struct dump *d, struct task *t, const struct proc_vma *vma,
		   struct vma_list *list)
{
	const struct vma_kind *kind = kind_of(d, vma);
	VmaEntry *e;
	int ret;

	if (!kind)
		return log_errno(-ENOTSUP, "pid %d: mapping %lx-%lx of %s: not covered", t->pid,
				 (unsigned long)vma->start, (unsigned long)vma->end,
				 vma->name ? vma->name : "an unnamed file");
	e = new_entry(d, vma);
	ret = kind->dump(d, t, vma, e);
	if (ret < 0)
		return ret;
	/* Some kernels seal what is theirs: that is for the restored task's kernel to do. */
	if (e->status & (VMA_VDSO | VMA_VVAR | VMA_VSYSCALL))
		e->has_sealed = e->sealed = false;
	return merge_vvar(list, e) ? 0 : add_entry(list, e, t);
}

static int add_guard(struct dump *d, struct task *t, const struct page_range *range,
		     struct vma_list *list)
{
	VmaEntry *e = arena_message(d->arena, VmaEntry, vma_entry__init);

	e->start = range->start;
	e->end = range->end;
	e->fd = -1;
	e->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	e->status = VMA_GUARD;
	return add_entry(list, e, t);
}

/* Where one could be: what the task maps of its own, from the first to the last. */
static int add_guards(struct dump *d, struct task *t, struct vma_list *list)
{
	_cleanup_(pagemap_cleanup) struct pagemap *pm = NULL;
	const struct task_dump *td = t->dump;
	struct page_range range;
	uint64_t end = 0;
	int ret;

	if (!d->features->pagemap_guard)
		return 0;
	for (size_t i = 0; i < td->n_vmas; i++)
		if (td->vmas[i].end <= INT64_MAX)
			end = td->vmas[i].end;
	if (!end)
		return 0;
	ret = pagemap_open(task_proc(t), d->features, &pm);
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot read its page tables", t->pid);
	ret = pagemap_start(pm, td->vmas[0].start, end, PAGEMAP_GUARD);
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot look for guard regions", t->pid);
	while ((ret = pagemap_next(pm, &range)) > 0) {
		ret = add_guard(d, t, &range, list);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int add_all(struct dump *d, struct task *t, struct vma_list *list)
{
	for (size_t i = 0; i < t->dump->n_vmas; i++) {
		int ret = add_vma(d, t, &t->dump->vmas[i], list);

		if (ret < 0)
			return ret;
	}
	return add_guards(d, t, list);
}

/* What the parasite's memory was given without asking: all that is mapped is. */
static int read_future_locks(struct task *t)
{
	_cleanup_(proc_maps_fini) struct proc_maps maps = {};
	const struct proc_vma *area;
	int ret = proc_smaps_read(task_proc(t), &maps);

	if (ret < 0)
		return log_errno(ret, "pid %d: cannot read its mappings again", t->pid);
	area = proc_maps_find(&maps, parasite_area(t->dump->parasite));
	if (!area || !vma_has_flag(area, VMA_FLAG_LO))
		return log_errno(-EAGAIN, "pid %d: what it has locked changes while it stands "
				 "still", t->pid);
	t->mm->has_lock_future = true;
	t->mm->lock_future = MCL_FUTURE | (vma_has_flag(area, VMA_FLAG_LF) ? MCL_ONFAULT : 0);
	return 0;
}

/*
 * mlockall(MCL_FUTURE) locks what will be mapped. Nothing shows it, but the
 * parasite's memory is such: what is locked has grown since it came. Only then
 * a second look at all mappings is worth its time.
 */
static int find_future_locks(struct task *t)
{
	const struct proc_status *before = t->dump->status;
	struct proc_status now = {};
	uint64_t locked;
	int ret;

	if (!before)
		return 0;
	ret = proc_status_read(task_proc(t), 0, &now);
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot read its status", t->pid);
	locked = now.vm_locked;
	proc_status_fini(&now);
	return locked == before->vm_locked ? 0 : read_future_locks(t);
}

int memory_dump_collect(struct dump *d, struct task *t)
{
	struct vma_list list = {};
	int ret;

	if (!t->mm)
		t->mm = arena_message(d->arena, MmEntry, mm_entry__init);
	ret = find_future_locks(t);
	if (ret == 0)
		ret = add_all(d, t, &list);
	if (ret == 0)
		ret = memory_policy_dump(d, t, list.entries, list.n);
	if (ret == 0) {
		t->mm->vmas = arena_memdup(d->arena, list.entries,
					   list.n * sizeof(*list.entries));
		t->mm->n_vmas = list.n;
	}
	free(list.entries);
	return ret;
}
