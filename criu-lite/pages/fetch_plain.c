// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking as CRIU 4.2 does (spec/images.md, section 16.4), over one connection.
 *
 * Requests wait in the order in which they were sent, and an answer must be that of
 * the first: its task, its address, and no more pages than were asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "pages/fetch-ops.h"
#include "pages/fetch.h"
#include "pages/frame.h"
#include "pages/pagemap.h"
#include "util/array.h"
#include "util/log.h"
#include "util/macro.h"

struct plain_fetch {
	struct page_fetch base;
	struct stream stream;
	struct page_frame frame;	/* of the answer that comes */
	size_t frame_got;		/* bytes of it; all: its pages come */
	struct page_frame *unsent;	/* what the socket had no room for */
	size_t n_unsent, cap_unsent;
	size_t unsent_done;		/* bytes of the first */
};

static struct plain_fetch *plain_fetch(struct page_fetch *f)
{
	return container_of(f, struct plain_fetch, base);
}

static int session_error(const struct plain_fetch *p, int err, const char *what)
{
	const char *why = p->stream.why;

	return log_errno(err, "page server: cannot %s%s%s", what, why ? ": " : "", why ? why : "");
}

/* Sends what waits to be sent. What has no room goes later: answers are to come first. */
static int flush(struct plain_fetch *p)
{
	while (p->n_unsent) {
		size_t total = p->n_unsent * sizeof(*p->unsent);
		ssize_t n = stream_send(&p->stream, (char *)p->unsent + p->unsent_done,
					total - p->unsent_done, MSG_DONTWAIT);
		size_t whole;

		if (n < 0)
			return n == -EAGAIN ? 0 : session_error(p, n, "ask it for pages");
		p->unsent_done += n;
		whole = p->unsent_done / sizeof(*p->unsent);
		p->unsent_done %= sizeof(*p->unsent);
		p->n_unsent -= whole;
		memmove(p->unsent, p->unsent + whole, p->n_unsent * sizeof(*p->unsent));
	}
	return 0;
}

static int send_frame(struct plain_fetch *p, const struct page_frame *frame)
{
	struct page_frame *last = array_push(&p->unsent, &p->n_unsent, &p->cap_unsent);

	if (!last)
		return log_errno(-ENOMEM, "page server: no room for a request");
	*last = *frame;
	return flush(p);
}

static int plain_ask(struct page_fetch *f, struct fetch_request *r)
{
	const struct page_frame frame = {
		.command = FRAME_GET, .nr_pages = r->len >> PAGE_SHIFT, .vaddr = r->start,
		.target = r->pid,
	};

	return send_frame(plain_fetch(f), &frame);
}

static int bad_answer(const struct plain_fetch *p, const struct fetch_request *r, const char *why)
{
	const struct page_frame *a = &p->frame;

	if (r)
		log_error("page server: asked for %" PRIu64 " pages at %#" PRIx64 " of task %d",
			  r->len >> PAGE_SHIFT, r->start, r->pid);
	return log_errno(-EPROTO, "page server: its answer, %s (flags %#x) of %" PRIu64 " pages at "
			 "%#" PRIx64 " of %" PRIu64 ", %s", frame_command_str(a->command), a->flags,
			 a->nr_pages, a->vaddr, a->target, why);
}

static int begin_answer(struct plain_fetch *p)
{
	struct fetch_request *r = TAILQ_FIRST(&p->base.waiting);
	const struct page_frame *a = &p->frame;

	if (!r)
		return bad_answer(p, r, "is to no request");
	if (a->command != FRAME_ADD_F || a->flags != PAGE_PRESENT)
		return bad_answer(p, r, "is none");
	if (a->target != (uint64_t)r->pid || a->vaddr != r->start)
		return bad_answer(p, r, "is about other memory");
	if (!a->nr_pages || a->nr_pages > r->len >> PAGE_SHIFT)
		return bad_answer(p, r, "has a wrong length");
	fetch_shorten(&p->base, r, a->nr_pages << PAGE_SHIFT);
	return 0;
}

