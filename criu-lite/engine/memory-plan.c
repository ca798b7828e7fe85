// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plans for the memory of a restored task.
 *
 * The image says which pages exist (extents) and which mappings (areas). One
 * extent may cross adjacent mappings, a mapping may have any number of
 * extents:
 *
 *	areas	 |----A----|----B----|      |--C--|
 *	extents	     |11111111|  |22|        |3|
 *	reads	     |11111|11|  |22|        |3|
 *
 * A read never crosses a border: each mapping has its own protection while it
 * is filled, and an error names one mapping.
 */
#include "engine/memory-plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mempolicy.h"
#include "image/vma.h"
#include "pages/armable.h"
#include "util/log.h"
#include "util/macro.h"

/* The only mapping above user space, at an address that is part of the ABI. */
#define VSYSCALL_START 0xffffffffff600000UL

#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC)

void plan_reads_init(struct plan_reads *p, const struct plan_area *areas, size_t n_areas,
		     struct restorer_read *reads, size_t max_reads)
{
	memset(p, 0, sizeof(*p));
	p->areas = areas;
	p->n_areas = n_areas;
	p->reads = reads;
	p->max_reads = max_reads;
}

/* Makes the last read longer where memory and file both go on without a gap. */
static bool read_extend(struct plan_reads *p, uint64_t addr, uint64_t len, int fd,
			uint64_t offset)
{
	struct restorer_read *last = &p->last;

	if (!p->n_reads || p->last_area != p->at || last->fd != fd ||
	    last->addr + last->len != addr || last->offset + last->len != offset ||
	    last->len + len > PLAN_READ_MAX)
		return false;
	last->len += len;
	if (p->reads)
		p->reads[p->n_reads - 1] = *last;
	return true;
}

static int read_append(struct plan_reads *p, uint64_t addr, uint64_t len, int fd, uint64_t offset)
{
	if (p->reads && p->n_reads == p->max_reads)
		return -ENOSPC;
	p->last = (struct restorer_read){ .addr = addr, .len = len, .offset = offset, .fd = fd };
	p->last_area = p->at;
	if (p->reads)
		p->reads[p->n_reads] = p->last;
	p->n_reads++;
	return 0;
}

static int read_piece(struct plan_reads *p, uint64_t addr, uint64_t len, int fd, uint64_t offset)
{
	p->pages += len >> PAGE_SHIFT;
	if (read_extend(p, addr, len, fd, offset))
		return 0;
	while (len) {
		uint64_t part = MIN(len, PLAN_READ_MAX);
		int ret = read_append(p, addr, part, fd, offset);

		if (ret < 0)
			return ret;
		addr += part;
		offset += part;
		len -= part;
	}
	return 0;
}

int plan_reads_add(struct plan_reads *p, uint64_t addr, uint64_t len, int fd, uint64_t offset,
		   uint64_t *bad)
{
	while (len) {
		const struct plan_area *area;
		uint64_t part;
		int ret;

		while (p->at < p->n_areas && p->areas[p->at].end <= addr)
			p->at++;
		area = &p->areas[p->at];
		if (p->at == p->n_areas || addr < area->start ||
		    area->pages == PLAN_PAGES_NONE ||
		    (fd < 0 && area->pages != PLAN_PAGES_LAZY)) {
			*bad = addr;
			return -EINVAL;
		}
		part = MIN(len, area->end - addr);
		if (area->pages == PLAN_PAGES_READ) {
			ret = read_piece(p, addr, part, fd, offset);
			if (ret < 0)
				return ret;
		}
		addr += part;
		offset += part;
		len -= part;
	}
	return 0;
}

void plan_huge_pages(const MmEntry *mm, uint64_t pages[PLAN_HUGE_SHIFTS])
{
	for (size_t i = 0; i < mm->n_vmas; i++) {
		const VmaEntry *e = mm->vmas[i];

		if (e->flags & MAP_PRIVATE && !(e->flags & MAP_NORESERVE) && vma_huge(e))
			pages[vma_huge(e)] += (e->end - e->start) >> vma_huge(e);
	}
}

