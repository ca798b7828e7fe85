// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is in the memory of a dumped task, as pagemap-PID and its pages file.
 *
 *	mapping	|------------------------------------|
 *	pages	    |111|      |1111111S1111|   |1|		from the page tables
 *	extents	    |PL |      |PL    |P|PL |   |PL|	S: stack pointer
 *	iovec	    1          2      3 4       5		one batch
 *
 * Ranges are announced to the page sink as they are found, and gathered; a full
 * batch goes through the parasite to the pages file in one go, so that neither
 * a large block nor ten thousand small ones cost more than they must. Where bytes
 * must go through our hands, to be encrypted, they are read from outside. The
 * page that a stack pointer is in is needed at once by a lazy restore, and is
 * not marked as lazy. With --lazy-pages, what is lazy is announced and nothing
 * more: its bytes stay where they are (post-copy.h).
 */
#include "engine/memory-dump.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/options.h"
#include "engine/memory-plan.h"
#include "image/vma.h"
#include "inject/session.h"
#include "pages/armable.h"
#include "pages/pagemap.h"
#include "pages/sink.h"
#include "sys/features.h"
#include "sys/pagemap.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* Ranges in one batch. */
#define BATCH_MAX 65536
#define COPY_SIZE (256UL << 10)

struct memory_save {
	struct dump *d;
	struct task *t;
	struct page_sink *sink;
	struct pagemap *pm;
	uint64_t *stack_pages;		/* of all threads, ascending */
	size_t n_stack_pages;
	struct iovec *iov;		/* announced, not yet written */
	size_t n_iov;
	uint64_t iov_bytes;
	char *copy;			/* COPY_SIZE bytes; NULL: not needed yet */
	uint64_t pages_left;		/* with the task */
};

/* No descriptor takes the bytes: they are read from outside. */
static int copy_out(struct memory_save *s, uint64_t addr, uint64_t len)
{
	struct parasite *p = s->t->dump->parasite;
	int ret = 0;

	while (len && ret == 0) {
		const size_t some = MIN(len, COPY_SIZE);
		ssize_t n = pread_all(parasite_mem_fd(p), s->copy, some, addr);

		if (n != (ssize_t)some)
			return log_errno(n < 0 ? (int)n : -ESRCH, "pid %d: cannot read its memory "
					 "at %#lx", s->t->pid, (unsigned long)addr);
		parasite_scrub(p, addr, s->copy, n);
		ret = page_sink_data(s->sink, s->copy, some);
		addr += some;
		len -= some;
	}
	return ret;
}

static int flush_copies(struct memory_save *s)
{
	int ret = 0;

	if (!s->copy)
		s->copy = malloc(COPY_SIZE);
	if (!s->copy)
		return log_errno(-ENOMEM, "pid %d: cannot save its memory", s->t->pid);
	for (size_t i = 0; i < s->n_iov && ret == 0; i++)
		ret = copy_out(s, (uintptr_t)s->iov[i].iov_base, s->iov[i].iov_len);
	s->n_iov = 0;
	s->iov_bytes = 0;
	return ret;
}

static int flush(struct memory_save *s)
{
	int ret;

	if (!s->n_iov)
		return 0;
	if (page_sink_fd(s->sink) < 0)
		return flush_copies(s);
	ret = parasite_pages(s->t->dump->parasite, s->iov, s->n_iov, page_sink_fd(s->sink));
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot save %lu bytes of memory from %p on",
				 s->t->pid, (unsigned long)s->iov_bytes, s->iov[0].iov_base);
	ret = page_sink_wrote(s->sink, s->iov_bytes);
	s->n_iov = 0;
	s->iov_bytes = 0;
	return ret;
}

/* Adds a range to the batch, or makes its last range longer. */
static int gather(struct memory_save *s, uint64_t start, uint64_t len)
{
	struct iovec *last = s->n_iov ? &s->iov[s->n_iov - 1] : NULL;

	s->iov_bytes += len;
	if (last && (uintptr_t)last->iov_base + last->iov_len == start) {
		last->iov_len += len;
		return 0;
	}
	s->iov[s->n_iov].iov_base = (void *)start;
	s->iov[s->n_iov++].iov_len = len;
	return s->n_iov < BATCH_MAX ? 0 : flush(s);
}

static int save_extent(struct memory_save *s, uint64_t start, uint64_t end, uint32_t flags)
{
	int ret;

	if (start == end)
		return 0;
	ret = page_sink_extent(s->sink, start, (end - start) >> PAGE_SHIFT, flags);
	if (ret == 0 && !(flags & PAGE_PRESENT)) {
		s->pages_left += (end - start) >> PAGE_SHIFT;
		return 0;
	}
	if (ret == 0)
		ret = gather(s, start, end - start);
	return ret == 0 && page_sink_in_step(s->sink) ? flush(s) : ret;
}

/*
 * Which mappings a lazy restore may leave out (spec/images.md, section 5.3). Huge pages
 * are in the images, from where they may come on first touch all the same.
 */
static bool is_lazy(const VmaEntry *e)
{
	return e->flags & MAP_PRIVATE && e->flags & MAP_ANONYMOUS &&
	       !(e->flags & (MAP_LOCKED | MAP_HUGETLB)) &&
	       !(e->status & (VMA_VDSO | VMA_VVAR | VMA_VSYSCALL));
}

