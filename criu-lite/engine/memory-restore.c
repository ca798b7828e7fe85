// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a restored task.
 *
 * Everything that can be wrong is found in the coordinator, before any task
 * runs: VMAs and pages are checked against each other, and every VMA by its
 * kind. What a task then does is arithmetic: it hands the restorer a list of
 * mappings and a list of reads.
 *
 *	eager	every page of the image is read into place; what the task shares
 *		with its parent or children is there already (engine/cow.c)
 *	lazy	anonymous mappings are armed: the restorer registers them with
 *		a userfaultfd and reads nothing for them; the server is told
 *		what to bring where. The others are filled as in eager mode.
 *
 * The userfaultfd is made by the task itself, since it belongs to the memory
 * of its maker; that memory survives the restorer's unmapping everything.
 */
#include "engine/memory-restore.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/kind.h"
#include "core/mempolicy.h"
#include "core/options.h"
#include "core/restore.h"
#include "engine/cow.h"
#include "engine/cow-plan.h"
#include "engine/memory-plan.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "kinds/mm/memfd.h"
#include "kinds/mm/vdso.h"
#include "pages/armable.h"
#include "pages/handoff.h"
#include "pages/pagemap.h"
#include "sys/features.h"
#include "sys/proc_maps.h"
#include "sys/syscall.h"
#include "sys/uffd.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Ends of user space with four and five levels of page tables. */
#define TASK_SIZE_4_LEVELS 0x7ffffffff000UL
#define TASK_SIZE_5_LEVELS 0xfffffffffff000UL

/* Programs that are not PIE, and their heaps, begin low: the area stays above 4 GiB. */
#define AREA_LOW (1UL << 32)
/* A stack above the area would grow into it no further than this. */
#define AREA_MARGIN (1UL << 20)

/* The tail of what restorer_alloc() rounds up, for each array. */
#define ALLOC_SLACK (8 * 16)

static uint64_t task_size(void)
{
	/* Nothing is mapped up there; without five levels there is no such address. */
	if (munmap((void *)(TASK_SIZE_5_LEVELS - PAGE_SIZE), PAGE_SIZE) == 0)
		return TASK_SIZE_5_LEVELS;
	return TASK_SIZE_4_LEVELS;
}

static const struct vma_kind *kind_of(const struct restore *r, const VmaEntry *entry)
{
	return plan_vma_kind(r->kinds, entry->status);
}

static bool is_lazy_private(const struct restore *r, const VmaEntry *entry)
{
	return r->opts->lazy_pages && vma_arming(entry, false, NULL) == VMA_ARM_PRIVATE &&
	       (!vma_huge(entry) || r->features->lazy_huge);
}

/* Guard regions stand at the end of the list and are no mappings. */
static size_t count_guards(const struct task *t)
{
	size_t n = 0;

	while (n < t->mm->n_vmas && t->mm->vmas[t->mm->n_vmas - 1 - n]->status == VMA_GUARD)
		n++;
	return n;
}

static size_t count_ordinary(const struct task *t)
{
	return t->mm->n_vmas - count_guards(t);
}

enum plan_pages memory_restore_pages(const struct restore *r, const VmaEntry *entry)
{
	switch (kind_of(r, entry)->pages) {
	case VMA_PAGES_ALL:
		return PLAN_PAGES_KERNEL;
	case VMA_PAGES_ANON:
	case VMA_PAGES_CHANGED:
		if (!is_lazy_private(r, entry))
			return PLAN_PAGES_READ;
		return vma_huge(entry) ? PLAN_PAGES_LAZY_HERE : PLAN_PAGES_LAZY;
	case VMA_PAGES_NONE:
		break;
	}
	return PLAN_PAGES_NONE;
}

/* A piece that is there has at most one part before it that is not. */
static size_t max_segments(const struct restore *r, const struct task *t)
{
	return count_ordinary(t) + 2 * cow_pieces(r)->n + 1;
}

/* A piece takes reads away, but may leave two of one. */
static size_t max_reads(const struct restore *r, const struct task *t)
{
	return t->restore->n_reads + cow_pieces(r)->n;
}

