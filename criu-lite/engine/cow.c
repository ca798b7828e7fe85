// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a restored task shares copy-on-write with its children.
 *
 * Pages that are shared since a fork can only be shared again by a fork. So a
 * private mapping that a child also has, at the same place and of the same
 * nature, is made and filled in the parent before that makes its children,
 * while it still runs our code; the restorer then finds it there. The child
 * goes through what it inherited, and compares it with its own image:
 *
 *	parent	read			 in its image
 *	child	equal: leave		 in both
 *		differs: write		 in both
 *		read			 in its own only
 *		drop			 in the parent's only
 *
 * What a page is shared with is never asked: what is in it decides. Each task's
 * memory is what its own image says whatever was inherited.
 *
 * A piece is made where it belongs if nothing of ours is there or near, else
 * aside, from where the restorer moves it; all else of our own is far from any
 * restored layout. A moved piece keeps its offset within a huge page, so that
 * whole page tables can be moved; the kernel goes on counting it from where it
 * was made, and so does not join it with what is later mapped next to it.
 *
 * Advice and protection come in the restorer, when all tasks exist, and so do
 * locks, but for those of writable mappings: locking one makes the kernel copy
 * what it shares, and so comes when nothing of it is shared with children yet.
 */
#include "engine/cow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core/restore.h"
#include "engine/cow-plan.h"
#include "engine/memory-plan.h"
#include "engine/memory-restore.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "pages/pagemap.h"
#include "sys/proc_maps.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* Our stack must be able to grow, and stops a gap of 1 MiB before a mapping. */
#define OWN_MARGIN (16UL << 20)
#define HUGE_PAGE_SIZE (2UL << 20)
/* Where pieces are made aside: above programs that are not PIE. */
#define ASIDE_LOW (1UL << 32)
#define ASIDE_HIGH 0x7ffffffff000UL
/* Compared at once: fits a processor's own cache. */
#define COMPARE_SIZE (256 * 1024UL)

struct cow {
	struct cow_pieces pieces;
	const struct task *of;		/* whose memory they are; NULL: there are none */
	struct plan_range *own;		/* our mappings at the start */
	size_t n_own;
	struct plan_range *taken;	/* the layouts of all tasks, as one */
	size_t n_taken;
	uint64_t next;			/* pieces made aside lie below */
};

/* Areas of one task. */
struct cow_areas {
	struct cow_area *list;
	size_t n;
};

static void cow_areas_cleanup(struct cow_areas *areas)
{
	free(areas->list);
}

static void cow_pieces_cleanup(struct cow_pieces *pieces)
{
	cow_pieces_fini(pieces);
}

int cow_init(struct restore *r)
{
	struct cow *cow = arena_new_object(r->arena, struct cow);
	size_t n_live = 0, n_vmas = 0, n = 0;
	struct task *t;

	r->cow = cow;
	TAILQ_FOREACH(t, &r->tasks, link) {
		if (!task_is_live(t))
			continue;
		n_live++;
		n_vmas += t->mm->n_vmas;
	}
	if (n_live < 2)
		return 0;
	cow->next = ASIDE_LOW;
	cow->n_own = r->own_maps->n_vmas;
	cow->own = arena_new_array(r->arena, struct plan_range, cow->n_own);
	for (size_t i = 0; i < cow->n_own; i++)
		cow->own[i] = (struct plan_range){ r->own_maps->vmas[i].start,
						   r->own_maps->vmas[i].end };
	cow->taken = arena_new_array(r->arena, struct plan_range, n_vmas);
	TAILQ_FOREACH(t, &r->tasks, link)
		for (size_t i = 0; task_is_live(t) && i < t->mm->n_vmas; i++)
			cow->taken[n++] = (struct plan_range){ t->mm->vmas[i]->start,
							       t->mm->vmas[i]->end };
	cow->n_taken = ranges_merge(cow->taken, n);
	return 0;
}

const struct cow_pieces *cow_pieces(const struct restore *r)
{
	static const struct cow_pieces none;

	return r->cow ? &r->cow->pieces : &none;
}

