// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serving: answers faults, and fills in the background.
 *
 * A page comes from one of three places: the task's page source (PENDING), a
 * segment (SHARED), or nowhere, and is zero then. Whatever the outcome of a
 * fill, the map is brought up to it at once, and a fault that was answered has
 * its waiters woken: also where the page had been there before, or the memory
 * is gone and the access is to fail.
 *
 * A source may have to wait for a page itself (-EAGAIN). Then the fault stays
 * noted and the next one is looked at, so that all of them are asked for at
 * once; what arrives makes a socket readable, and all are tried again.
 */
#include "lazy-pages/serve.h"

#include <errno.h>
#include <inttypes.h>

#include "lazy-pages/event.h"
#include "lazy-pages/huge.h"
#include "lazy-pages/replay.h"
#include "lazy-pages/server.h"
#include "pages/fetch.h"
#include "pages/source.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

#define CHUNK_MAX (2UL << 20)
/* A fault waits for the chunk that is on its way: large ones are for when there are none. */
#define CALM_BYTES (16UL << 20)
/* How far ahead of the background the disk reads; asked for when half of it is used up. */
#define READ_AHEAD (8UL << 20)
/* And how many ranges ahead a source that is far away is asked for what is in them. */
#define RANGES_AHEAD 64

int serve_queue_fault(struct lazy_space *sp, uint64_t addr)
{
	struct lazy_fault *fault = array_push(&sp->faults, &sp->n_faults, &sp->cap_faults);

	if (!fault)
		return log_errno(-ENOMEM, "%s: a fault at %#" PRIx64, sp->name, addr);
	*fault = (struct lazy_fault){ .addr = addr & PAGE_MASK, .read_ns = clock_ns() };
	return 0;
}

/* Brings the map up to what a fill of [start, start + done) came to. */
static int apply(struct server *server, struct lazy_space *sp, uint64_t start, uint64_t done,
		 enum fill_outcome outcome)
{
	int err = 0;

	switch (outcome) {
	case FILL_FILLED:
	case FILL_PRESENT:
		err = space_filled(&sp->space, start, start + done);
		break;
	case FILL_ABSENT:
		err = space_absent(&sp->space, start, start + done);
		break;
	case FILL_AGAIN:
		server->stats.retries++;
		sp->deferred = true;
		break;
	case FILL_LARGER:
		log_error("%s: page at %#" PRIx64 ": its size is not known", sp->name, start);
		return -EPROTO;
	case FILL_NO_MEMORY:
		if (!sp->warned)
			log_warn("%s: no memory for its pages: trying again", sp->name);
		sp->warned = true;
		sp->deferred = true;
		break;
	case FILL_GONE:
		sp->gone = true;
		break;
	}
	if (err)
		return log_errno(err, "%s: cannot track its memory", sp->name);
	return 0;
}

/* Whether a lookup came to nothing that ends the server: what it was for has to wait. */
static bool has_to_wait(int err)
{
	return err == -EAGAIN || err == -ENODATA;
}

/*
 * What to fill with at @at of the source, in pages of @page bytes: up to run->len, or one
 * huge page. @pending: there is something; else it is zero. -EAGAIN: not yet; -ENODATA: not
 * from this source.
 */
static int find_content(struct server *server, struct page_source *source, bool pending,
			uint64_t at, uint64_t page, struct source_run *run)
{
	const uint64_t len = run->len;
	int err;

	if (pending) {
		err = page > PAGE_SIZE ? huge_lookup(&server->huge, source, at, page, run) :
					 source_lookup(source, at, len, run);
		return err ? server_judge_lookup(server, err) : 0;
	}
	*run = (struct source_run){ .kind = SOURCE_HOLE, .len = len };
	if (page == PAGE_SIZE)
		return 0;
	run->len = page;
	run->data = huge_zeros(&server->huge, page);
	return run->data ? 0 : -ENOMEM;
}

/*
 * Through the server's own window on it: no events are outstanding there, ever. -EAGAIN,
 * -ENODATA: as find_content().
 */
