// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session with the restore.
 *
 * One restore is served: the first that says hello to the listener, or the one that
 * the server was made for (many.h). A connection that ends before it said hello is
 * forgotten (another server looking whether somebody is here); one that ends
 * later, and before all was handed over, is a restore that failed: so does the
 * server, and the guardian sees to the tasks that it has already.
 *
 * Descriptors in a record belong to the server as soon as the record is
 * accepted. A task's pidfd is never closed: it is how the guardian finds it.
 */
#include "lazy-pages/session.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lazy-pages/event.h"
#include "lazy-pages/huge.h"
#include "lazy-pages/replay.h"
#include "lazy-pages/report.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "pages/handoff.h"
#include "pages/packet.h"
#include "pages/source.h"
#include "sys/uffd.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

static int ring_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct moment now;
	int err = histories_read(&server->histories, &now);

	if (err)
		return log_errno(err, "lazy-pages: cannot track what tasks do to their memory");
	/* Where nothing is on its way, what was read is of no interest any more. */
	return serve_probe(server);
}

/*
 * Where the kernel does not number events, its tracepoints tell in which order the changes
 * were made that they are about: from before a task runs.
 */
static int watch_changes(struct server *server)
{
	int err = uffd_numbers_events() ? 0 : histories_open(&server->histories);

	if (err)
		log_info("lazy-pages: threads that move memory at the same moment are told apart by "
			 "guess: no tracepoints (%s)", strerror(-err));
	if (!server->histories.on)
		return 0;
	server->rings = calloc(server->histories.tracepoints.n_rings, sizeof(*server->rings));
	if (!server->rings)
		return log_errno(-ENOMEM, "lazy-pages: cannot track what tasks do");
	for (size_t i = 0; i < server->histories.tracepoints.n_rings && !err; i++) {
		server->rings[i] = (struct watch){
			.fd = server->histories.tracepoints.rings[i].fd, .ready = ring_ready,
		};
		err = server_watch(server, &server->rings[i]);
	}
	return err;
}

static int on_hello(struct server *server, struct handoff_record *rec)
{
	const bool listened = server->listener.fd >= 0;
	int err;

	server->greeted = true;
	stats_start(&server->stats);
	/* Nobody else is served: who comes next finds no socket, and waits or starts one. */
	if (listened) {
		server_close_watch(server, &server->listener);
		if (unlinkat(server->workdir_fd, HANDOFF_SOCKET_NAME, 0) && errno != ENOENT)
			log_warn("lazy-pages: cannot remove %s", HANDOFF_SOCKET_NAME);
	}
	err = handoff_send_status(server->session.fd, 0);
	return err || !listened ? err : watch_changes(server);
}

/* What the image has of [start, end) is PENDING; the rest of it holds nothing. */
static int arm_private(struct server *server, struct lazy_space *sp,
		       const struct handoff_range *range)
{
	struct range r = { .end = range->start, .huge = range->huge };

	while (r.end < range->end) {
		struct source_run run;
		int err;

		r.start = r.end;
		r.source = range->source + (r.start - range->start);
		err = huge_find(sp->source->pages, r.source, range->end - r.start, range_page(&r),
				&run);
		if (err)
			return err;
		r.end += run.len;
		r.kind = run.kind == SOURCE_DATA ? RANGE_PENDING : RANGE_SETTLED;
		err = space_add(&sp->space, &r);
		if (err)
			return err;
		if (run.kind == SOURCE_DATA)
			server->total_pages += run.len >> PAGE_SHIFT;
	}
	return 0;
}

static int arm_shared(struct server *server, struct lazy_space *sp,
		      const struct handoff_range *range)
{
	struct lazy_segment *ls = server_segment(server, range->shmid, range->huge);

	if (!ls)
		return -EINVAL;
	return space_add(&sp->space, &(struct range){
		.start = range->start, .end = range->end, .kind = RANGE_SHARED,
		.huge = range->huge, .source = range->source, .segment = &ls->segment,
	});
}

static int add_ranges(struct server *server, struct lazy_space *sp,
		      const struct handoff_record *rec)
{
	for (uint32_t i = 0; i < rec->n_ranges; i++) {
		const struct handoff_range *range = &rec->ranges[i];
		int err = range->kind == HANDOFF_SHARED ? arm_shared(server, sp, range) :
							  arm_private(server, sp, range);

		if (err)
			return log_errno(err, "%s: cannot take over its memory at %#" PRIx64,
					 sp->name, range->start);
	}
	sp->ranges_due -= rec->n_ranges;
	return 0;
}

/* Any mistake in a record ends the server: nothing is served by halves. */
static int protocol_error(const struct handoff_record *rec, const char *what)
{
	log_error("lazy-pages socket: %s %d: %s", handoff_type_str(rec->type), rec->pid, what);
	return -EPROTO;
}

static int on_task(struct server *server, struct handoff_record *rec)
{
	struct task_source *source;
	struct lazy_space *sp;
	uint64_t features;
	int *pidfd, err;

	if (server_find_task(server, rec->pid))
		return protocol_error(rec, "came twice");
	pidfd = array_push(&server->pidfds, &server->n_pidfds, &server->cap_pidfds);
	source = calloc(1, sizeof(*source));
	if (!pidfd || !source) {
		free(source);
		return log_errno(-ENOMEM, "task %d: cannot take it over", rec->pid);
	}
	*pidfd = take_fd(&rec->pidfd);
	err = server_open_source(server, server->images, rec->pid, &source->pages);
	if (err) {
		free(source);
		return log_errno(err, "task %d: cannot use its page map", rec->pid);
	}
	sp = server_add_space(server, take_fd(&rec->fd), rec->pid, 0, source);
	if (!sp)
		return -ENOMEM;
	err = uffd_features(sp->watch.fd, &features);
	if (err)
		return log_errno(err, "%s: cannot look at its userfaultfd", sp->name);
	order_init(&sp->order, features & UFFD_FEATURE_EVENT_ORDER);
	if (sp->order.known)
		log_debug("%s: its events are numbered", sp->name);
	sp->pidfd = *pidfd;
	err = event_follow(server, sp);
	if (err)
		return err;
	sp->ranges_due = rec->n_total;
	return add_ranges(server, sp, rec);
}