/*
 * Whether a child can have the mapping from its parent. DROPPABLE memory is wiped
 * by fork, and huge pages (hugetlb) are reserved for who maps them. Where there is a
 * NUMA policy, pages must be read under it.
 */
static bool key_of(const struct restore *r, const VmaEntry *e, struct cow_key *key)
{
	uint32_t class = e->status & VMA_CLASS_MASK;

	if (memory_restore_pages(r, e) != PLAN_PAGES_READ || e->mempolicy ||
	    e->flags & (MAP_DROPPABLE | MAP_HUGETLB))
		return false;
	*key = (struct cow_key){ .class = class, .flags = e->flags & ~(uint32_t)MAP_LOCKED };
	if (class == (VMA_REGULAR | VMA_FILE_PRIVATE)) {
		key->file = e->shmid;
		key->shift = e->pgoff - e->start;
		return true;
	}
	return class == (VMA_REGULAR | VMA_ANON_PRIVATE);
}

static int list_areas(const struct restore *r, const struct task *t, struct cow_areas *areas)
{
	areas->list = calloc(t->mm->n_vmas + 1, sizeof(*areas->list));
	if (!areas->list)
		return log_errno(-ENOMEM, "pid %d: cannot list its private memory", t->pid);
	for (size_t i = 0; i < t->mm->n_vmas; i++) {
		const VmaEntry *e = t->mm->vmas[i];
		struct cow_area *a = &areas->list[areas->n];

		if (!key_of(r, e, &a->key))
			continue;
		a->start = e->start;
		a->end = e->end;
		a->vma = i;
		areas->n++;
	}
	return 0;
}

static int read_pages(const struct task *t, uint64_t at, const struct cow_run *run)
{
	const struct page_map *map = t->restore->pages;
	uint64_t len = run->end - run->start, done = 0;

	while (done < len) {
		uint64_t part = MIN(len - done, PLAN_READ_MAX);
		ssize_t n = pread_all(map->files[run->from->file].fd, (void *)(at + done), part,
				      page_extent_offset(run->from, run->start + done));

		if (n != (ssize_t)part)
			return log_errno(n < 0 ? (int)n : -ENODATA, "pid %d: cannot read its pages "
					 "from %#lx on", t->pid,
					 (unsigned long)(run->start + done));
		done += part;
	}
	return 0;
}

/* Writes the pages that differ. Returns how many did not. */
static uint64_t write_changed(char *memory, const char *image, uint64_t len)
{
	uint64_t same = 0;

	for (uint64_t i = 0; i < len; i += PAGE_SIZE) {
		if (memcmp(memory + i, image + i, PAGE_SIZE))
			memcpy(memory + i, image + i, PAGE_SIZE);
		else
			same++;
	}
	return same;
}

static int compare_pages(struct restore *r, const struct task *t, uint64_t at,
			 const struct cow_run *run, char *buf)
{
	struct cow_run part = *run;
	uint64_t same = 0;

	for (; part.start < run->end; part.start = part.end) {
		int ret;

		part.end = MIN(run->end, part.start + COMPARE_SIZE);
		ret = read_pages(t, (uintptr_t)buf, &part);
		if (ret < 0)
			return ret;
		same += write_changed((char *)at + (part.start - run->start), buf,
				      part.end - part.start);
	}
	__atomic_add_fetch(&r->sync->pages_compared, (run->end - run->start) >> PAGE_SHIFT,
			   __ATOMIC_RELAXED);
	__atomic_add_fetch(&r->sync->pages_shared, same, __ATOMIC_RELAXED);
	return 0;
}

/* @before: the page map that the piece was filled from; NULL: it is empty. */
static int fill_piece(struct restore *r, const struct task *t, const struct cow_piece *piece,
		      const struct page_map *before, char *buf)
{
	struct cow_walk walk;
	struct cow_run run;
	int ret = 0;

	cow_walk_init(&walk, piece->start, piece->end, before, t->restore->pages);
	while (ret == 0 && cow_walk_next(&walk, &run)) {
		uint64_t at = piece->at + (run.start - piece->start);

		if (run.kind == COW_COMPARE)
			ret = compare_pages(r, t, at, &run, buf);
		else if (run.kind == COW_READ)
			ret = read_pages(t, at, &run);
		else if (madvise((void *)at, run.end - run.start, MADV_DONTNEED) < 0)
			ret = log_errno(-errno, "pid %d: cannot drop its parent's pages from %#lx "
					"on", t->pid, (unsigned long)run.start);
	}
	return ret;
}

