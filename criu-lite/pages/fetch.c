// SPDX-License-Identifier: GPL-2.0-only
/*
 * The asking end of a lazy session with a page server.
 *
 * Requests wait in the order in which they were sent, and an answer must be that
 * of the first: its task, its address, and no more pages than were asked for. It
 * may have fewer; what is missing is asked for when it is wanted. The room for an
 * answer is as large as the request, which is bounded, whatever the server says.
 *
 * What has arrived is kept until it was looked at, and a little longer: a fill that
 * the kernel puts off comes back for it. Until then it takes room in the window, so
 * what nobody wants any more, since memory was moved or removed meanwhile, must be
 * found and dropped by who asked.
 */
#include "pages/fetch.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pages/frame.h"
#include "pages/pagemap.h"
#include "util/array.h"
#include "util/log.h"
#include "util/macro.h"

/* Bytes of one request that no fault waits for. */
#define REQUEST_MAX (64UL << 10)
/* The window doubles when so much has come since the last fault. */
#define CALM_BYTES (8UL << 20)
/* Bytes that were looked at and are kept all the same. */
#define USED_MAX (1UL << 20)

struct request {
	TAILQ_ENTRY(request) link;
	int pid;
	uint64_t start, len;		/* bytes; the length is that of the answer once it begins */
	uint64_t got;			/* bytes that have come */
	bool used;			/* it was looked at, up to its end */
	char *data;
};

TAILQ_HEAD(request_list, request);

struct page_fetch {
	int sock;
	struct request_list waiting;	/* in the order of their answers */
	struct request_list arrived;	/* the oldest first */
	uint64_t unused;		/* bytes that are on their way, or were not looked at */
	uint64_t used;			/* bytes */
	uint64_t window;
	uint64_t calm;			/* bytes that came since the last fault */
	struct page_frame frame;	/* of the answer that comes */
	size_t frame_got;		/* bytes of it; all: its pages come */
	struct page_frame *unsent;	/* what the socket had no room for */
	size_t n_unsent, cap_unsent;
	size_t unsent_done;		/* bytes of the first */
};

int page_fetch_new(int sock, struct page_fetch **fetch)
{
	struct page_fetch *f = calloc(1, sizeof(*f));

	if (!f) {
		close(sock);
		return log_errno(-ENOMEM, "page server: no session");
	}
	f->sock = sock;
	f->window = FETCH_WINDOW_MIN;
	TAILQ_INIT(&f->waiting);
	TAILQ_INIT(&f->arrived);
	*fetch = f;
	return 0;
}

int page_fetch_fd(const struct page_fetch *f)
{
	return f->sock;
}

static void free_request(struct request *r)
{
	free(r->data);
	free(r);
}

static void drop_arrived(struct page_fetch *f, struct request *r)
{
	if (r->used)
		f->used -= r->len;
	else
		f->unused -= r->len;
	TAILQ_REMOVE(&f->arrived, r, link);
	free_request(r);
}

static struct request *oldest_arrived(const struct page_fetch *f, bool used)
{
	struct request *r;

	TAILQ_FOREACH(r, &f->arrived, link)
		if (r->used == used)
			return r;
	return NULL;
}

static int session_error(int err, const char *what)
{
	return log_errno(err, "page server: cannot %s", what);
}

/* Sends what waits to be sent. What has no room goes later: answers are to come first. */
static int flush(struct page_fetch *f)
{
	while (f->n_unsent) {
		size_t total = f->n_unsent * sizeof(*f->unsent);
		ssize_t n = send(f->sock, (char *)f->unsent + f->unsent_done,
				 total - f->unsent_done, MSG_NOSIGNAL | MSG_DONTWAIT);
		size_t whole;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : session_error(-errno, "ask it for pages");
		f->unsent_done += n;
		whole = f->unsent_done / sizeof(*f->unsent);
		f->unsent_done %= sizeof(*f->unsent);
		f->n_unsent -= whole;
		memmove(f->unsent, f->unsent + whole, f->n_unsent * sizeof(*f->unsent));
	}
	return 0;
}