static int fill_segment(struct server *server, struct lazy_segment *ls, uint64_t offset,
			uint64_t len, uint64_t *done)
{
	const uint64_t page = segment_page(&ls->segment);
	const struct range *r = range_find(&ls->segment.map, offset);
	struct source_run run = { .len = r ? MIN(len, r->end - offset) : len };
	enum fill_outcome outcome;
	int err;

	if (!ls->window) {
		log_error("segment %" PRIu64 ": is used, and its file was not handed over",
			  ls->segment.shmid);
		return -EPROTO;
	}
	*done = 0;
	offset = ALIGN_DOWN(offset, page);
	err = find_content(server, ls->source, r, offset, page, &run);
	if (!err)
		err = fill_range(server->fill, ls->uffd, ls->window + offset, run.data, run.len,
				 page, &outcome, done);
	if (err)
		return err;
	if (outcome == FILL_NO_MEMORY)
		return 0;
	if (outcome != FILL_FILLED && outcome != FILL_PRESENT) {
		log_error("segment %" PRIu64 ": page at %#" PRIx64 ": unexpected answer (%s)",
			  ls->segment.shmid, offset, fill_outcome_str(outcome));
		return -EPROTO;
	}
	if (outcome == FILL_FILLED && run.kind == SOURCE_HOLE)
		server->stats.zero_pages += *done >> PAGE_SHIFT;
	return segment_filled(&ls->segment, offset, offset + *done);
}

int serve_segment_pages(struct server *server, struct lazy_segment *ls, uint64_t offset,
			uint64_t len, uint64_t *done)
{
	int err;

	*done = 0;
	if (server->damaged && range_find(&ls->segment.map, offset))
		return 0;
	err = fill_segment(server, ls, offset, len, done);
	return has_to_wait(err) ? 0 : err;
}

static struct lazy_segment *window_segment(const struct range *r)
{
	return container_of(r->segment, struct lazy_segment, segment);
}

/* What became of a fill of a task's memory. */
struct filled {
	enum fill_outcome outcome;
	uint64_t start;			/* of the first page */
	uint64_t page;			/* its size */
	uint64_t done;			/* bytes from there on that are settled now */
	bool data;			/* with content, not zeros */
};

/* In pages of filled->page. */
static int try_fill(struct server *server, struct lazy_space *sp, const struct range *r,
		    uint64_t addr, uint64_t len, struct filled *filled)
{
	const uint64_t at = ALIGN_DOWN(addr, filled->page);
	struct source_run run = { .len = len };
	int err = find_content(server, sp->source->pages, r && r->kind == RANGE_PENDING,
			       r ? r->source + (at - r->start) : 0, filled->page, &run);

	if (!err)
		err = fill_range(server->fill, sp->watch.fd, at, run.data, run.len, filled->page,
				 &filled->outcome, &filled->done);
	filled->start = at;
	filled->data = run.kind == SOURCE_DATA;
	return err;
}

/*
 * Fills [@addr, @addr + @len), or a first part of it, and of huge pages the one that is
 * there. Of memory that holds nothing, and that the map has forgotten, the kernel says
 * that its pages are larger. -EAGAIN, -ENODATA: as find_content().
 */
static int fill_private(struct server *server, struct lazy_space *sp, const struct range *r,
			uint64_t addr, uint64_t len, struct filled *filled)
{
	int err;

	/* An event that waits for another is not in the map yet. */
	if (space_is_behind(sp)) {
		filled->outcome = FILL_AGAIN;
		return apply(server, sp, addr, 0, FILL_AGAIN);
	}
	filled->page = r ? range_page(r) : PAGE_SIZE;
	err = try_fill(server, sp, r, addr, len, filled);
	while (!err && filled->outcome == FILL_LARGER && !filled->data &&
	       huge_larger(filled->page)) {
		filled->page = huge_larger(filled->page);
		err = try_fill(server, sp, NULL, addr, len, filled);
	}
	return err ? err : apply(server, sp, filled->start, filled->done, filled->outcome);
}