/* What came from the parent becomes the task's own. */
static int take_over(struct restore *r, struct task *t, const struct cow_areas *areas, char *buf)
{
	_cleanup_(cow_pieces_cleanup) struct cow_pieces dropped = {};
	struct cow_pieces kept = {};
	struct cow *cow = r->cow;
	int ret = cow_inherit(&cow->pieces, areas->list, areas->n, &kept, &dropped);

	cow_pieces_fini(&cow->pieces);
	cow->pieces = kept;
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot inherit memory", t->pid);
	for (size_t i = 0; i < dropped.n; i++) {
		const struct cow_piece *p = &dropped.list[i];

		if (munmap((void *)p->at, p->end - p->start) < 0)
			return log_errno(-errno, "pid %d: cannot unmap its parent's memory of %#lx",
					 t->pid, (unsigned long)p->start);
	}
	for (size_t i = 0; ret == 0 && i < kept.n; i++)
		ret = fill_piece(r, t, &kept.list[i], cow->of->restore->pages, buf);
	return ret;
}

/*
 * The restorer can't tell the kernel of another program file as long as ours is
 * mapped: where the restored program is criu-lite itself, its file stays away.
 */
static bool maps_our_program(int fd)
{
	struct stat program, file;

	if (fd < 0)
		return false;
	return stat("/proc/self/exe", &program) < 0 || fstat(fd, &file) < 0 ||
	       (program.st_dev == file.st_dev && program.st_ino == file.st_ino);
}

static bool near_our_own(const struct cow *cow, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < cow->n_own; i++)
		if (cow->own[i].start < end + OWN_MARGIN && start < cow->own[i].end + OWN_MARGIN)
			return true;
	return false;
}

static bool map_at(const struct restorer_vma *v, uint64_t at)
{
	int flags = (v->flags & ~(uint32_t)MAP_LOCKED) | MAP_FIXED_NOREPLACE |
		    (v->fd < 0 ? MAP_ANONYMOUS : 0);
	void *map = mmap((void *)at, v->len, PROT_READ | PROT_WRITE, flags, v->fd, v->offset);

	/* Kernels before 4.17 take the address for a hint. */
	if (map != MAP_FAILED && map != (void *)at)
		munmap(map, v->len);
	return map == (void *)at;
}

/* Maps @v for the time being, at *at. False: no room; the mapping is left to the restorer. */
static bool map_piece(struct cow *cow, const struct restorer_vma *v, uint64_t *at)
{
	*at = v->start;
	if (!near_our_own(cow, v->start, v->start + v->len) && map_at(v, *at))
		return true;
	if (area_place(cow->own, cow->n_own, cow->taken, cow->n_taken, v->len + 2 * HUGE_PAGE_SIZE,
		       OWN_MARGIN, cow->next, ASIDE_HIGH, at) < 0)
		return false;
	*at = ALIGN_UP(*at, HUGE_PAGE_SIZE) + (v->start & (HUGE_PAGE_SIZE - 1));
	if (!map_at(v, *at))
		return false;
	cow->next = *at + v->len;
	return true;
}

/* Makes and fills a piece that nothing was inherited for. False in *made: no room. */
static int make_piece(struct restore *r, struct task *t, const struct restorer_vma *vma,
		      struct cow_piece *piece, bool *made)
{
	struct restorer_vma v = *vma;

	v.start = piece->start;
	v.len = piece->end - piece->start;
	v.offset += piece->start - vma->start;
	*made = map_piece(r->cow, &v, &piece->at);
	if (*made)
		return fill_piece(r, t, piece, NULL, NULL);
	log_info("pid %d: mapping %lx-%lx will not be shared with its children: no room to make "
		 "it before them", t->pid, (unsigned long)piece->start, (unsigned long)piece->end);
	return 0;
}

/*
 * What is only read stays shared, and so does what is locked on fault: the
 * restorer locks it. Here as there, ENOMEM for a page says that it can't come.
 */
