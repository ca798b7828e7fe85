// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a lazy-pages server knows of an address space, and the events that change it.
 *
 * With the first byte even, the events are those of a kernel where one thing happens at a
 * time, and the server knows of each that nothing else was on its way: a page by page model
 * of the memory says what each must read as, and the space must say the same of every page.
 * With it odd they come in any order, with or without what belongs to them, and may only
 * not break the map.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lazy-pages/space.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

#define N_PAGES 64
#define FIRST 16			/* page number of the first */
#define SOURCE_FIRST 4096		/* the content of page N is at page SOURCE_FIRST + N */
#define LEN_MAX 16

struct page {
	bool armed;
	uint32_t source;		/* page of the source; 0: delivered, or zero */
};

struct fuzz {
	struct space space;
	struct segment segment;
	struct page pages[N_PAGES];
};

struct op {
	uint8_t what, at, len, to;
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static uint64_t addr_of(size_t page)
{
	return (uint64_t)(FIRST + page) << PAGE_SHIFT;
}

/* The page of the source that is still to come to page @i; 0: none. */
static uint32_t pending_source(struct space *space, size_t i)
{
	const struct range *r = space_fault(space, addr_of(i));

	if (!r || r->kind != RANGE_PENDING)
		return 0;
	return (r->source + addr_of(i) - r->start) >> PAGE_SHIFT;
}

/* Ranges are in order and apart, and the sums are those of them. */
static void check_map(const struct range_map *map)
{
	uint64_t end = 0, pending = 0;
	size_t n = 0, n_shared = 0;

	for (const struct range *r = range_find_from(map, 0); r; r = range_next(r)) {
		demand(r->start >= end && r->end > r->start);
		end = r->end;
		n++;
		n_shared += r->kind == RANGE_SHARED;
		pending += r->kind == RANGE_PENDING ? r->end - r->start : 0;
	}
	demand(n == map->n_ranges && n_shared == map->n_shared && pending == map->pending);
}

static void compare(struct space *space, const struct page *pages)
{
	bool pending = false;

	check_map(&space->map);
	check_map(&space->aside);
	for (size_t i = 0; i < N_PAGES; i++) {
		demand(pending_source(space, i) == pages[i].source);
		pending |= pages[i].source;
	}
	demand(space_done(space) == !pending);
}

/* Two bits a page: not armed, nothing to come, content to come. */
static void arm(struct fuzz *f, const uint8_t bits[N_PAGES / 4])
{
	for (size_t i = 0; i < N_PAGES; i++) {
		unsigned int what = bits[i / 4] >> i % 4 * 2 & 3;
		uint64_t source = (SOURCE_FIRST + i) << PAGE_SHIFT;

		if (!what)
			continue;
		f->pages[i].armed = true;
		f->pages[i].source = what > 1 ? SOURCE_FIRST + i : 0;
		demand(!space_add(&f->space, &(struct range){
			.start = addr_of(i), .end = addr_of(i + 1), .source = source,
			.kind = what > 1 ? RANGE_PENDING : RANGE_SETTLED,
		}));
	}
}

/* A server fills what it believes to be pending. */
static void fill(struct fuzz *f, size_t at, size_t len)
{
	const struct range *r = space_pending_from(&f->space, addr_of(at));
	uint64_t end;

	if (!r || r->start >= addr_of(N_PAGES))
		return;
	at = MAX(at, (r->start >> PAGE_SHIFT) - FIRST);
	end = MIN(r->end, addr_of(at + len));
	demand(!space_filled(&f->space, addr_of(at), end));
	for (; addr_of(at) < end; at++)
		f->pages[at].source = 0;
}

static void unmap(struct fuzz *f, size_t at, size_t len)
{
	memset(f->pages + at, 0, len * sizeof(*f->pages));
	demand(!space_unmap(&f->space, addr_of(at), addr_of(at + len)));
}

/* mremap(), with MREMAP_DONTUNMAP or without: only memory that is there, and not onto itself. */
static void move(struct fuzz *f, size_t at, size_t len, size_t to, bool stays)
{
	if (to + len > N_PAGES || (to < at + len && at < to + len))
		return;
	for (size_t i = at; i < at + len; i++)
		if (!f->pages[i].armed)
			return;
	unmap(f, to, len);
	memcpy(f->pages + to, f->pages + at, len * sizeof(*f->pages));
	demand(!space_move(&f->space, addr_of(at), addr_of(to), (uint64_t)len << PAGE_SHIFT));
	for (size_t i = at; i < at + len; i++)
		f->pages[i].source = 0;
	if (!stays)
		unmap(f, at, len);
}

static void fork_off(struct fuzz *f)
{
	struct space child;

	space_init(&child);
	demand(!space_clone(&child, &f->space));
	compare(&child, f->pages);
	space_fini(&child);
}

/* One change at a time, and all its events. */
static void apply(struct fuzz *f, const struct op *op)
{
	size_t at = op->at % N_PAGES, len = MIN(1U + op->len % LEN_MAX, N_PAGES - at);

	switch (op->what % 7) {
	case 0:
		fill(f, at, len);
		break;
	case 1:
		for (size_t i = at; i < at + len; i++)
			f->pages[i].source = 0;
		demand(!space_remove(&f->space, addr_of(at), addr_of(at + len)));
		break;
	case 2:
		unmap(f, at, len);
		break;
	case 3: case 4:
		move(f, at, len, op->to % N_PAGES, op->what % 7 == 4);
		break;
	case 5:
		/* Grows in place, of which nobody tells. */
		f->pages[at].armed = true;
		break;
	case 6:
		fork_off(f);
	}
	space_quiet(&f->space);
}

/* 0, or what a server ends itself for. */
static int apply_any(struct fuzz *f, const struct op *op)
{
	uint64_t start = addr_of(op->at % N_PAGES), len = (op->len % LEN_MAX) << PAGE_SHIFT;
	uint64_t to = addr_of(op->to % N_PAGES);
	struct space *s = &f->space, child;
	int err;

	switch (op->what % 10) {
	case 0:
		/* What the kernel says to a fill, it says when nothing is on its way. */
		space_quiet(s);
		return space_filled(s, start, start + len);
	case 1:
		return space_remove(s, start, start + len);
	case 2:
		return space_unmap(s, start, start + len);
	case 3: case 4:
		/* No kernel moves memory onto itself. */
		return start < to + len && to < start + len ? 0 : space_move(s, start, to, len);
	case 5:
		space_quiet(s);
		return space_absent(s, start, start + len);
	case 6:
		space_quiet(s);
		return 0;
	case 7:
		return segment_filled(&f->segment, start, start + len);
	case 8:
		space_fault(s, start);
		return 0;
	}
	space_init(&child);
	err = space_clone(&child, s);
	if (!err)
		err = space_doubt(&child, start, start + len);
	check_map(&child.map);
	space_fini(&child);
	return err;
}

static void run_any(struct fuzz *f, const uint8_t *data, size_t size)
{
	f->segment.size = addr_of(N_PAGES);
	demand(!segment_add(&f->segment, addr_of(0), addr_of(N_PAGES)));
	for (size_t i = 0; i < N_PAGES; i += 4)
		(void)space_add(&f->space, &(struct range){
			.start = addr_of(i), .end = addr_of(i + 3), .kind = RANGE_SHARED,
			.source = addr_of(i), .segment = &f->segment,
		});
	for (; size >= sizeof(struct op); data += sizeof(struct op), size -= sizeof(struct op)) {
		int err = apply_any(f, (const struct op *)data);

		check_map(&f->space.map);
		check_map(&f->space.aside);
		check_map(&f->segment.map);
		/* The server does not go on with it. */
		if (err && err != -EBUSY)
			break;
	}
	space_fini(&f->space);
	demand(!f->segment.windows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {};

	target_silence();
	if (size < 1 + N_PAGES / 4)
		return 0;
	space_init(&f.space);
	segment_init(&f.segment, 1, 0);
	arm(&f, data + 1);
	if (data[0] & 1) {
		run_any(&f, data + 1 + N_PAGES / 4, size - 1 - N_PAGES / 4);
	} else {
		for (size_t at = 1 + N_PAGES / 4; at + sizeof(struct op) <= size;
		     at += sizeof(struct op)) {
			apply(&f, (const struct op *)(data + at));
			compare(&f.space, f.pages);
		}
		space_fini(&f.space);
	}
	segment_fini(&f.segment);
	return 0;
}