static int compare_ranges(const void *a, const void *b)
{
	const struct plan_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

size_t ranges_merge(struct plan_range *ranges, size_t n)
{
	size_t last = 0;

	if (!n)
		return 0;
	qsort(ranges, n, sizeof(*ranges), compare_ranges);
	for (size_t i = 1; i < n; i++) {
		if (ranges[i].start > ranges[last].end)
			ranges[++last] = ranges[i];
		else
			ranges[last].end = MAX(ranges[last].end, ranges[i].end);
	}
	return last + 1;
}

/* The end of the last range from *i on that meets [start, end); 0: none does. */
static uint64_t overlap_end(const struct plan_range *ranges, size_t n, size_t *i, uint64_t start,
			    uint64_t end)
{
	uint64_t last = 0;

	while (*i < n && ranges[*i].end <= start)
		++*i;
	for (size_t k = *i; k < n && ranges[k].start < end; k++)
		last = MAX(last, ranges[k].end);
	return last;
}

int area_place(const struct plan_range *a, size_t n_a, const struct plan_range *b, size_t n_b,
	       uint64_t size, uint64_t margin, uint64_t low, uint64_t high, uint64_t *addr)
{
	uint64_t start = low;
	size_t i = 0, k = 0;

	while (start < high && size <= high - start) {
		uint64_t from = start - MIN(margin, start);
		uint64_t to = start + size + margin;
		uint64_t end = overlap_end(a, n_a, &i, from, to);

		end = MAX(end, overlap_end(b, n_b, &k, from, to));
		if (!end) {
			*addr = start;
			return 0;
		}
		start = end + margin;
	}
	return -ENOMEM;
}

const struct vma_kind *plan_vma_kind(const struct kind_table *kinds, uint32_t status)
{
	const struct vma_kind *refused = NULL;

	for (const struct vma_kind *const *k = kinds->vmas; *k; k++) {
		if (!(*k)->status_mask)
			refused = *k;
		else if ((status & (*k)->status_mask) == (*k)->status)
			return *k;
	}
	return refused;
}

static bool is_anon_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (name[i] < ' ' || name[i] > '~' || strchr("\\`$[]", name[i]))
			return false;
	return len > 0 && len <= VMA_ANON_NAME_MAX;
}

/* What is wrong with one VMA, in words; NULL: nothing. */
static const char *vma_fault(const VmaEntry *e, uint64_t task_size)
{
	uint32_t type = e->flags & (MAP_SHARED | MAP_PRIVATE);

	if ((e->start | e->end) & ~PAGE_MASK || e->start >= e->end)
		return "its range is empty or not page-aligned";
	if (e->status == VMA_VSYSCALL || e->status == (VMA_VSYSCALL | VMA_ANON_PRIVATE))
		return e->start == VSYSCALL_START && e->end == VSYSCALL_START + PAGE_SIZE ?
			NULL : "it is not where vsyscall is";
	if (e->end > task_size)
		return "it lies outside user space";
	if (e->pgoff & ~PAGE_MASK || e->pgoff + (e->end - e->start) < e->pgoff)
		return "its file offset is not page-aligned or overflows";
	if (e->prot & ~PROT_KNOWN)
		return "its protection has unknown bits";
	if (e->flags & ~VMA_FLAGS_KNOWN)
		return "its flags have unknown bits";
	if (vma_huge(e) && (e->start | e->end | e->pgoff) & ((1ULL << vma_huge(e)) - 1))
		return "its range or offset is not of whole huge pages";
	if (e->anon_name && !is_anon_name(e->anon_name))
		return "its name is none that the kernel takes";
	if (e->has_locked_on_fault && e->locked_on_fault && !(e->flags & MAP_LOCKED))
		return "it is locked on fault, but not locked";
	if (e->mempolicy && !(e->status & VMA_ANON_PRIVATE))
		return "it has a memory policy, but is no private anonymous memory";
	if (mempolicy_entry_fault(e->mempolicy))
		return mempolicy_entry_fault(e->mempolicy);
	/* A kind may tolerate neither; both at once mean nothing. */
	if (type == (MAP_SHARED | MAP_PRIVATE))
		return "it is shared and private at once";
	return NULL;
}

int plan_check_vmas(const MmEntry *mm, int pid, uint64_t task_size, size_t *n_ordinary)
{
	uint64_t ordinary_end = 0, guard_end = 0;

	*n_ordinary = 0;
	if (mm->has_lock_future && (mm->lock_future & ~MCL_ONFAULT) != MCL_FUTURE)
		return log_errno(-EINVAL, "mm-%d: lock_future is %#x, not MCL_FUTURE", pid,
				 mm->lock_future);
	for (size_t i = 0; i < mm->n_vmas; i++) {
		const VmaEntry *e = mm->vmas[i];
		bool guard = e->status == VMA_GUARD;
		uint64_t *last = guard ? &guard_end : &ordinary_end;
		const char *fault = vma_fault(e, task_size);

		if (!fault && e->start < *last)
			fault = "it overlaps the VMA before it, or is not in order";
		if (!fault && !guard && guard_end)
			fault = "it stands behind the guard regions";
		if (fault)
			return log_errno(-EINVAL, "mm-%d: VMA %zu (%#lx-%#lx, status %#x): %s", pid,
					 i, (unsigned long)e->start, (unsigned long)e->end,
					 e->status, fault);
		*last = e->end;
		*n_ordinary += !guard;
	}
	return 0;
}