static int lock_piece(const struct task *t, const VmaEntry *e, struct cow_piece *piece)
{
	void *at = (void *)piece->at;
	size_t len = piece->end - piece->start;

	if (!(e->flags & MAP_LOCKED) || !(e->prot & PROT_WRITE) || e->locked_on_fault)
		return 0;
	if (mlock2(at, len, MLOCK_ONFAULT) < 0 || (mlock2(at, len, 0) < 0 && errno != ENOMEM))
		return log_errno(-errno, "pid %d: cannot lock its memory from %#lx on", t->pid,
				 (unsigned long)piece->start);
	piece->locked = true;
	return 0;
}

/* Adds to @out what is there of an area, and what its children want. */
static int stage_area(struct restore *r, struct task *t, const struct cow_area *area, size_t *at,
		      struct cow_pieces *out)
{
	const VmaEntry *e = t->mm->vmas[area->vma];
	struct restorer_vma vma;
	struct cow_segment s;
	bool wanted;
	int ret = memory_restore_vma(r, t, e, &vma);

	wanted = area->wanted && !maps_our_program(vma.fd);
	for (uint64_t start = area->start; ret == 0 && start < area->end; start = s.end) {
		struct cow_piece piece = { .key = area->key };
		bool there;

		s = cow_segment_at(&r->cow->pieces, at, start, area->end);
		there = s.piece;
		if (there) {
			piece = *s.piece;
		} else if (wanted) {
			piece.start = s.start;
			piece.end = s.end;
			ret = make_piece(r, t, &vma, &piece, &there);
		}
		if (ret == 0 && there)
			ret = lock_piece(t, e, &piece);
		if (ret == 0 && there && cow_pieces_add(out, &piece) < 0)
			ret = log_errno(-ENOMEM, "pid %d: cannot keep what it shares", t->pid);
	}
	return ret;
}

static int stage(struct restore *r, struct task *t, const struct cow_areas *areas)
{
	struct cow_pieces all = {};
	size_t at = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < areas->n; i++)
		ret = stage_area(r, t, &areas->list[i], &at, &all);
	cow_pieces_fini(&r->cow->pieces);
	r->cow->pieces = all;
	r->cow->of = t;
	return ret;
}

/* @maker is @t or a helper: whom a helper makes has the memory of @t, too. */
static int mark_wanted(const struct restore *r, const struct task *t, const struct task *maker,
		       struct cow_areas *areas)
{
	struct task *child;

	TAILQ_FOREACH(child, &maker->restore->birth.makes, made) {
		_cleanup_(cow_areas_cleanup) struct cow_areas theirs = {};
		bool live = task_is_live(child);
		int ret = live ? list_areas(r, child, &theirs) : mark_wanted(r, t, child, areas);

		if (ret < 0)
			return ret;
		if (live)
			cow_want(areas->list, areas->n, t->restore->pages, theirs.list, theirs.n,
				 child->restore->pages);
	}
	return 0;
}

static int prepare(struct restore *r, struct task *t, char *buf)
{
	_cleanup_(cow_areas_cleanup) struct cow_areas areas = {};
	int ret = list_areas(r, t, &areas);

	if (ret == 0)
		ret = take_over(r, t, &areas, buf);
	if (ret == 0)
		ret = mark_wanted(r, t, t, &areas);
	return ret == 0 ? stage(r, t, &areas) : ret;
}

int cow_prepare(struct restore *r, struct task *t)
{
	_cleanup_free_ char *buf = NULL;

	if (!task_is_live(t) || (!r->cow->pieces.n && TAILQ_EMPTY(&t->restore->birth.makes)))
		return 0;
	buf = malloc(COMPARE_SIZE);
	if (!buf)
		return log_errno(-ENOMEM, "pid %d: cannot compare its memory", t->pid);
	/* As in the restorer: pages come as large as the task had them. */
	if (prctl(PR_SET_THP_DISABLE, t->mm->has_thp_disabled && t->mm->thp_disabled, 0, 0, 0) < 0)
		return log_errno(-errno, "pid %d: cannot set its use of huge pages", t->pid);
	return prepare(r, t, buf);
}
