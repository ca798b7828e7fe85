// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bringing a working set that was recorded before, ahead of everything else.
 *
 * A piece names pages of a page map. In a task they are looked for where they
 * were when it was dumped: one that has moved them since is served as if
 * nothing had been recorded. Children forked since are not looked at: what
 * they touch, they mostly share.
 */
#include "lazy-pages/replay.h"

#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

/*
 * Bytes at once. A task that touches the same pages in the same order catches up with us in
 * no time and faults once for each chunk; a fault elsewhere waits for what is left of one.
 */
#define REPLAY_CHUNK (256UL << 10)
/* Some thousand pages. That many faults would take ten times as long. */
#define AHEAD_NS 10000000ULL

/*
 * Fills the next that is to come of [*@at, @end), addresses of the page map: *@at is moved
 * to where that begins, and *@done bytes came from there. 0: nothing came, or it has to wait.
 */
static int fill_task(struct server *server, struct lazy_space *sp, uint64_t *at, uint64_t end,
		     uint64_t *done)
{
	const struct range *r = space_pending_from(&sp->space, *at);
	uint64_t from = r ? MAX(*at, r->start) : end;

	*done = 0;
	if (from >= end) {
		*at = end;
		return 0;
	}
	/* Other pages than these are at that address now. */
	if (r->source + (from - r->start) != from) {
		*at = MIN(r->end, end);
		return 0;
	}
	*at = from;
	return serve_task_pages(server, sp, r, from, MIN(r->end, end) - from, done);
}

static int fill_shared(struct server *server, struct lazy_segment *ls, uint64_t *at, uint64_t end,
		       uint64_t *done)
{
	const struct range *r = range_find_from(&ls->segment.map, *at);
	uint64_t from = r ? MAX(*at, r->start) : end;

	*done = 0;
	*at = MIN(from, end);
	if (from >= end)
		return 0;
	return serve_segment_pages(server, ls, from, MIN(r->end, end) - from, done);
}

/*
 * Up to @budget bytes of the piece; *@filled: how many came. True in *@over: none of it is
 * left to bring. Otherwise the piece is cut to what is.
 */
static int fill_piece(struct server *server, struct working_piece *piece, uint64_t budget,
		      uint64_t *filled, bool *over)
{
	struct lazy_space *sp = piece->shared ? NULL : server_find_task(server, piece->id);
	struct lazy_segment *ls = piece->shared ? server_find_segment(server, piece->id) : NULL;
	uint64_t at = piece->addr, end = at + (uint64_t)piece->n_pages * PAGE_SIZE, done = 0;
	uint64_t limit = MIN(end, at + budget);
	int err = 0;

	*filled = 0;
	*over = sp ? sp->gone : !ls;
	if (*over || (sp && sp->deferred))
		return 0;
	do {
		err = ls ? fill_shared(server, ls, &at, limit, &done) :
			   fill_task(server, sp, &at, limit, &done);
		/* Of a huge page that a piece names, all comes. */
		at = MIN(at + done, end);
		*filled += done;
	} while (!err && at < limit && done);
	piece->n_pages = (end - at) / PAGE_SIZE;
	piece->addr = at;
	*over = at == end;
	return err;
}

int replay(struct server *server, bool *worked)
{
	struct working_set *ws = &server->working_set;
	uint64_t budget = REPLAY_CHUNK;

	if (server->recording)
		return 0;
	while (server->replayed < ws->n && budget) {
		uint64_t filled;
		bool over;
		int err = fill_piece(server, &ws->pieces[server->replayed], budget, &filled,
				     &over);

		if (err)
			return err;
		*worked |= filled;
		budget -= MIN(filled, budget);
		server->replayed += over;
		/* What has to wait is tried again when the loop comes by. */
		if (!over && !filled)
			break;
	}
	if (ws->n && server->replayed == ws->n) {
		log_debug("lazy-pages: the working set is there");
		working_set_fini(ws);
		server->replayed = 0;
	}
	return 0;
}

int replay_ahead(struct server *server)
{
	const uint64_t end = clock_ns() + AHEAD_NS;
	bool worked = true;
	int err = 0;

	if (server->demand_only)
		return 0;
	while (!err && worked && clock_ns() < end) {
		worked = false;
		err = replay(server, &worked);
	}
	return err;
}