int serve_task_pages(struct server *server, struct lazy_space *sp, const struct range *r,
		     uint64_t addr, uint64_t len, uint64_t *done)
{
	struct filled filled = {};
	int err = 0;

	if (!server->damaged)
		err = fill_private(server, sp, r, addr, len, &filled);
	*done = filled.done;
	if (err)
		return has_to_wait(err) ? 0 : err;
	if (filled.outcome == FILL_FILLED && filled.data)
		server->stats.background_pages += filled.done >> PAGE_SHIFT;
	return 0;
}

/* A page of @page bytes with content was touched that had not come by itself. */
static int note_touched(struct server *server, bool shared, uint64_t id, uint64_t addr,
			uint64_t page)
{
	int err = 0;

	server->stats.demand_pages += page >> PAGE_SHIFT;
	if (server->recording)
		err = working_set_note(&server->working_set, shared, id, addr);
	return err ? log_errno(err, "lazy-pages: cannot record what is touched") : 0;
}

/*
 * A task waits for a huge page that can't be had. What the mapping may need was reserved
 * when it was made, but not for a child: that shares its parent's pages as long as none of
 * them is written to, and of what came after the fork there is one for each.
 */
static int no_huge_page(const char *name, uint64_t addr, uint64_t page)
{
	log_error("%s: a huge page of %" PRIu64 " KiB is touched at %#" PRIx64 ", and none is "
		  "free (vm.nr_hugepages, vm.nr_overcommit_hugepages, or the limit of a control "
		  "group)", name, page >> 10, addr);
	return -ENOMEM;
}

/* As zero_around(). */
static int zero_behind(struct server *server, struct lazy_segment *ls, uint64_t offset)
{
	const struct range *next = range_find_from(&ls->segment.map, offset);
	struct hole_run run = hole_touched(&ls->holes, offset, offset,
					   next ? next->start : ls->segment.size);
	uint64_t done;

	run.start += PAGE_SIZE;
	if (!server->complete || run.start >= run.end)
		return 0;
	return fill_segment(server, ls, run.start, run.end - run.start, &done);
}

static int answer_window(struct server *server, struct lazy_space *sp, const struct range *r,
			 uint64_t addr)
{
	const uint64_t page = range_page(r);
	uint64_t offset = ALIGN_DOWN(r->source + (addr - r->start), page), done;
	struct lazy_segment *ls = window_segment(r);
	bool pending = range_find(&ls->segment.map, offset);
	int err;

	/* Past its end there is nothing to bring: the access fails by itself. */
	if (offset < ls->segment.size || !ls->window) {
		err = fill_segment(server, ls, offset, page, &done);
		if (!err && !done && page > PAGE_SIZE)
			err = no_huge_page(sp->name, addr, page);
		if (err)
			return err;
		if (!done) {
			sp->deferred = true;
			return 0;
		}
		ls->cursor = offset + page;
		if (pending)
			err = note_touched(server, true, ls->segment.shmid, offset, page);
		else if (page == PAGE_SIZE)
			err = zero_behind(server, ls, offset);
		if (err)
			return err;
	}
	return fill_wake(server->fill, sp->watch.fd, ALIGN_DOWN(addr, page), page);
}

/*
 * Zeroes what is behind a page of a hole that was touched, or before it; stops at whatever
 * is in the way.
 */
static int zero_around(struct server *server, struct lazy_space *sp, uint64_t addr)
{
	const struct range *r = range_find(&sp->space.map, addr);
	enum fill_outcome outcome;
	struct hole_run run;
	uint64_t done;
	int err;

	if (!server->complete || !r || r->kind != RANGE_SETTLED || r->huge)
		return 0;
	run = hole_touched(&sp->holes, addr, r->start, r->end);
	/* That page itself is there. */
	if (run.start == addr)
		run.start += PAGE_SIZE;
	else
		run.end -= PAGE_SIZE;
	if (run.start >= run.end)
		return 0;
	err = fill_range(server->fill, sp->watch.fd, run.start, NULL, run.end - run.start,
			 PAGE_SIZE, &outcome, &done);
	if (err)
		return err;
	if (outcome == FILL_FILLED)
		server->stats.zero_pages += done >> PAGE_SHIFT;
	/* Nobody waits for these: a refusal is no reason to try again. */
	return 0;
}

/*
 * How much a fault is answered with. Where what is before it is there already the task most
 * likely reads on, and with one page at a time it would fall asleep for each. Not where
 * somebody else waits for an answer, nor where only what is touched is to come, or to be noted.
 */
