// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan for a task's memory: VMAs as an image may have them, extents of its page map,
 * the reads that fill it, and the place where a restorer lives meanwhile. What was planned
 * is compared, page by page, with what it means.
 *
 * The input is a struct input and rows, each of which is a VMA and an extent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/memory-plan.h"
#include "image/vma.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

#define ROWS_MAX 24
#define READS_MAX 4096
#define TASK_SIZE (1UL << 47)
/* Where tame rows begin, in units. */
#define BASE 16

struct row {
	uint8_t gap, len;		/* of the VMA, units */
	uint8_t kind;			/* enum plan_pages; 5 and more: a guard region */
	uint8_t wild;			/* the VMA is a bit pattern instead */
	uint8_t extent_gap, extent_len;	/* units */
	uint8_t skip;			/* units between the content of extents */
	uint8_t bits;
};

struct input {
	uint8_t large;			/* a unit is 1 GiB, not a page */
	uint8_t size, margin, low, high;	/* of the place, units */
	uint8_t max_reads;		/* 0: many */
};

struct fuzz {
	struct input in;
	uint64_t unit;
	size_t n;
	VmaEntry vmas[ROWS_MAX], *list[ROWS_MAX];
	struct plan_area areas[ROWS_MAX];
	size_t n_areas;
	struct plan_range extents[ROWS_MAX];
	uint64_t offsets[ROWS_MAX];
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static void make_vma(struct fuzz *f, VmaEntry *e, const struct row *row, uint64_t *at)
{
	static const uint32_t wild_status[] = { VMA_GUARD, VMA_VSYSCALL, VMA_ANON_PRIVATE, 0 };

	vma_entry__init(e);
	e->prot = row->bits % 8;
	e->flags = MAP_PRIVATE;
	e->status = row->kind < 5 ? VMA_REGULAR | VMA_ANON_PRIVATE : VMA_GUARD;
	e->start = *at + row->gap * f->unit;
	e->end = *at = e->start + row->len * f->unit;
	/* All that is not refused has to end where a unit ends. */
	if (!row->wild || f->unit > PAGE_SIZE)
		return;
	e->status = wild_status[row->kind % ARRAY_SIZE(wild_status)];
	e->start ^= (uint64_t)row->bits << row->wild % 64;
	e->end ^= (uint64_t)row->bits << row->wild / 4;
	e->pgoff = (uint64_t)row->skip << row->gap % 64;
	e->flags ^= row->extent_gap;
	e->prot ^= row->extent_len;
}

static void make(struct fuzz *f, const uint8_t *data, size_t size)
{
	uint64_t vma_at = BASE * f->unit, extent_at = BASE * f->unit, offset = 0;

	for (; f->n < ROWS_MAX && size >= sizeof(struct row); f->n++, size -= sizeof(struct row)) {
		const struct row *row = (const struct row *)data + f->n;

		make_vma(f, &f->vmas[f->n], row, &vma_at);
		f->list[f->n] = &f->vmas[f->n];
		if (f->vmas[f->n].status != VMA_GUARD)
			f->areas[f->n_areas++] = (struct plan_area){
				f->vmas[f->n].start, f->vmas[f->n].end, row->kind % 5 };
		f->extents[f->n].start = extent_at + row->extent_gap % 16 * f->unit;
		extent_at = f->extents[f->n].start + (1 + row->extent_len % 32) * f->unit;
		f->extents[f->n].end = extent_at;
		f->offsets[f->n] = offset + row->skip % 2 * f->unit;
		offset = f->offsets[f->n] + f->extents[f->n].end - f->extents[f->n].start;
	}
}

static bool check_vmas(struct fuzz *f)
{
	MmEntry mm = MM_ENTRY__INIT;
	uint64_t end = 0;
	size_t n;

	mm.vmas = f->list;
	mm.n_vmas = f->n;
	if (plan_check_vmas(&mm, 1, TASK_SIZE, &n) < 0)
		return false;
	demand(n == f->n_areas);
	for (size_t i = 0; i < n; i++) {
		const struct plan_area *a = &f->areas[i];

		demand(a->start >= end && a->start < a->end && !((a->start | a->end) & ~PAGE_MASK));
		demand(a->end <= TASK_SIZE || f->vmas[i].status & VMA_VSYSCALL);
		end = a->end;
	}
	return true;
}

static enum plan_pages pages_at(const struct fuzz *f, uint64_t addr)
{
	for (size_t i = 0; i < f->n_areas; i++)
		if (addr >= f->areas[i].start && addr < f->areas[i].end)
			return f->areas[i].pages;
	return PLAN_PAGES_NONE;
}

/* Whether a read brings what is at @offset to @addr. */
static bool is_read(const struct plan_reads *p, uint64_t addr, uint64_t offset)
{
	for (size_t i = 0; i < p->n_reads; i++)
		if (addr - p->reads[i].addr < p->reads[i].len)
			return p->reads[i].offset + (addr - p->reads[i].addr) == offset;
	return false;
}

/* The extent was taken: *@pages more are read, each from its place, and no others. */
static void check_extent(const struct fuzz *f, const struct plan_reads *p, size_t i,
			 uint64_t *pages)
{
	for (uint64_t at = f->extents[i].start; at < f->extents[i].end; at += f->unit) {
		enum plan_pages what = pages_at(f, at);

		demand(what != PLAN_PAGES_NONE);
		if (what != PLAN_PAGES_READ)
			continue;
		demand(is_read(p, at, f->offsets[i] + at - f->extents[i].start));
		*pages += f->unit >> PAGE_SHIFT;
	}
}

static void check_reads(const struct fuzz *f, const struct plan_reads *p)
{
	uint64_t len = 0;

	for (size_t i = 0; i < p->n_reads; i++) {
		const struct restorer_read *read = &p->reads[i];
		bool inside = false;

		demand(read->len && read->len <= PLAN_READ_MAX);
		for (size_t k = 0; k < f->n_areas; k++)
			inside |= read->addr >= f->areas[k].start &&
				  read->addr + read->len <= f->areas[k].end;
		demand(inside);
		len += read->len;
	}
	demand(len == p->pages << PAGE_SHIFT);
}

static void plan_reads(const struct fuzz *f)
{
	static struct restorer_read reads[READS_MAX];
	struct plan_reads count, fill;
	uint64_t bad, pages = 0;
	int said, done;

	plan_reads_init(&count, f->areas, f->n_areas, NULL, 0);
	plan_reads_init(&fill, f->areas, f->n_areas, reads,
			f->in.max_reads ? f->in.max_reads : READS_MAX);
	for (size_t i = 0; i < f->n; i++) {
		uint64_t start = f->extents[i].start, len = f->extents[i].end - start;

		said = plan_reads_add(&count, start, len, 3, f->offsets[i], &bad);
		done = plan_reads_add(&fill, start, len, 3, f->offsets[i], &bad);
		if (done == -ENOSPC) {
			demand(fill.n_reads == fill.max_reads);
			return;
		}
		demand(said == done && count.n_reads == fill.n_reads && count.pages == fill.pages);
		if (said < 0) {
			demand(bad >= start && bad - start < len &&
			       pages_at(f, bad) == PLAN_PAGES_NONE);
			return;
		}
		check_extent(f, &fill, i, &pages);
	}
	demand(pages == fill.pages);
	check_reads(f, &fill);
}

static bool is_free(const struct plan_range *r, size_t n, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].start < to && from < r[i].end)
			return false;
	return true;
}

