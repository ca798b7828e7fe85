// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tasks did to their memory.
 *
 * Hits come from one ring for each processor. A thread may write to one, move to another
 * processor, and be read from there first: so a round brings in what is older than the round
 * itself, by time, and leaves the rest for the next.
 */
#include "lazy-pages/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "lazy-pages/fill.h"
#include "util/array.h"
#include "util/macro.h"

/* Of all rings, where processors are few, and of one: 128 pages hold some 4000 hits. */
#define RINGS_SIZE (2048 * PAGE_SIZE)
#define RING_SIZE_MIN (32 * PAGE_SIZE)
#define RING_SIZE_MAX (128 * PAGE_SIZE)
/* A ring that was full when a lock was taken has room the next time. */
#define FIND_TRIES 3
/* Of one address space; then the older half is lost. */
#define CHANGES_MAX 65536

/* mmap_lock: since Linux 5.11; vm_unmapped_area: since 5.8. */
static const struct tracepoint_want wants[HISTORY_N_POINTS] = {
	[HISTORY_LOCK] = { "mmap_lock/mmap_lock_acquire_returned", "mm", "write == 1" },
	[HISTORY_ROOM] = { "mmap/vm_unmapped_area", "addr", NULL },
};

int histories_note(struct histories *h, const struct tracepoint_hit *hit)
{
	struct tracepoint_hit *fresh = array_push(&h->fresh, &h->n_fresh, &h->cap_fresh);

	if (!fresh)
		return -ENOMEM;
	*fresh = *hit;
	return 0;
}

static int take_hit(void *arg, const struct tracepoint_hit *hit)
{
	return histories_note(arg, hit);
}

static int by_time(const void *a, const void *b)
{
	const struct tracepoint_hit *x = a, *y = b;

	return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

/* Whether the arguments are where they should be, and what memory we have ourselves. */
static bool tells_of_us(struct histories *h)
{
	void *at = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t lost;
	bool room = false;

	if (at == MAP_FAILED || munmap(at, PAGE_SIZE) ||
	    tracepoints_read(&h->tracepoints, take_hit, h, &lost))
		return false;
	for (size_t i = 0; i < h->n_fresh; i++) {
		const struct tracepoint_hit *hit = &h->fresh[i];

		if (hit->tid != h->self)
			continue;
		room |= hit->which == HISTORY_ROOM && hit->field == (uintptr_t)at;
		if (hit->which == HISTORY_LOCK && hit->args[0] == (uintptr_t)at &&
		    hit->args[1] == PAGE_SIZE)
			h->own_mm = hit->field;
	}
	h->n_fresh = 0;
	return room && h->own_mm;
}

static size_t ring_size(void)
{
	size_t size = RING_SIZE_MAX;

	while (size > RING_SIZE_MIN && size * get_nprocs_conf() > RINGS_SIZE)
		size /= 2;
	return size;
}

int histories_open(struct histories *h)
{
	int err;

	*h = (struct histories){ .self = gettid(), .list = TAILQ_HEAD_INITIALIZER(h->list) };
	err = tracepoints_open(&h->tracepoints, wants, HISTORY_N_POINTS, ring_size());
	if (!err && !tells_of_us(h))
		err = -EOPNOTSUPP;
	if (err)
		histories_close(h);
	h->on = !err;
	return err;
}

void histories_close(struct histories *h)
{
	while (!TAILQ_EMPTY(&h->list))
		history_drop(h, TAILQ_FIRST(&h->list));
	tracepoints_close(&h->tracepoints);
	free(h->fresh);
	*h = (struct histories){ .list = TAILQ_HEAD_INITIALIZER(h->list) };
}

/* The last hit of a lock that we took, of our own memory or not, among those from @from on. */
static const struct tracepoint_hit *find_own(const struct histories *h, size_t from, bool own)
{
	for (size_t i = h->n_fresh; i > from; i--) {
		const struct tracepoint_hit *hit = &h->fresh[i - 1];

		if (hit->tid == h->self && hit->which == HISTORY_LOCK &&
		    (hit->field == h->own_mm) == own)
			return hit;
	}
	return NULL;
}

/* Notes what has come. Returns how many hits there were before, or -ENOMEM. */
static ssize_t note_all(struct histories *h)
{
	const size_t before = h->n_fresh;
	uint64_t n_lost = 0;
	int err = tracepoints_read(&h->tracepoints, take_hit, h, &n_lost);

	h->losses += n_lost != 0;
	return err ? err : (ssize_t)before;
}

/* By the lock that we take ourselves. */
static uint64_t find_mm_once(struct histories *h, int uffd)
{
	const struct tracepoint_hit *hit;
	ssize_t before;

	fill_take_lock(uffd);
	before = note_all(h);
	hit = before < 0 ? NULL : find_own(h, before, false);
	return hit ? hit->field : 0;
}

uint64_t histories_find_mm(struct histories *h, int uffd)
{
	uint64_t mm = 0;

	for (unsigned int i = 0; i < FIND_TRIES && !mm; i++)
		mm = find_mm_once(h, uffd);
	return mm;
}

static struct history *add_history(struct histories *h, uint64_t mm)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		return NULL;
	history->mm = mm;
	history->losses = h->losses;
	TAILQ_INSERT_TAIL(&h->list, history, link);
	return history;
}

static struct history *find_mm(struct histories *h, uint64_t mm)
{
	struct history *history;

	TAILQ_FOREACH(history, &h->list, link)
		if (history->mm == mm)
			return history;
	return NULL;
}

int history_claim(struct histories *h, uint64_t mm, struct history **history)
{
	struct history *found = find_mm(h, mm);

	if (found && found->claimed)
		return -EBUSY;
	if (!found)
		found = add_history(h, mm);
	if (!found)
		return -ENOMEM;
	found->claimed = true;
	*history = found;
	return 0;
}

