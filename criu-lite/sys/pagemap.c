// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of another process hold content.
 *
 * Two ways to the same answer. The PAGEMAP_SCAN ioctl gives ranges and passes
 * over holes of the page tables at once. /proc/PID/pagemap gives one word a
 * page, holes too. Either is asked for a batch of ranges at a time:
 *
 *	start     regions[index] .. regions[count]     cursor        end
 *	| walked  | known, not handed out yet          | not asked   |
 *
 * A batch may end in the middle of a run of pages: pagemap_next() joins what
 * touches, so that nobody sees where batches end.
 *
 * The zero page: the ioctl tells it. A word holds its page frame number, which
 * is the same in all mappings: it is learned from a page of our own that was
 * only read. Where frame numbers are hidden, or the zero page is a huge one,
 * which is another frame, its pages count as content: larger images, nothing
 * wrong in them.
 */
#include "sys/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sys/abi_pagemap.h"
#include "sys/features.h"
#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

enum {
	BATCH_WORDS = 4096,
	BATCH_REGIONS = BATCH_WORDS / 2,	/* every second page */
};

struct pagemap {
	pid_t pid;
	int fd;
	bool fast;
	bool has_guard;
	uint64_t zero_pfn;		/* slow way; 0: not known */
	enum pagemap_select select;
	uint64_t cursor, end;
	size_t index, count;
	struct page_region regions[BATCH_REGIONS];
	uint64_t words[BATCH_WORDS];
};

/* The frame of the zero page, or 0 when the kernel hides it. */
static int learn_zero_pfn(uint64_t *pfn)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	volatile char *page;
	uint64_t word = 0;
	ssize_t n;

	*pfn = 0;
	if (fd < 0)
		return log_errno(-errno, "pagemap: cannot open our own");
	page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return log_errno(-errno, "pagemap: cannot map a page");
	(void)page[0];
	n = pread_all(fd, &word, sizeof(word), (uintptr_t)page / PAGE_SIZE * sizeof(word));
	munmap((void *)page, PAGE_SIZE);
	if (n != sizeof(word))
		return log_errno(n < 0 ? n : -EIO, "pagemap: cannot read our own");
	if (word & PAGEMAP_WORD_PRESENT)
		*pfn = word & PAGEMAP_WORD_PFN;
	return 0;
}

int pagemap_open(pid_t pid, const struct kernel_features *features, struct pagemap **out)
{
	_cleanup_(pagemap_cleanup) struct pagemap *pm = calloc(1, sizeof(*pm));
	int r;

	if (!pm)
		return -ENOMEM;
	pm->pid = pid;
	pm->fast = features->pagemap_scan;
	pm->has_guard = features->pagemap_guard;
	pm->fd = -1;
	r = proc_open(pid, O_RDONLY, "pagemap");
	if (r < 0)
		return r;
	pm->fd = r;
	if (!pm->fast) {
		r = learn_zero_pfn(&pm->zero_pfn);
		if (r < 0)
			return r;
	}
	*out = take_ptr(pm);
	return 0;
}

void pagemap_free(struct pagemap *pm)
{
	if (!pm)
		return;
	close_cleanup(&pm->fd);
	free(pm);
}

bool pagemap_is_fast(const struct pagemap *pm)
{
	return pm->fast;
}

int pagemap_start(struct pagemap *pm, uint64_t start, uint64_t end, enum pagemap_select select)
{
	if (start > end || ((start | end) & ~PAGE_MASK))
		return -EINVAL;
	if (select == PAGEMAP_GUARD && !pm->has_guard)
		return -EOPNOTSUPP;
	pm->select = select;
	pm->cursor = start;
	pm->end = end;
	pm->index = pm->count = 0;
	return 0;
}

/* What the ioctl shall look for. */
static void select_categories(const struct pagemap *pm, struct pm_scan_arg *arg)
{
	if (pm->select == PAGEMAP_GUARD) {
		arg->category_anyof_mask = PAGE_IS_GUARD;
		return;
	}
	arg->category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED;
	/* All of these must be absent. A guard page looks like a swapped one. */
	arg->category_mask = PAGE_IS_PFNZERO;
	if (pm->has_guard)
		arg->category_mask |= PAGE_IS_GUARD;
	if (pm->select == PAGEMAP_CHANGED)
		arg->category_mask |= PAGE_IS_FILE;
	arg->category_inverted = arg->category_mask;
}