/* The first stack page in [start, end), or @end. */
static uint64_t next_stack_page(const struct memory_save *s, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < s->n_stack_pages; i++)
		if (s->stack_pages[i] >= start)
			return MIN(s->stack_pages[i], end);
	return end;
}

/*
 * What is left in the task must be armed by the restore: there it can't be read
 * into place.
 */
static uint32_t lazy_flags(const struct memory_save *s, const VmaEntry *e)
{
	if (s->d->opts->lazy_pages && vma_arming(e, false, NULL) == VMA_ARM_PRIVATE)
		return PAGE_LAZY;
	return PAGE_PRESENT | PAGE_LAZY;
}

static int save_range(struct memory_save *s, const VmaEntry *e, uint64_t start, uint64_t end)
{
	if (!is_lazy(e))
		return save_extent(s, start, end, PAGE_PRESENT);
	while (start < end) {
		uint64_t stack = next_stack_page(s, start, end);
		int ret = save_extent(s, start, stack, lazy_flags(s, e));

		if (ret == 0 && stack < end)
			ret = save_extent(s, stack, stack + PAGE_SIZE, PAGE_PRESENT);
		if (ret < 0)
			return ret;
		start = MIN(stack + PAGE_SIZE, end);
	}
	return 0;
}

static int save_found(struct memory_save *s, const VmaEntry *e, enum pagemap_select select)
{
	struct page_range range;
	int ret = pagemap_start(s->pm, e->start, e->end, select);

	if (ret < 0)
		return log_errno(ret, "pid %d: cannot walk the page tables of %#lx", s->t->pid,
				 (unsigned long)e->start);
	while ((ret = pagemap_next(s->pm, &range)) > 0) {
		ret = save_range(s, e, range.start, range.end);
		if (ret < 0)
			return ret;
	}
	return ret;
}

static int save_vma(struct memory_save *s, const VmaEntry *e)
{
	switch (plan_vma_kind(s->d->kinds, e->status)->pages) {
	case VMA_PAGES_NONE:
		return 0;
	case VMA_PAGES_ALL:
		return save_range(s, e, e->start, e->end);
	case VMA_PAGES_ANON:
		return save_found(s, e, PAGEMAP_CONTENT);
	case VMA_PAGES_CHANGED:
		return save_found(s, e, PAGEMAP_CHANGED);
	}
	return -EINVAL;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int find_stack_pages(struct memory_save *s)
{
	const struct task *t = s->t;

	s->stack_pages = calloc(t->n_threads, sizeof(*s->stack_pages));
	if (!s->stack_pages)
		return log_errno(-ENOMEM, "pid %d: cannot keep %zu stack pointers", t->pid,
				 t->n_threads);
	for (size_t i = 0; i < t->n_threads; i++) {
		const CoreEntry *core = t->threads[i].core;

		if (core && core->thread_info && core->thread_info->gpregs)
			s->stack_pages[s->n_stack_pages++] =
				core->thread_info->gpregs->sp & PAGE_MASK;
	}
	qsort(s->stack_pages, s->n_stack_pages, sizeof(*s->stack_pages), compare_u64);
	return 0;
}

static void count(struct memory_save *s)
{
	DumpStatsEntry *stats = s->d->stats;

	if (!stats)
		return;
	for (size_t i = 0; i < s->t->mm->n_vmas; i++) {
		const VmaEntry *e = s->t->mm->vmas[i];

		if (e->status & VMA_REGULAR &&
		    plan_vma_kind(s->d->kinds, e->status)->pages != VMA_PAGES_NONE)
			stats->pages_scanned += (e->end - e->start) >> PAGE_SHIFT;
	}
	stats->pages_written += page_sink_pages(s->sink);
	stats->pages_lazy += s->pages_left;
}

static int save_all(struct memory_save *s)
{
	const MmEntry *mm = s->t->mm;
	int ret = find_stack_pages(s);

	if (ret < 0)
		return ret;
	s->iov = calloc(BATCH_MAX, sizeof(*s->iov));
	if (!s->iov)
		return log_errno(-ENOMEM, "pid %d: cannot save its memory", s->t->pid);
	ret = pagemap_open(task_proc(s->t), s->d->features, &s->pm);
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot read its page tables", s->t->pid);
	for (size_t i = 0; i < mm->n_vmas && mm->vmas[i]->status != VMA_GUARD; i++) {
		ret = save_vma(s, mm->vmas[i]);
		if (ret < 0)
			return ret;
	}
	return flush(s);
}

int memory_dump_save(struct dump *d, struct task *t)
{
	struct memory_save s = { .d = d, .t = t };
	int ret = page_sink_open(d->images, d->page_link, IMAGE_PAGEMAP, t->pid,
				 ++d->last_pages_id, &s.sink);

	if (ret < 0)
		return ret;
	ret = save_all(&s);
	if (ret == 0)
		count(&s);
	pagemap_cleanup(&s.pm);
	free(s.copy);
	free(s.iov);
	free(s.stack_pages);
	if (ret < 0) {
		page_sink_abort(s.sink);
		return ret;
	}
	return page_sink_close(s.sink);
}