static uint64_t answer_len(const struct server *server, const struct lazy_space *sp,
			   const struct range *r, const struct lazy_fault *fault)
{
	bool last = fault == &sp->faults[sp->n_faults - 1];

	if (!server->complete || server->demand_only || server->recording || server->fetch ||
	    server->damaged)
		return PAGE_SIZE;
	if (!last || !r || r->kind != RANGE_PENDING || r->start != fault->addr)
		return PAGE_SIZE;
	return MIN(r->end - r->start, SERVE_CHUNK_MIN);
}

static int answer_private(struct server *server, struct lazy_space *sp, const struct range *r,
			  const struct lazy_fault *fault)
{
	uint64_t addr = fault->addr, source = r ? r->source + (addr - r->start) : 0;
	uint64_t len = answer_len(server, sp, r, fault);
	struct filled filled = {};
	int err = fill_private(server, sp, r, addr, len, &filled);

	/* One of those behind it is damaged, and perhaps not the one that is waited for. */
	if (err == -ENODATA && len > PAGE_SIZE)
		err = fill_private(server, sp, r, addr, PAGE_SIZE, &filled);
	if (err == -EAGAIN) {
		err = source_hurry(sp->source->pages, source);
		return err ? err : -EAGAIN;
	}
	if (err)
		return err;
	if (filled.outcome == FILL_FILLED && filled.data) {
		sp->cursor = filled.start + filled.done;
		server->stats.background_pages += (filled.done - filled.page) >> PAGE_SHIFT;
		return note_touched(server, false, sp->pid, source, filled.page);
	}
	if (filled.outcome == FILL_FILLED) {
		server->stats.zero_pages += filled.done >> PAGE_SHIFT;
		return zero_around(server, sp, addr);
	}
	if (filled.outcome == FILL_PRESENT || filled.outcome == FILL_ABSENT)
		return fill_wake(server->fill, sp->watch.fd, filled.start, filled.page);
	if (filled.outcome == FILL_NO_MEMORY && filled.page > PAGE_SIZE)
		return no_huge_page(sp->name, addr, filled.page);
	return 0;
}

/* -EAGAIN: it has to wait. */
static int answer(struct server *server, struct lazy_space *sp, struct lazy_fault *fault)
{
	const struct range *r = space_fault(&sp->space, fault->addr);
	int err;

	/* Unless nothing of it is wanted any more. */
	if (fault->damaged && r && r->kind != RANGE_SETTLED)
		return -EAGAIN;
	err = r && r->kind == RANGE_SHARED ? answer_window(server, sp, r, fault->addr) :
					     answer_private(server, sp, r, fault);
	fault->damaged = err == -ENODATA;
	return fault->damaged ? -EAGAIN : err;
}

int serve_faults(struct server *server, struct lazy_space *sp)
{
	size_t i = 0, waiting = 0;

	sp->deferred = false;
	while (i < sp->n_faults && !sp->deferred && !sp->gone) {
		int err = answer(server, sp, &sp->faults[i]);

		if (err == -EAGAIN) {
			sp->faults[waiting++] = sp->faults[i++];
			continue;
		}
		if (err)
			return err;
		if (sp->deferred || sp->gone)
			break;
		stats_answered(&server->stats, sp->faults[i].read_ns);
		i++;
	}
	if (i > waiting) {
		/* What the victim waits for comes first: start small again. */
		server->chunk = SERVE_CHUNK_MIN;
		server->calm = 0;
		sp->n_faults -= i - waiting;
		memmove(sp->faults + waiting, sp->faults + i,
			(sp->n_faults - waiting) * sizeof(*sp->faults));
	}
	return 0;
}

/* The next PENDING range from the cursor on, around the end. */
static const struct range *next_pending(const struct space *space, uint64_t *cursor)
{
	const struct range *r = space_pending_from(space, *cursor);

	if (!r && *cursor) {
		*cursor = 0;
		r = space_pending_from(space, 0);
	}
	if (r)
		*cursor = MAX(*cursor, r->start);
	return r;
}