/* The mappings of a task, cut at the borders of what is there already. */
static size_t list_segments(const struct restore *r, const struct task *t, struct plan_area *areas)
{
	size_t n = 0, at = 0, n_vmas = count_ordinary(t);

	for (size_t i = 0; i < n_vmas; i++) {
		const VmaEntry *e = t->mm->vmas[i];
		struct cow_segment s;

		for (uint64_t start = e->start; start < e->end; start = s.end) {
			s = cow_segment_at(cow_pieces(r), &at, start, e->end);
			areas[n++] = (struct plan_area){
				.start = s.start,
				.end = s.end,
				.pages = s.piece ? PLAN_PAGES_THERE : memory_restore_pages(r, e),
			};
		}
	}
	return n;
}

/* Plans the reads of a task; with @reads NULL they are counted. */
static int plan_reads(const struct restore *r, const struct task *t, struct restorer_read *reads,
		      size_t max_reads, struct plan_reads *p)
{
	const struct page_map *map = t->restore->pages;
	size_t n = 0;
	_cleanup_free_ struct plan_area *areas = calloc(max_segments(r, t), sizeof(*areas));
	uint64_t bad = 0;
	int ret = 0;

	if (!areas)
		return log_errno(-ENOMEM, "pid %d: cannot plan its memory", t->pid);
	n = list_segments(r, t, areas);
	plan_reads_init(p, areas, n, reads, max_reads);
	for (size_t i = 0; ret == 0 && i < map->n_extents; i++) {
		const struct page_extent *ext = &map->extents[i];

		ret = plan_reads_add(p, ext->start, ext->len,
				     page_extent_has_data(ext) ? map->files[ext->file].fd : -1,
				     ext->offset, &bad);
	}
	p->areas = NULL;
	if (ret < 0)
		return log_errno(ret, "pagemap-%d: page %#lx belongs to no mapping that can have "
				 "it", t->pid, (unsigned long)bad);
	return 0;
}

static int load_own_maps(struct restore *r)
{
	int ret;

	if (r->own_maps)
		return 0;
	r->own_maps = arena_new_object(r->arena, struct proc_maps);
	ret = proc_maps_read(getpid(), r->own_maps);
	return ret < 0 ? log_errno(ret, "cannot read our own mappings") : 0;
}

static int load_pages(struct restore *r, struct task *t)
{
	int ret = page_map_load(r->images, IMAGE_PAGEMAP, t->pid, &t->restore->pages);

	if (ret == -ENOENT)
		return log_errno(ret, "pid %d: pagemap-%d is missing", t->pid, t->pid);
	if (ret < 0)
		return ret;
	if (t->restore->pages->nr_lazy_only && !r->opts->lazy_pages)
		return log_errno(-ENOTSUP, "pagemap-%d: %lu pages were left with the dump: they "
				 "come with --lazy-pages only", t->pid,
				 (unsigned long)t->restore->pages->nr_lazy_only);
	return 0;
}