static int ask(struct page_fetch *f, int pid, uint64_t start, uint64_t len)
{
	struct page_frame *frame = array_push(&f->unsent, &f->n_unsent, &f->cap_unsent);
	struct request *r = calloc(1, sizeof(*r));

	if (r)
		r->data = aligned_alloc(PAGE_SIZE, len);
	if (!frame || !r || !r->data) {
		if (frame)
			f->n_unsent--;
		free(r);
		return log_errno(-ENOMEM, "page server: no room for %" PRIu64 " bytes", len);
	}
	*frame = (struct page_frame){ .command = FRAME_GET, .nr_pages = len >> PAGE_SHIFT,
				      .vaddr = start, .target = pid };
	r->pid = pid;
	r->start = start;
	r->len = len;
	f->unused += len;
	TAILQ_INSERT_TAIL(&f->waiting, r, link);
	return flush(f);
}

static struct request *find(const struct request_list *list, int pid, uint64_t addr)
{
	struct request *r;

	TAILQ_FOREACH(r, list, link)
		if (r->pid == pid && addr >= r->start && addr - r->start < r->len)
			return r;
	return NULL;
}

static void mark_used(struct page_fetch *f, struct request *r)
{
	struct request *old;

	if (r->used)
		return;
	r->used = true;
	f->used += r->len;
	f->unused -= r->len;
	while (f->used > USED_MAX && (old = oldest_arrived(f, true)) != r)
		drop_arrived(f, old);
}

int page_fetch_get(struct page_fetch *f, int pid, uint64_t addr, uint64_t len,
		   const void **data, uint64_t *got)
{
	struct request *r = find(&f->arrived, pid, addr);
	int err = 0;

	if (!r) {
		if (!find(&f->waiting, pid, addr)) {
			f->window = FETCH_WINDOW_MIN;
			f->calm = 0;
			err = ask(f, pid, addr, MIN(len, REQUEST_MAX));
		}
		return err ? err : -EAGAIN;
	}
	*got = MIN(len, r->start + r->len - addr);
	*data = r->data + (addr - r->start);
	if (addr + *got == r->start + r->len)
		mark_used(f, r);
	return 0;
}

bool page_fetch_arrived(const struct page_fetch *f, int *pid, uint64_t *addr, uint64_t *len)
{
	const struct request *r = oldest_arrived(f, false);

	if (!r)
		return false;
	*pid = r->pid;
	*addr = r->start;
	*len = r->len;
	return true;
}

void page_fetch_unwanted(struct page_fetch *f)
{
	struct request *r = oldest_arrived(f, false);

	if (r)
		drop_arrived(f, r);
}

int page_fetch_ahead(struct page_fetch *f, int pid, uint64_t addr, uint64_t len, uint64_t *asked)
{
	uint64_t at = addr;
	int err = 0;

	while (!err && at - addr < len) {
		const struct request *r = find(&f->arrived, pid, at);
		uint64_t part = MIN(len - (at - addr), REQUEST_MAX);

		if (!r)
			r = find(&f->waiting, pid, at);
		if (r) {
			at = r->start + r->len;
			continue;
		}
		if (f->unused >= f->window)
			break;
		err = ask(f, pid, at, part);
		at += part;
	}
	*asked = MIN(at - addr, len);
	return err;
}

static int bad_answer(const struct page_fetch *f, const struct request *r, const char *why)
{
	const struct page_frame *a = &f->frame;

	if (r)
		log_error("page server: asked for %" PRIu64 " pages at %#" PRIx64 " of task %d",
			  r->len >> PAGE_SHIFT, r->start, r->pid);
	return log_errno(-EPROTO, "page server: its answer, %s (flags %#x) of %" PRIu64 " pages at "
			 "%#" PRIx64 " of %" PRIu64 ", %s", frame_command_str(a->command), a->flags,
			 a->nr_pages, a->vaddr, a->target, why);
}

static int begin_answer(struct page_fetch *f)
{
	struct request *r = TAILQ_FIRST(&f->waiting);
	const struct page_frame *a = &f->frame;
	uint64_t len;

	if (!r)
		return bad_answer(f, r, "is to no request");
	if (a->command != FRAME_ADD_F || a->flags != PAGE_PRESENT)
		return bad_answer(f, r, "is none");
	if (a->target != (uint64_t)r->pid || a->vaddr != r->start)
		return bad_answer(f, r, "is about other memory");
	if (!a->nr_pages || a->nr_pages > r->len >> PAGE_SHIFT)
		return bad_answer(f, r, "has a wrong length");
	len = a->nr_pages << PAGE_SHIFT;
	f->unused -= r->len - len;
	r->len = len;
	return 0;
}

