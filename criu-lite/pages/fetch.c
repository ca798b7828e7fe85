// SPDX-License-Identifier: GPL-2.0-only
/*
 * The asking end of a lazy session with a page server: what was asked for, and
 * what has come. How it is asked for is the business of fetch_*.c.
 *
 * The room for an answer is as large as the request, which is bounded, whatever the
 * server says. An answer may be shorter; what is missing is asked for when it is wanted.
 *
 * What has arrived is kept until it was looked at, and a little longer: a fill that
 * the kernel puts off comes back for it. Until then it takes room in the window, so
 * what nobody wants any more, since memory was moved or removed meanwhile, must be
 * found and dropped by who asked.
 */
#include "pages/fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "pages/fetch-ops.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/macro.h"

/*
 * The window grows when so much has come since the last fault: it doubles. Where it goes by
 * the road it is half larger then, so that one that has become faster is found out.
 */
#define CALM_BYTES (8UL << 20)
#define PACED_CALM_BYTES (1UL << 20)
#define REQUESTS_MIN 4
/* Bytes that were looked at and are kept all the same. */
#define USED_MAX (1UL << 20)

void fetch_init(struct page_fetch *f, const struct fetch_ops *ops, int fd)
{
	f->ops = ops;
	f->fd = fd;
	f->window = ops->window_min;
	TAILQ_INIT(&f->waiting);
	TAILQ_INIT(&f->arrived);
}

int page_fetch_fd(const struct page_fetch *f)
{
	return f->fd;
}

static void free_request(struct fetch_request *r)
{
	free(r->data);
	free(r);
}

static void drop_arrived(struct page_fetch *f, struct fetch_request *r)
{
	if (r->used)
		f->used -= r->len;
	else
		f->unused -= r->len;
	TAILQ_REMOVE(&f->arrived, r, link);
	free_request(r);
}

static struct fetch_request *oldest_arrived(const struct page_fetch *f, bool used)
{
	struct fetch_request *r;

	TAILQ_FOREACH(r, &f->arrived, link)
		if (r->used == used)
			return r;
	return NULL;
}

static int ask(struct page_fetch *f, int pid, uint64_t start, uint64_t len, bool urgent)
{
	struct fetch_request *r = calloc(1, sizeof(*r));

	if (r)
		r->data = aligned_alloc(PAGE_SIZE, len);
	if (!r || !r->data) {
		free(r);
		return log_errno(-ENOMEM, "page server: no room for %" PRIu64 " bytes", len);
	}
	r->pid = pid;
	r->start = start;
	r->len = len;
	r->urgent = urgent;
	r->asked_ns = clock_ns();
	f->unused += len;
	TAILQ_INSERT_TAIL(&f->waiting, r, link);
	return f->ops->ask(f, r);
}

static struct fetch_request *find(const struct fetch_list *list, int pid, uint64_t addr)
{
	struct fetch_request *r;

	TAILQ_FOREACH(r, list, link)
		if (r->pid == pid && addr >= r->start && addr - r->start < r->len)
			return r;
	return NULL;
}

static void mark_used(struct page_fetch *f, struct fetch_request *r)
{
	struct fetch_request *old;

	if (r->used)
		return;
	r->used = true;
	f->used += r->len;
	f->unused -= r->len;
	while (f->used > USED_MAX && (old = oldest_arrived(f, true)) != r)
		drop_arrived(f, old);
}

static void set_window(struct page_fetch *f, uint64_t bytes)
{
	f->window = MAX(MIN(bytes, f->ops->window_max), f->ops->window_min);
}

/* Of what nobody waits for. A small window is to be of several all the same. */
static uint64_t request_len(const struct page_fetch *f)
{
	const uint64_t part = ALIGN_DOWN(f->window / REQUESTS_MIN, PAGE_SIZE);

	return f->ops->overtakes ? MIN(part, f->ops->request_max) : f->ops->request_max;
}