static int check_vmas(struct restore *r, struct task *t)
{
	size_t n;
	int ret;

	if (!t->mm->n_vmas)
		return log_errno(-EINVAL, "mm-%d: no mappings", t->pid);
	ret = plan_check_vmas(t->mm, t->pid, task_size(), &n);
	if (ret < 0)
		return ret;
	if (n < t->mm->n_vmas && !r->features->madv_guard)
		return log_errno(-ENOTSUP, "mm-%d: guard regions: this kernel has none "
				 "(MADV_GUARD_INSTALL)", t->pid);
	for (size_t i = 0; i < n; i++) {
		const VmaEntry *e = t->mm->vmas[i];

		if (e->has_sealed && e->sealed && !r->features->mseal)
			return log_errno(-ENOTSUP, "mm-%d: VMA %#lx is sealed: this kernel has no "
					 "mseal()", t->pid, (unsigned long)e->start);
		ret = kind_of(r, e)->check(r, t, e);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int memory_restore_load(struct restore *r, struct task *t)
{
	struct plan_reads p;
	int ret = load_own_maps(r);

	if (ret < 0)
		return ret;
	ret = load_pages(r, t);
	if (ret < 0)
		return ret;
	ret = check_vmas(r, t);
	if (ret < 0)
		return ret;
	ret = plan_reads(r, t, NULL, 0, &p);
	if (ret < 0)
		return ret;
	t->restore->n_reads = p.n_reads;
	r->pages_restored += p.pages;
	return 0;
}

/* What the tasks read themselves; the rest is looked at by who brings it. */
static int verify_task(const struct restore *r, const struct task *t)
{
	int ret = 0;

	for (size_t i = 0; ret >= 0 && i < count_ordinary(t); i++) {
		const VmaEntry *e = t->mm->vmas[i];

		if (memory_restore_pages(r, e) == PLAN_PAGES_READ)
			ret = page_map_verify(t->restore->pages, e->start, e->end);
	}
	return ret;
}

int memory_restore_verify(const struct restore *r)
{
	const struct task *t;
	int ret = 0;

	TAILQ_FOREACH(t, &r->tasks, link)
		if (ret >= 0 && t->restore->pages)
			ret = verify_task(r, t);
	return ret;
}

int memory_restore_open(struct restore *r)
{
	struct task *t;
	int ret;

	TAILQ_FOREACH(t, &r->tasks, link) {
		struct page_map *map = t->restore->pages;

		for (size_t i = 0; map && i < map->n_files; i++) {
			if (map->files[i].fd < 0)
				continue;
			ret = restore_service_fd(r, map->files[i].fd);
			if (ret < 0)
				return ret;
			map->files[i].fd = ret;
		}
	}
	for (const struct vma_kind *const *k = r->kinds->vmas; *k; k++) {
		ret = (*k)->open ? (*k)->open(r) : 0;
		if (ret < 0)
			return ret;
	}
	return 0;
}

uint64_t memory_restore_room(const struct restore *r, const struct task *t)
{
	uint64_t extras = 0;

	/* Each is rounded up. */
	for (size_t i = 0; i < t->mm->n_vmas; i++) {
		if (t->mm->vmas[i]->anon_name)
			extras += VMA_ANON_NAME_MAX + 1;
		if (t->mm->vmas[i]->mempolicy)
			extras += ALIGN_UP(sizeof(struct mempolicy), 16);
	}
	return extras + max_segments(r, t) * sizeof(struct restorer_vma) +
	       (cow_pieces(r)->n + 1 + count_guards(t)) * sizeof(struct restorer_range) +
	       max_reads(r, t) * sizeof(struct restorer_read) + vdso_room(r) +
	       memfd_seals_room(r) + ALLOC_SLACK;
}

int memory_restore_find_area(const struct restore *r, const struct task *t, uint64_t size,
			     uint64_t *addr)
{
	const struct cow_pieces *pieces = cow_pieces(r);
	size_t n_old = r->own_maps->n_vmas, n_new = count_ordinary(t);
	_cleanup_free_ struct plan_range *old = calloc(n_old + pieces->n + 1, sizeof(*old));
	_cleanup_free_ struct plan_range *new = calloc(n_new + 1, sizeof(*new));
	int ret;

	if (!old || !new)
		return log_errno(-ENOMEM, "pid %d: cannot place the restorer", t->pid);
	for (size_t i = 0; i < n_old; i++) {
		old[i].start = r->own_maps->vmas[i].start;
		old[i].end = r->own_maps->vmas[i].end;
	}
	/* Those in place are part of the new layout. */
	for (size_t i = 0; i < pieces->n; i++) {
		const struct cow_piece *p = &pieces->list[i];

		if (p->at != p->start)
			old[n_old++] = (struct plan_range){ p->at, p->at + (p->end - p->start) };
	}
	n_old = ranges_merge(old, n_old);
	for (size_t i = 0; i < n_new; i++) {
		new[i].start = t->mm->vmas[i]->start;
		new[i].end = t->mm->vmas[i]->end;
	}
	ret = area_place(old, n_old, new, n_new, size, AREA_MARGIN, AREA_LOW, TASK_SIZE_4_LEVELS,
			 addr);
	if (ret < 0)
		ret = area_place(old, n_old, new, n_new, size, PAGE_SIZE, AREA_MARGIN,
				 TASK_SIZE_4_LEVELS, addr);
	if (ret < 0)
		return log_errno(ret, "pid %d: no room for the restorer: %lu bytes that are free "
				 "now and in the restored layout", t->pid, (unsigned long)size);
	return 0;
}

/* Made by the kernel, or by nobody: not for the restorer to map. */
static bool is_mapped(const VmaEntry *entry)
{
	return entry->status & VMA_REGULAR && !(entry->status & (VMA_VDSO | VMA_VVAR));
}

static void note_eager(const struct restore *r, const struct task *t, const VmaEntry *entry)
{
	const char *reason = NULL;

	if (!r->opts->lazy_pages || !(entry->status & VMA_ANON_PRIVATE))
		return;
	vma_arming(entry, false, &reason);
	log_info("pid %d: mapping %lx-%lx is filled at once: %s", t->pid,
		 (unsigned long)entry->start, (unsigned long)entry->end,
		 reason ? reason : "it can't be armed");
}

/* Decides whether the mapping is armed; then *range is what the server has to know. */
static bool arm_range(const struct restore *r, const VmaEntry *entry, struct handoff_range *range)
{
	*range = (struct handoff_range){
		.start = entry->start, .end = entry->end, .huge = vma_huge(entry),
	};
	if (is_lazy_private(r, entry)) {
		range->kind = HANDOFF_PRIVATE;
		range->source = entry->start;
		return true;
	}
	if (memfd_vma_is_lazy(r, entry, &range->shmid)) {
		range->kind = HANDOFF_SHARED;
		range->source = entry->pgoff;
		return true;
	}
	return false;
}

int memory_restore_vma(struct restore *r, struct task *t, const VmaEntry *entry,
		       struct restorer_vma *vma)
{
	*vma = (struct restorer_vma){
		.start = entry->start,
		.len = entry->end - entry->start,
		.offset = entry->pgoff,
		.madv = entry->has_madv ? entry->madv : 0,
		.fd = -1,
		.prot = entry->prot,
		.flags = entry->flags,
	};
	if (entry->has_locked_on_fault && entry->locked_on_fault)
		vma->how |= RESTORER_VMA_ON_FAULT;
	if (entry->has_sealed && entry->sealed)
		vma->how |= RESTORER_VMA_SEAL;
	return kind_of(r, entry)->plan(r, t, entry, vma);
}

/* One mapping, in as many parts as pieces of it are there already. */
static void add_segments(const struct restore *r, const struct restorer_vma *vma, size_t *at,
			 struct restorer_mm *mm)
{
	uint64_t end = vma->start + vma->len;
	struct cow_segment s;

	for (uint64_t start = vma->start; start < end; start = s.end) {
		struct restorer_vma *v = &mm->vmas[mm->n_vmas++];

		s = cow_segment_at(cow_pieces(r), at, start, end);
		*v = *vma;
		v->start = s.start;
		v->len = s.end - s.start;
		v->offset += s.start - vma->start;
		if (s.piece) {
			v->how |= RESTORER_VMA_THERE;
			v->from = s.piece->at;
			v->flags &= ~(uint32_t)(s.piece->locked ? MAP_LOCKED : 0);
		}
	}
}

/* A label for people: no reason to refuse where the kernel knows none. */
static int plan_name(const struct restore *r, const struct task *t, const VmaEntry *e,
		     struct restorer_args *args, struct restorer_vma *vma)
{
	char *name;

	if (!e->anon_name)
		return 0;
	if (!r->features->anon_vma_name) {
		log_warn("pid %d: mapping %lx-%lx: this kernel keeps no name for it (\"%s\")",
			 t->pid, (unsigned long)e->start, (unsigned long)e->end, e->anon_name);
		return 0;
	}
	name = restorer_alloc(args, strlen(e->anon_name) + 1);
	if (!name)
		return -ENOMEM;
	strcpy(name, e->anon_name);
	vma->name = name;
	return 0;
}

static int plan_mempolicy(const VmaEntry *e, struct restorer_args *args, struct restorer_vma *vma)
{
	struct mempolicy *policy;

	if (!e->mempolicy)
		return 0;
	policy = restorer_alloc(args, sizeof(*policy));
	if (!policy)
		return -ENOMEM;
	mempolicy_from_entry(e->mempolicy, policy);
	vma->mempolicy = policy;
	return 0;
}

static int plan_vmas(struct restore *r, struct task *t, struct restorer_args *args,
		     struct handoff_range *ranges, size_t *n_ranges)
{
	size_t n = count_ordinary(t), at = 0;

	args->mm.vmas = restorer_alloc(args, max_segments(r, t) * sizeof(*args->mm.vmas));
	if (!args->mm.vmas)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const VmaEntry *e = t->mm->vmas[i];
		struct restorer_vma vma;
		int ret;

		if (!is_mapped(e))
			continue;
		ret = memory_restore_vma(r, t, e, &vma);
		if (ret >= 0)
			ret = plan_name(r, t, e, args, &vma);
		if (ret >= 0)
			ret = plan_mempolicy(e, args, &vma);
		if (ret < 0)
			return ret;
		if (arm_range(r, e, &ranges[*n_ranges])) {
			vma.how |= RESTORER_VMA_ARM;
			++*n_ranges;
		} else {
			note_eager(r, t, e);
		}
		add_segments(r, &vma, &at, &args->mm);
	}
	return 0;
}

static int compare_keep(const void *a, const void *b)
{
	const struct restorer_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* What the restorer unmaps nothing of: its own area, and what is there already. */
static int plan_keep(const struct restore *r, struct restorer_args *args)
{
	const struct cow_pieces *pieces = cow_pieces(r);
	struct restorer_range *keep = restorer_alloc(args, (pieces->n + 1) * sizeof(*keep));

	if (!keep)
		return -ENOMEM;
	args->mm.keep = keep;
	args->mm.n_keep = pieces->n + 1;
	for (size_t i = 0; i < pieces->n; i++)
		keep[i] = (struct restorer_range){
			.start = pieces->list[i].at,
			.len = pieces->list[i].end - pieces->list[i].start,
		};
	keep[pieces->n] = (struct restorer_range){
		.start = args->area_start,
		.len = args->area_end - args->area_start,
	};
	qsort(keep, args->mm.n_keep, sizeof(*keep), compare_keep);
	return 0;
}

static int plan_guards(const struct task *t, struct restorer_args *args)
{
	size_t n = count_guards(t), first = count_ordinary(t);

	if (!n)
		return 0;
	args->mm.guards = restorer_alloc(args, n * sizeof(*args->mm.guards));
	if (!args->mm.guards)
		return -ENOMEM;
	args->mm.n_guards = n;
	for (size_t i = 0; i < n; i++) {
		const VmaEntry *e = t->mm->vmas[first + i];

		args->mm.guards[i].start = e->start;
		args->mm.guards[i].len = e->end - e->start;
	}
	return 0;
}

static int plan_all_reads(const struct restore *r, const struct task *t,
			  struct restorer_args *args)
{
	size_t n = max_reads(r, t);
	struct plan_reads p;
	int ret;

	if (!n)
		return 0;
	args->mm.reads = restorer_alloc(args, n * sizeof(*args->mm.reads));
	if (!args->mm.reads)
		return -ENOMEM;
	ret = plan_reads(r, t, args->mm.reads, n, &p);
	args->mm.n_reads = p.n_reads;
	return ret;
}

/* Makes the task's userfaultfd and tells the server what it will be asked for. */
static int hand_off(struct restore *r, struct task *t, const struct handoff_range *ranges,
		    size_t n_ranges)
{
	const uint64_t order = r->features->uffd_features & UFFD_FEATURE_EVENT_ORDER;
	_cleanup_close_ int pidfd = -1;
	uint64_t huge = r->features->lazy_huge ? UFFD_FEATURE_MISSING_HUGETLBFS : 0;
	int fd;

	fd = uffd_open(UFFD_FEATURES_NONCOOP | UFFD_FEATURE_MISSING_SHMEM | order | huge, NULL);
	if (fd < 0)
		return log_errno(fd, "pid %d: cannot get a userfaultfd with fork, remap, remove "
				 "and unmap events", t->pid);
	t->restore->uffd = restore_service_fd(r, fd);
	if (t->restore->uffd < 0)
		return t->restore->uffd;
	pidfd = sys_pidfd_open(getpid(), 0);
	if (pidfd < 0)
		return log_errno(pidfd, "pid %d: cannot get its pidfd", t->pid);
	return handoff_send_task(r->handoff, t->pid, t->restore->uffd, pidfd, ranges, n_ranges);
}

int memory_restore_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	_cleanup_free_ struct handoff_range *ranges = calloc(t->mm->n_vmas + 1, sizeof(*ranges));
	size_t n_ranges = 0;
	int ret;

	if (!ranges)
		return log_errno(-ENOMEM, "pid %d: cannot plan its memory", t->pid);
	args->mm.task_size = task_size();
	args->mm.uffd = -1;
	args->mm.lock_future = t->mm->has_lock_future ? t->mm->lock_future : 0;
	ret = plan_keep(r, args);
	if (ret >= 0)
		ret = plan_vmas(r, t, args, ranges, &n_ranges);
	if (ret >= 0)
		ret = plan_guards(t, args);
	if (ret >= 0)
		ret = plan_all_reads(r, t, args);
	if (ret >= 0)
		ret = vdso_plan(r, t, args);
	if (ret >= 0)
		ret = memfd_seals_plan(r, t, args);
	if (ret < 0 || !r->opts->lazy_pages)
		return ret;
	ret = hand_off(r, t, ranges, n_ranges);
	args->mm.uffd = t->restore->uffd;
	return ret;
}