static int on_ranges(struct server *server, struct handoff_record *rec)
{
	struct lazy_space *sp = server_find_task(server, rec->pid);

	if (!sp || rec->n_ranges > sp->ranges_due)
		return protocol_error(rec, "nobody waits for these ranges");
	return add_ranges(server, sp, rec);
}

static int on_segment(struct server *server, struct handoff_record *rec)
{
	struct lazy_segment *ls;
	struct statfs fs;

	if (fstatfs(rec->fd, &fs))
		return log_errno(-errno, "segment %" PRIu64 ": cannot ask for its file system",
				 rec->shmid);
	ls = server_segment(server, rec->shmid,
			    fs.f_type == HUGETLBFS_MAGIC ? __builtin_ctzl(fs.f_bsize) : 0);
	return ls ? server_segment_file(server, ls, take_fd(&rec->fd)) : -EINVAL;
}

static int on_complete(struct server *server, struct handoff_record *rec)
{
	const struct lazy_segment *ls;
	const struct lazy_space *sp;
	int err;

	if (rec->n_tasks != server->n_pidfds)
		return protocol_error(rec, "not as many tasks as were handed over");
	TAILQ_FOREACH(sp, &server->spaces, link)
		if (sp->ranges_due)
			return protocol_error(rec, "ranges of a task are missing");
	TAILQ_FOREACH(ls, &server->segments, link)
		if (!ls->window)
			return protocol_error(rec, "the file of a segment is missing");
	server->complete = true;
	log_info("lazy-pages: serving %u tasks", rec->n_tasks);
	report(server, "serving");
	err = replay_ahead(server);
	return err ? err : handoff_send_status(server->session.fd, 0);
}

static int on_running(struct server *server, struct handoff_record *rec)
{
	server->running = true;
	report(server, "running");
	return 0;
}

static const struct record_row {
	enum handoff_type type;
	bool greeted, complete;		/* what must have come before it, and what not */
	int (*apply)(struct server *server, struct handoff_record *rec);
} record_table[] = {
	{ HANDOFF_HELLO, false, false, on_hello },
	{ HANDOFF_SEGMENT, true, false, on_segment },
	{ HANDOFF_TASK, true, false, on_task },
	{ HANDOFF_RANGES, true, false, on_ranges },
	{ HANDOFF_COMPLETE, true, false, on_complete },
	{ HANDOFF_RUNNING, true, true, on_running },
};

static int apply_record(struct server *server, struct handoff_record *rec)
{
	for (size_t i = 0; i < ARRAY_SIZE(record_table); i++)
		if (record_table[i].type == rec->type &&
		    record_table[i].greeted == server->greeted &&
		    record_table[i].complete == server->complete)
			return record_table[i].apply(server, rec);
	return protocol_error(rec, "is out of order");
}

static int on_hangup(struct server *server)
{
	server_close_watch(server, &server->session);
	/* What the dump still has is not to be lost to a restore that came to nothing. */
	if (server->complete && !server->running && server->fetch)
		return log_errno(-ECONNRESET, "lazy-pages: restore ended before its tasks ran");
	if (!server->greeted)
		server->stopping = server->listener.fd < 0;
	if (server->complete || !server->greeted)
		return 0;
	log_error("lazy-pages: restore ended before it had handed over all its tasks");
	return -ECONNRESET;
}

static int session_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct handoff_record rec;
	int ret = handoff_receive(watch->fd, &rec), err;

	if (ret == -EAGAIN)
		return 0;
	if (!ret)
		return on_hangup(server);
	if (ret > 0) {
		ret = apply_record(server, &rec);
		/* Where it failed, what was not taken stays open, for the guardian. */
		if (!ret || !server->greeted)
			handoff_record_fini(&rec);
	}
	if (!ret)
		return 0;
	/* The peer may be gone as well. */
	err = handoff_send_status(watch->fd, ret);
	if (server->greeted)
		return ret;
	server_close_watch(server, watch);
	return err == -EPIPE ? 0 : err;
}

static int listener_ready(struct server *server, struct watch *watch, uint32_t events)
{
	int sock = packet_accept(watch->fd);

	if (sock == -EAGAIN || sock == -EPERM)
		return 0;
	if (sock < 0)
		return sock;
	/* The last one to come is the one that is listened to. */
	server_close_watch(server, &server->session);
	server->session = (struct watch){ .fd = sock, .ready = session_ready };
	return server_watch(server, &server->session);
}

static int open_epoll(struct server *server)
{
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	return server->epoll < 0 ? log_errno(-errno, "lazy-pages: cannot wait for input") : 0;
}

int session_take(struct server *server, int sock)
{
	int err = open_epoll(server);

	server->session = (struct watch){ .fd = sock, .ready = session_ready };
	return err ? err : server_watch(server, &server->session);
}

int session_begin(struct server *server)
{
	/* Who listens may wait for long, and would slow down the machine for nothing. */
	return server->session.fd >= 0 ? watch_changes(server) : 0;
}

int session_listen(struct server *server)
{
	int fd, err = open_epoll(server);

	if (err)
		return err;
	fd = handoff_listen(server->workdir_fd);
	if (fd < 0)
		return fd;
	server->listener = (struct watch){ .fd = fd, .ready = listener_ready };
	return server_watch(server, &server->listener);
}