int page_fetch_get(struct page_fetch *f, int pid, uint64_t addr, uint64_t len,
		   const void **data, uint64_t *got)
{
	struct fetch_request *r = find(&f->arrived, pid, addr);
	int err = 0;

	if (!r) {
		if (!find(&f->waiting, pid, addr)) {
			if (!f->ops->overtakes)
				set_window(f, 0);
			f->calm = 0;
			err = ask(f, pid, addr, MIN(len, f->ops->request_max),
				  len <= PAGE_SIZE);
		}
		return err ? err : -EAGAIN;
	}
	*got = MIN(len, r->start + r->len - addr);
	*data = r->data + (addr - r->start);
	if (addr + *got == r->start + r->len)
		mark_used(f, r);
	return 0;
}

/* What is on its way may be far behind: it is asked for again, where that is of use. */
int page_fetch_hurry(struct page_fetch *f, int pid, uint64_t addr)
{
	const struct fetch_request *r;

	if (!f->ops->overtakes)
		return 0;
	TAILQ_FOREACH(r, &f->waiting, link)
		if (r->urgent && r->pid == pid && addr >= r->start && addr - r->start < r->len)
			return 0;
	return ask(f, pid, addr, PAGE_SIZE, true);
}

bool page_fetch_arrived(const struct page_fetch *f, int *pid, uint64_t *addr, uint64_t *len)
{
	const struct fetch_request *r = oldest_arrived(f, false);

	if (!r)
		return false;
	*pid = r->pid;
	*addr = r->start;
	*len = r->len;
	return true;
}

void page_fetch_unwanted(struct page_fetch *f)
{
	struct fetch_request *r = oldest_arrived(f, false);

	if (r)
		drop_arrived(f, r);
}

int page_fetch_ahead(struct page_fetch *f, int pid, uint64_t addr, uint64_t len, uint64_t *asked)
{
	uint64_t at = addr;
	int err = 0;

	while (!err && at - addr < len) {
		const struct fetch_request *r = find(&f->arrived, pid, at);
		uint64_t part = MIN(len - (at - addr), request_len(f));

		if (!r)
			r = find(&f->waiting, pid, at);
		if (r) {
			at = r->start + r->len;
			continue;
		}
		if (f->unused >= f->window)
			break;
		err = ask(f, pid, at, part, false);
		at += part;
	}
	*asked = MIN(at - addr, len);
	return err;
}

void fetch_shorten(struct page_fetch *f, struct fetch_request *r, uint64_t len)
{
	f->unused -= r->len - len;
	r->len = len;
}

void fetch_arrived(struct page_fetch *f, struct fetch_request *r)
{
	const uint64_t now = clock_ns();
	uint64_t full;

	TAILQ_REMOVE(&f->waiting, r, link);
	TAILQ_INSERT_TAIL(&f->arrived, r, link);
	pace_arrived(&f->pace, now, now - r->asked_ns, r->len);
	f->calm += r->len;
	if (f->ops->overtakes) {
		full = pace_full(&f->pace);
		set_window(f, f->calm < PACED_CALM_BYTES ? full : full * 3 / 2);
	} else if (f->calm >= CALM_BYTES) {
		f->calm = 0;
		set_window(f, f->window * 2);
	}
}

void fetch_drop_arrived(struct page_fetch *f)
{
	while (!TAILQ_EMPTY(&f->arrived))
		drop_arrived(f, TAILQ_FIRST(&f->arrived));
}

int page_fetch_receive(struct page_fetch *f)
{
	return f->ops->receive(f);
}

bool page_fetch_lost(const struct page_fetch *f)
{
	return f->lost;
}

uint64_t page_fetch_session(const struct page_fetch *f)
{
	return f->session;
}

void page_fetch_leave(struct page_fetch *f)
{
	if (f->ops->leave)
		f->ops->leave(f);
}

int page_fetch_close(struct page_fetch *f)
{
	int err = f->ops->close(f);

	page_fetch_free(f);
	return err;
}

void page_fetch_free(struct page_fetch *f)
{
	struct fetch_request *r;

	while ((r = TAILQ_FIRST(&f->waiting))) {
		TAILQ_REMOVE(&f->waiting, r, link);
		free_request(r);
	}
	fetch_drop_arrived(f);
	f->ops->free(f);
}