/* Children that nobody has claimed go with the changes that made them. */
static void drop_child(struct histories *h, const struct change *change)
{
	struct history *child = change->child ? find_mm(h, change->child) : NULL;

	if (child && !child->claimed)
		history_drop(h, child);
}

void history_drop(struct histories *h, struct history *history)
{
	TAILQ_REMOVE(&h->list, history, link);
	for (size_t i = 0; i < history->n_changes; i++)
		drop_child(h, &history->changes[i]);
	free(history->changes);
	free(history);
}

static void drop_oldest(struct histories *h, struct history *history, size_t n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n; i++)
		drop_child(h, &history->changes[i]);
	history->n_changes -= n;
	memmove(history->changes, history->changes + n,
		history->n_changes * sizeof(*history->changes));
}

void history_forget(struct histories *h, struct history *history, struct moment when)
{
	size_t n = 0;

	while (n < history->n_changes && history->changes[n].time_ns < when.time_ns)
		n++;
	drop_oldest(h, history, n);
	history->over_ns = MAX(history->over_ns, when.time_ns);
	if (when.time_ns)
		history->losses = when.losses;
}

bool history_is_of_one(const struct histories *h, const struct history *history)
{
	for (size_t i = 1; i < history->n_changes; i++)
		if (history->changes[i].tid != history->changes[0].tid)
			return false;
	return history_is_whole(h, history);
}

static int add_change(struct histories *h, struct history *history,
		      const struct tracepoint_hit *hit)
{
	struct change *change;
	size_t i;

	if (hit->time_ns < history->over_ns)
		return 0;
	if (history->n_changes == CHANGES_MAX) {
		drop_oldest(h, history, CHANGES_MAX / 2);
		h->losses++;
	}
	if (!array_push(&history->changes, &history->n_changes, &history->cap_changes))
		return -ENOMEM;
	/* One that was written slowly comes after younger ones. */
	for (i = history->n_changes - 1; i > 0; i--) {
		if (history->changes[i - 1].time_ns <= hit->time_ns)
			break;
		history->changes[i] = history->changes[i - 1];
	}
	change = &history->changes[i];
	*change = (struct change){ .time_ns = hit->time_ns, .tid = hit->tid };
	memcpy(change->args, hit->args, sizeof(change->args));
	return 0;
}

/* The change that @hit happened in: the last one, if it is by the same thread. */
static struct change *change_around(struct history *history, const struct tracepoint_hit *hit)
{
	size_t i = history->n_changes;

	while (i && history->changes[i - 1].time_ns > hit->time_ns)
		i--;
	return i && history->changes[i - 1].tid == hit->tid ? &history->changes[i - 1] : NULL;
}

/* In any history but @except. */
static struct change *find_change_around(struct histories *h, const struct history *except,
					 const struct tracepoint_hit *hit)
{
	struct change *change = NULL;
	struct history *history;

	TAILQ_FOREACH(history, &h->list, link) {
		struct change *candidate = history == except ? NULL : change_around(history, hit);

		/* A thread that execs has a past elsewhere. */
		if (candidate && (!change || candidate->time_ns > change->time_ns))
			change = candidate;
	}
	return change;
}

/*
 * A lock that is taken while another is held is that of a child. What an exec sets up looks
 * the same, and nobody will claim it. As long as nobody has, what is known of an mm may be
 * about another one, which is no more, at the same address.
 */
static int on_lock(struct histories *h, const struct tracepoint_hit *hit)
{
	struct history *history = find_mm(h, hit->field);
	struct change *around;

	if (history && history->claimed)
		return add_change(h, history, hit);
	around = find_change_around(h, history, hit);
	if (!around)
		return history ? add_change(h, history, hit) : 0;
	/* A change makes one child; an exec may come after it. */
	if (around->child && around->child != hit->field)
		return 0;
	around->child = hit->field;
	if (history)
		history_drop(h, history);
	return add_history(h, hit->field) ? 0 : -ENOMEM;
}

static int bring_in(struct histories *h, const struct tracepoint_hit *hit)
{
	struct change *change;

	if (hit->tid == h->self)
		return 0;
	if (hit->which == HISTORY_LOCK)
		return on_lock(h, hit);
	change = find_change_around(h, NULL, hit);
	if (change)
		change->room = hit->field;
	return 0;
}

int histories_bring_in(struct histories *h, uint64_t time_ns)
{
	size_t n = 0;
	int err = 0;

	if (!h->n_fresh)
		return 0;
	qsort(h->fresh, h->n_fresh, sizeof(*h->fresh), by_time);
	while (!err && n < h->n_fresh && h->fresh[n].time_ns < time_ns)
		err = bring_in(h, &h->fresh[n++]);
	h->n_fresh -= n;
	memmove(h->fresh, h->fresh + n, h->n_fresh * sizeof(*h->fresh));
	return err;
}

/* By a lock of our own memory, where nothing is mapped. A ring that is full does not tell. */
struct moment histories_now(struct histories *h)
{
	const struct tracepoint_hit *hit;
	ssize_t before;

	munmap((void *)PAGE_SIZE, PAGE_SIZE);
	before = note_all(h);
	hit = before < 0 ? NULL : find_own(h, before, true);
	if (!hit)
		h->losses++;
	h->last = (struct moment){ hit ? hit->time_ns : 0, h->losses };
	return h->last;
}

int histories_read(struct histories *h, struct moment *now)
{
	*now = histories_now(h);
	/* What is older and still on its way now is of somebody who has the lock: of no event. */
	return histories_bring_in(h, now->time_ns ? now->time_ns : UINT64_MAX);
}