static int read_ahead(struct page_source *source, struct ahead *ahead, uint64_t at, uint64_t len)
{
	uint64_t near;
	int err;

	if (at >= ahead->start && at + MIN(len, READ_AHEAD / 2) <= ahead->end)
		return 0;
	err = source_will_need(source, at, MIN(len, READ_AHEAD), &near);
	ahead->start = at;
	ahead->end = at + near;
	return err;
}

/*
 * Of a source that is far away what follows is asked for as well, as long as it
 * takes requests: many small ranges would each cost the way there and back. *ready:
 * whether what is at @at is here, or on its way.
 */
static int ask_ahead(struct lazy_space *sp, const struct range *r, uint64_t at, bool *ready)
{
	for (unsigned int i = 0; r && i < RANGES_AHEAD; i++) {
		uint64_t start = MAX(at, r->start), near;
		uint64_t len = MIN(r->end - start, READ_AHEAD);
		int err = source_will_need(sp->source->pages, r->source + (start - r->start), len,
					   &near);

		if (err)
			return err;
		if (!i)
			*ready = near;
		if (near < len)
			break;
		r = space_pending_from(&sp->space, r->end);
	}
	return 0;
}

/* Prepares for what the background is about to bring. *ready: it may be looked up. */
static int look_ahead(struct server *server, struct lazy_space *sp, const struct range *r,
		      uint64_t at, bool *ready)
{
	if (server->fetch)
		return ask_ahead(sp, r, at, ready);
	*ready = true;
	return read_ahead(sp->source->pages, &sp->ahead, r->source + (at - r->start), r->end - at);
}

static int drain_space(struct server *server, struct lazy_space *sp, bool *worked)
{
	const struct range *r = next_pending(&sp->space, &sp->cursor);
	uint64_t at = sp->cursor, done, skip;
	bool ready = false;
	int err;

	if (!r)
		return 0;
	/* A huge page may have to wait until one is free: what is behind it need not. */
	skip = r->huge ? range_page(r) : 0;
	err = look_ahead(server, sp, r, at, &ready);
	if (err || !ready)
		return err;
	err = serve_task_pages(server, sp, r, at, MIN(r->end - at, server->chunk), &done);
	if (err)
		return err;
	sp->cursor = at + (done ? done : skip);
	*worked = done > 0;
	return 0;
}

static int drain_segment(struct server *server, struct lazy_segment *ls, bool *worked)
{
	const struct range *r = range_find_from(&ls->segment.map, ls->cursor);
	uint64_t at, done = 0;
	int err;

	if (!r)
		r = range_find_from(&ls->segment.map, 0);
	if (!r)
		return 0;
	at = MAX(r->start, ls->cursor >= r->end ? 0 : ls->cursor);
	err = read_ahead(ls->source, &ls->ahead, at, r->end - at);
	if (!err)
		err = serve_segment_pages(server, ls, at, MIN(r->end - at, server->chunk), &done);
	if (err)
		return err;
	server->stats.background_pages += done >> PAGE_SHIFT;
	ls->cursor = at + done;
	*worked = done > 0;
	return 0;
}

int serve_segments(struct server *server, bool *worked)
{
	struct lazy_segment *ls;

	TAILQ_FOREACH(ls, &server->segments, link) {
		int err = drain_segment(server, ls, worked);

		if (err)
			return err;
		if (*worked) {
			TAILQ_REMOVE(&server->segments, ls, link);
			TAILQ_INSERT_TAIL(&server->segments, ls, link);
			break;
		}
	}
	return 0;
}

/*
 * One chunk for the first that needs one, who then goes to the end of the
 * line: tasks take turns, and so do segments.
 */
static int drain_next(struct server *server, bool *worked)
{
	struct lazy_space *sp;
	int err = serve_segments(server, worked);

	if (err)
		return err;
	TAILQ_FOREACH(sp, &server->spaces, link) {
		bool did = false;

		if (sp->deferred || sp->gone)
			continue;
		err = drain_space(server, sp, &did);
		if (err)
			return err;
		if (did) {
			*worked = true;
			TAILQ_REMOVE(&server->spaces, sp, link);
			TAILQ_INSERT_TAIL(&server->spaces, sp, link);
			break;
		}
	}
	return 0;
}