/* The lowest place by looking at each. */
static uint64_t look_for_place(const struct fuzz *f, const struct plan_range *a, uint64_t size,
			       uint64_t margin, uint64_t low, uint64_t high)
{
	for (uint64_t at = low; at < high && size <= high - at; at += f->unit) {
		uint64_t from = at - MIN(margin, at), to = at + size + margin;

		if (is_free(a, f->n_areas, from, to) && is_free(f->extents, f->n, from, to))
			return at;
	}
	return UINT64_MAX;
}

static void place(const struct fuzz *f)
{
	uint64_t low = f->in.low * f->unit, high = f->in.high * 8 * f->unit, found;
	uint64_t size = (1 + f->in.size) * f->unit, margin = f->in.margin % 16 * f->unit;
	struct plan_range a[ROWS_MAX];

	for (size_t i = 0; i < f->n_areas; i++)
		a[i] = (struct plan_range){ f->areas[i].start, f->areas[i].end };
	if (area_place(a, f->n_areas, f->extents, f->n, size, margin, low, high, &found) < 0)
		found = UINT64_MAX;
	demand(found == look_for_place(f, a, size, margin, low, high));
}

/* Ranges in any order, and overlapping. Where nothing begins or ends, nothing can differ. */
static void merge(const struct fuzz *f)
{
	struct plan_range all[2 * ROWS_MAX], merged[2 * ROWS_MAX];
	size_t n = 0, left;

	for (size_t i = f->n_areas; i--;)
		all[n++] = (struct plan_range){ f->areas[i].start, f->areas[i].end };
	for (size_t i = 0; i < f->n; i++)
		all[n++] = f->extents[i];
	memcpy(merged, all, sizeof(all));
	left = ranges_merge(merged, n);
	for (size_t i = 1; i < left; i++)
		demand(merged[i].start > merged[i - 1].end);
	for (size_t i = 0; i < 4 * n; i++) {
		const struct plan_range *r = &all[i / 4];
		uint64_t at = (i & 1 ? r->start : r->end) - (i >> 1 & 1);

		demand(is_free(all, n, at, at + 1) == is_free(merged, left, at, at + 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {};

	target_silence();
	if (size < sizeof(f.in))
		return 0;
	memcpy(&f.in, data, sizeof(f.in));
	f.unit = f.in.large & 1 ? 1UL << 30 : PAGE_SIZE;
	make(&f, data + sizeof(f.in), size - sizeof(f.in));
	if (!check_vmas(&f))
		return 0;
	plan_reads(&f);
	place(&f);
	merge(&f);
	return 0;
}