/* Takes one piece of what comes. Returns 0, -EAGAIN (nothing there), or -errno, logged. */
static int receive_some(struct plain_fetch *p, int flags)
{
	const bool in_frame = p->frame_got < sizeof(p->frame);
	struct fetch_request *r = TAILQ_FIRST(&p->base.waiting);
	void *to = in_frame ? (char *)&p->frame + p->frame_got : r->data + r->got;
	size_t len = in_frame ? sizeof(p->frame) - p->frame_got : r->len - r->got;
	ssize_t n = stream_receive(&p->stream, to, len, flags);

	if (n < 0)
		return n == -EAGAIN ? n : session_error(p, n, "receive from it");
	if (!n)
		return log_errno(-ECONNRESET, "page server: it ended the session before it was "
				 "told to");
	if (in_frame) {
		p->frame_got += n;
		return p->frame_got == sizeof(p->frame) ? begin_answer(p) : 0;
	}
	r->got += n;
	if (r->got == r->len) {
		p->frame_got = 0;
		fetch_arrived(&p->base, r);
	}
	return 0;
}

static int plain_receive(struct page_fetch *f)
{
	struct plain_fetch *p = plain_fetch(f);

	/*
	 * No longer than the window at once: who feeds us must not keep us from faults. But
	 * nobody else wakes us for what the stream has.
	 */
	for (uint64_t had = 0; had < f->window || stream_pending(&p->stream);) {
		const struct fetch_request *r = TAILQ_FIRST(&f->waiting);
		uint64_t before = r ? r->got : 0;
		int err = receive_some(p, MSG_DONTWAIT);

		if (err == -EAGAIN)
			break;
		if (err)
			return err;
		if (r && TAILQ_FIRST(&f->waiting) == r)
			had += r->got - before;
		else if (r)
			had += r->len - before;
	}
	return flush(p);
}

/* The answers that nobody waits for any more come before it. */
static int receive_status(struct plain_fetch *p)
{
	int32_t status;
	int err = 0;
	ssize_t n;

	while (!err && !TAILQ_EMPTY(&p->base.waiting)) {
		err = receive_some(p, 0);
		if (err == -EAGAIN)
			err = session_error(p, -ETIMEDOUT, "receive from it");
		fetch_drop_arrived(&p->base);
	}
	if (err)
		return err;
	n = stream_receive_all(&p->stream, &status, sizeof(status));
	if (n != sizeof(status))
		return session_error(p, n < 0 ? n : -ECONNRESET, "receive its last word");
	if (status)
		return log_errno(-EPROTO, "page server: it failed (%d)", status);
	stream_end(&p->stream);
	return 0;
}

static int plain_close(struct page_fetch *f)
{
	const struct page_frame frame = { .command = FRAME_CLOSE };
	struct plain_fetch *p = plain_fetch(f);
	int err = send_frame(p, &frame);

	if (!err && p->n_unsent)
		err = session_error(p, -ETIMEDOUT, "end the session");
	return err ? err : receive_status(p);
}

static void plain_free(struct page_fetch *f)
{
	struct plain_fetch *p = plain_fetch(f);

	stream_close(&p->stream);
	free(p->unsent);
	free(p);
}

static const struct fetch_ops plain_fetch_ops = {
	.request_max = 64 << 10,
	.window_min = FETCH_WINDOW_MIN,
	.window_max = FETCH_WINDOW_MAX,
	.ask = plain_ask,
	.receive = plain_receive,
	.close = plain_close,
	.free = plain_free,
};

int page_fetch_new(struct stream stream, struct page_fetch **fetch)
{
	struct plain_fetch *p = calloc(1, sizeof(*p));

	if (!p) {
		stream_close(&stream);
		return log_errno(-ENOMEM, "page server: no session");
	}
	p->stream = stream;
	fetch_init(&p->base, &plain_fetch_ops, stream.fd);
	*fetch = &p->base;
	return 0;
}