/* What of [*at, end) of a task's image is still to come, and where it was then: else NULL. */
static const struct range *in_place(const struct lazy_space *sp, uint64_t *at, uint64_t end)
{
	const struct range *r = space_pending_from(&sp->space, *at);

	if (!r || r->start >= end)
		return NULL;
	*at = MAX(*at, r->start);
	return r->source + (*at - r->start) == *at ? r : NULL;
}

int serve_arrived(struct server *server, bool *worked)
{
	uint64_t at, len, done;
	int pid;

	while (server->fetch && page_fetch_arrived(server->fetch, &pid, &at, &len)) {
		struct lazy_space *sp = server_find_task(server, pid);
		const uint64_t end = at + len;
		const struct range *r = sp && !sp->gone ? in_place(sp, &at, end) : NULL;
		int err;

		if (!r) {
			page_fetch_unwanted(server->fetch);
			continue;
		}
		if (sp->deferred)
			return 0;
		err = serve_task_pages(server, sp, r, at, MIN(r->end, end) - at, &done);
		*worked = done > 0;
		return err;
	}
	return 0;
}

int serve_background(struct server *server, bool *worked)
{
	int err = replay(server, worked);

	if (!err && !*worked)
		err = drain_next(server, worked);
	if (!err && !*worked)
		err = serve_arrived(server, worked);
	if (err || !*worked)
		return err;
	server->calm += server->chunk;
	if (server->calm > CALM_BYTES)
		server->chunk = MIN(server->chunk * 2, CHUNK_MAX);
	return 0;
}

int serve_doubt(struct server *server, struct lazy_space *child, uint64_t start, uint64_t end)
{
	const struct range *r;
	int err = space_doubt(&child->space, start, end);

	if (err)
		return log_errno(err, "%s: cannot track its memory", child->name);
	while (!child->gone && (r = space_pending_from(&child->space, start)) && r->start < end) {
		struct range part = range_clip(r, start, end);
		uint64_t done;

		err = serve_task_pages(server, child, r, part.start, part.end - part.start, &done);
		/* What has to wait is in doubt a little longer. */
		if (err || !done)
			return err;
		start = part.start + done;
	}
	return 0;
}

/* Whether it still lives, and whether events are on their way. */
static int probe(struct server *server, struct lazy_space *sp)
{
	struct moment now = sp->history ? histories_now(&server->histories) : (struct moment){};
	enum fill_outcome outcome;
	int err = fill_probe(sp->watch.fd, &outcome);

	if (err)
		return err;
	sp->gone = outcome == FILL_GONE;
	if (outcome != FILL_ABSENT && !sp->gone)
		return 0;
	err = event_settle(server, sp, now);
	server_quiet(server, sp);
	return err;
}

int serve_settle_space(struct server *server, struct lazy_space *sp)
{
	return !sp->gone && space_needs_quiet(sp) ? probe(server, sp) : 0;
}

int serve_settle(struct server *server)
{
	struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link) {
		int err = serve_settle_space(server, sp);

		if (err)
			return err;
	}
	return 0;
}

int serve_probe(struct server *server)
{
	struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link) {
		int err = sp->gone ? 0 : probe(server, sp);

		if (err)
			return err;
	}
	return 0;
}

int serve_windows(struct server *server, struct lazy_space *sp, uint64_t start, uint64_t end)
{
	const struct range *w;

	while ((w = space_window_pending(&sp->space, start, end))) {
		struct range part = range_clip(w, start, end);
		uint64_t len = part.end - part.start, done;
		struct lazy_segment *ls = window_segment(w);
		const struct range *r = range_find_from(&ls->segment.map, part.source);
		uint64_t at = MAX(r->start, part.source);
		int err = serve_segment_pages(server, ls, at,
					      MIN(r->end, part.source + len) - at, &done);

		if (err)
			return err;
		if (!done && server->damaged)
			return -EAGAIN;
		if (!done)
			return log_errno(-ENOMEM, "segment %" PRIu64 ": no memory for its pages",
					 ls->segment.shmid);
	}
	return 0;
}