static void end_answer(struct page_fetch *f)
{
	struct request *r = TAILQ_FIRST(&f->waiting);

	TAILQ_REMOVE(&f->waiting, r, link);
	TAILQ_INSERT_TAIL(&f->arrived, r, link);
	f->frame_got = 0;
	f->calm += r->len;
	if (f->calm < CALM_BYTES)
		return;
	f->calm = 0;
	f->window = MIN(f->window * 2, FETCH_WINDOW_MAX);
}

/* Takes one piece of what comes. Returns 0, -EAGAIN (nothing there), or -errno, logged. */
static int receive_some(struct page_fetch *f, int flags)
{
	const bool in_frame = f->frame_got < sizeof(f->frame);
	struct request *r = TAILQ_FIRST(&f->waiting);
	void *to = in_frame ? (char *)&f->frame + f->frame_got : r->data + r->got;
	size_t len = in_frame ? sizeof(f->frame) - f->frame_got : r->len - r->got;
	ssize_t n = recv(f->sock, to, len, flags);

	if (n < 0)
		return errno == EINTR ? 0 : errno == EAGAIN ? -EAGAIN :
					    session_error(-errno, "receive from it");
	if (!n)
		return log_errno(-ECONNRESET, "page server: it ended the session before it was "
				 "told to");
	if (in_frame) {
		f->frame_got += n;
		return f->frame_got == sizeof(f->frame) ? begin_answer(f) : 0;
	}
	r->got += n;
	if (r->got == r->len)
		end_answer(f);
	return 0;
}

int page_fetch_receive(struct page_fetch *f)
{
	/* No longer than the window at once: who feeds us must not keep us from faults. */
	for (uint64_t had = 0; had < f->window;) {
		const struct request *r = TAILQ_FIRST(&f->waiting);
		uint64_t before = r ? r->got : 0;
		int err = receive_some(f, MSG_DONTWAIT);

		if (err == -EAGAIN)
			break;
		if (err)
			return err;
		if (r && TAILQ_FIRST(&f->waiting) == r)
			had += r->got - before;
		else if (r)
			had += r->len - before;
	}
	return flush(f);
}

/* The answers that nobody waits for any more come before it. */
static int receive_status(struct page_fetch *f)
{
	int32_t status;
	int err = 0;
	ssize_t n;

	while (!err && !TAILQ_EMPTY(&f->waiting)) {
		err = receive_some(f, 0);
		if (err == -EAGAIN)
			err = session_error(-ETIMEDOUT, "receive from it");
		while (!TAILQ_EMPTY(&f->arrived))
			drop_arrived(f, TAILQ_FIRST(&f->arrived));
	}
	if (err)
		return err;
	do
		n = recv(f->sock, &status, sizeof(status), MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(status))
		return session_error(n < 0 ? -errno : -ECONNRESET, "receive its last word");
	return status ? log_errno(-EPROTO, "page server: it failed (%d)", status) : 0;
}

int page_fetch_close(struct page_fetch *f)
{
	const struct page_frame frame = { .command = FRAME_CLOSE };
	struct page_frame *last = array_push(&f->unsent, &f->n_unsent, &f->cap_unsent);
	int err = last ? 0 : log_errno(-ENOMEM, "page server: cannot end the session");

	if (!err) {
		*last = frame;
		err = flush(f);
	}
	if (!err && f->n_unsent)
		err = session_error(-ETIMEDOUT, "end the session");
	if (!err)
		err = receive_status(f);
	page_fetch_free(f);
	return err;
}

void page_fetch_free(struct page_fetch *f)
{
	struct request *r;

	while ((r = TAILQ_FIRST(&f->waiting))) {
		TAILQ_REMOVE(&f->waiting, r, link);
		free_request(r);
	}
	while ((r = TAILQ_FIRST(&f->arrived))) {
		TAILQ_REMOVE(&f->arrived, r, link);
		free_request(r);
	}
	close(f->sock);
	free(f->unsent);
	free(f);
}
