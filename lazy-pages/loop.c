// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop of the server process: one thread, in strict order.
 *
 *	1. read whatever is readable, events of all spaces, to the last one
 *	2. answer faults
 *	3. only when there was nothing of both: one chunk in the background
 *
 * That order keeps demand ahead of the background, and no fill is decided
 * while an event that was sent before is unread. What the kernel puts off
 * (EAGAIN: an event is outstanding) is tried again on a timer as well: the
 * thread that sent the event need not send another.
 */
#include "lazy-pages/loop.h"

#include <errno.h>
#include <sys/epoll.h>

#include "lazy-pages/event.h"
#include "lazy-pages/progress.h"
#include "lazy-pages/report.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

#define EVENTS_MAX 64
/* Between the first tries of what was put off, and later ones. */
#define RETRY_MIN_NS 50000ULL
#define RETRY_MAX_NS 10000000ULL
/* Without a background, how often to see whether the tasks still live. */
#define PROBE_NS 200000000LL
/* However busy it is, what was put off waits no longer. */
#define RETRY_LATEST_NS 1000000ULL

/* Whether time alone gives something to do. */
static bool anything_deferred(const struct server *server)
{
	const struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link)
		if (sp->deferred || sp->held || space_needs_quiet(sp))
			return true;
	return false;
}

/* Waits for input, at most @ns (-1: for good), and handles it. *n: how much there was. */
static int handle_input(struct server *server, int64_t ns, int *n)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };
	struct epoll_event events[EVENTS_MAX];

	*n = epoll_pwait2(server->epoll, events, EVENTS_MAX, ns < 0 ? NULL : &ts, NULL);
	if (*n < 0) {
		*n = 0;
		return errno == EINTR ? 0 : log_errno(-errno, "lazy-pages: cannot wait");
	}
	for (int i = 0; i < *n; i++) {
		struct watch *watch = events[i].data.ptr;
		int err = watch->fd < 0 ? 0 : watch->ready(server, watch, events[i].events);

		if (err)
			return err;
	}
	return 0;
}

/* Those that were put off wait for a quiet round, but not for long. */
static int answer_faults(struct server *server, bool quiet)
{
	uint64_t now = clock_ns();
	bool retry = quiet || now - server->retried_ns > RETRY_LATEST_NS;
	struct lazy_space *sp;

	if (retry)
		server->retried_ns = now;
	TAILQ_FOREACH(sp, &server->spaces, link) {
		int err = 0;

		if (retry && sp->held)
			err = server_resume(server, sp);
		if (!err && (retry || (sp->n_faults && !sp->deferred)))
			err = serve_faults(server, sp);
		if (err)
			return err;
	}
	return 0;
}

static bool anything_held(const struct server *server)
{
	const struct lazy_space *sp;

	TAILQ_FOREACH(sp, &server->spaces, link)
		if (sp->held)
			return true;
	return false;
}

/*
 * Whether only what is asked for is brought: as long as restore is at work, too, which
 * would share processors and the tasks' memory with us, and is over in a moment.
 */
static bool demand_only(const struct server *server)
{
	return server->demand_only || (server->session.fd >= 0 && !server->running);
}

/* What there is to do when nobody waits for anything. */
static int work_ahead(struct server *server, bool *worked)
{
	int err = 0;

	if (!server->complete)
		return 0;
	/* As long as nothing comes, nothing that is filled says that a task has ended. */
	if (server_source_lost(server))
		err = serve_probe(server);
	if (err || server->damaged)
		return err;
	if (!demand_only(server))
		return serve_background(server, worked);
	if (anything_held(server))
		return serve_segments(server, worked);
	err = serve_arrived(server, worked);
	return err ? err : serve_probe(server);
}

static bool finished(const struct server *server)
{
	if (!TAILQ_EMPTY(&server->spaces) || !TAILQ_EMPTY(&server->segments))
		return false;
	if (server->fetch && server->complete)
		return server->running;
	return server->complete || (server->stopping && !server->greeted);
}

/* How long the next round waits for input: not at all while there is work. */
static int64_t next_wait(struct server *server, int n, bool worked)
{
	const bool only_demand = server->complete &&
				 (demand_only(server) || server_source_lost(server));
	const bool deferred = anything_deferred(server);

	if (n || worked)
		server->retry_ns = RETRY_MIN_NS;
	/* Who is answered faults again at once: nothing comes before that. */
	if (worked || (n && (deferred || !only_demand)))
		return 0;
	if (!deferred)
		return only_demand ? PROBE_NS : -1;
	server->retry_ns = MIN(server->retry_ns * 2, RETRY_MAX_NS);
	return server->retry_ns;
}

int loop_run(struct server *server)
{
	int64_t wait = -1;
	int err = 0, n;

	server->retry_ns = RETRY_MIN_NS;
	while (!err && !finished(server)) {
		bool worked = false;

		err = handle_input(server, wait, &n);
		if (!err)
			err = answer_faults(server, !n);
		if (!err)
			err = serve_settle(server);
		if (!err && !n)
			err = work_ahead(server, &worked);
		if (err)
			break;
		stats_sample(&server->stats);
		progress_show(server);
		report_progress(server);
		server_reap(server);
		wait = next_wait(server, n, worked);
	}
	return err;
}