static int fill_fast(struct pagemap *pm)
{
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.start = pm->cursor, .end = pm->end,
		.vec = (uintptr_t)pm->regions, .vec_len = BATCH_REGIONS,
	};
	int n;

	select_categories(pm, &arg);
	n = ioctl(pm->fd, PAGEMAP_SCAN, &arg);
	if (n < 0)
		return log_errno(-errno, "pid %d: cannot scan pages from %#" PRIx64, pm->pid,
				 pm->cursor);
	if (n > BATCH_REGIONS || arg.walk_end <= pm->cursor || arg.walk_end > pm->end)
		return log_errno(-EPROTO, "pid %d: the scan from %#" PRIx64 " ended at %#llx",
				 pm->pid, pm->cursor, (unsigned long long)arg.walk_end);
	pm->cursor = arg.walk_end;
	pm->count = n;
	/*
	 * The kernel gathers 512 ranges at a time and then walks on; where it
	 * reaches the end after that, walk_end still is where it walked on
	 * from (seen on 6.18). Only a full vector makes it stop early.
	 */
	if (n < BATCH_REGIONS)
		pm->cursor = pm->end;
	else
		pm->cursor = MAX(pm->cursor, pm->regions[n - 1].end);
	return 0;
}

static bool word_selected(const struct pagemap *pm, uint64_t word)
{
	/* The bit has no meaning before Linux 6.15. */
	bool guard = pm->has_guard && word & PAGEMAP_WORD_GUARD;

	if (pm->select == PAGEMAP_GUARD)
		return guard;
	if (guard || !(word & (PAGEMAP_WORD_PRESENT | PAGEMAP_WORD_SWAPPED)))
		return false;
	if (pm->select == PAGEMAP_CHANGED && word & PAGEMAP_WORD_FILE)
		return false;
	return !pm->zero_pfn || !(word & PAGEMAP_WORD_PRESENT) ||
	       (word & PAGEMAP_WORD_PFN) != pm->zero_pfn;
}

static int fill_slow(struct pagemap *pm)
{
	uint64_t i, n_words = MIN((pm->end - pm->cursor) / PAGE_SIZE, (uint64_t)BATCH_WORDS);
	ssize_t n = pread_all(pm->fd, pm->words, n_words * sizeof(pm->words[0]),
			      pm->cursor / PAGE_SIZE * sizeof(pm->words[0]));
	struct page_region *last = NULL;

	if (n < 0)
		return log_errno(n, "pid %d: cannot read pagemap at %#" PRIx64, pm->pid,
				 pm->cursor);
	/* Short: past the end of the address space, or the task lost its memory. */
	if ((size_t)n != n_words * sizeof(pm->words[0]))
		return log_errno(-ESRCH, "pid %d: pagemap ends before %#" PRIx64, pm->pid,
				 pm->end);
	for (i = 0; i < n_words; i++, pm->cursor += PAGE_SIZE) {
		if (!word_selected(pm, pm->words[i])) {
			last = NULL;
			continue;
		}
		if (!last) {
			last = &pm->regions[pm->count++];
			last->start = pm->cursor;
		}
		last->end = pm->cursor + PAGE_SIZE;
	}
	return 0;
}

static int fill(struct pagemap *pm)
{
	pm->index = pm->count = 0;
	return pm->fast ? fill_fast(pm) : fill_slow(pm);
}

int pagemap_next(struct pagemap *pm, struct page_range *range)
{
	bool have = false;

	for (;;) {
		const struct page_region *next;

		if (pm->index == pm->count) {
			int r;

			if (pm->cursor == pm->end)
				return have;
			r = fill(pm);
			if (r < 0)
				return r;
			continue;
		}
		next = &pm->regions[pm->index];
		if (have && next->start != range->end)
			return 1;
		if (!have)
			range->start = next->start;
		range->end = next->end;
		have = true;
		pm->index++;
	}
}
