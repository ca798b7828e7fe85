// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked memory that was shared by a fork: the lock is the parent's alone, and does
 * not keep the pages from being shared again. Locking again what is shared already
 * would copy it all, as it does in a child that locks what it inherited. A locked
 * mapping that nobody writes to is shared whoever locks it.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/frame.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define PAGES 64UL
#define SIZE (PAGES * PAGE)
#define N_CHILDREN 2

struct state {
	char *writable, *constant;
	pid_t children[N_CHILDREN];
};

static void check_content(const struct state *s)
{
	pages_check(s->writable, SIZE / 2, 1);
	pattern_check_zero(s->writable + SIZE / 2, SIZE / 2);
	pages_check(s->constant, SIZE, 2);
}

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	check_content(s);
}

static void locking_child(void *arg)
{
	struct state *s = arg;

	MUST(mlock(s->writable, SIZE));
	MUST(mlock(s->constant, SIZE));
	child(s);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->writable = map_anon(SIZE, MAP_PRIVATE);
	s->constant = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->writable, SIZE / 2, 1);
	pages_fill(s->constant, SIZE, 2);
	MUST(mprotect(s->constant, SIZE, PROT_READ));
	MUST(mlock(s->writable, SIZE));
	MUST(mlock(s->constant, SIZE));
	s->children[0] = zdtm_fork(child, s);
	s->children[1] = zdtm_fork(locking_child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* The same bytes, but no longer the same page. */
	pages_fill(s->writable, PAGE, 1);
}

/* Whether all of the first @n pages are shared; some but not all is a failure. */
static int shares(pid_t pid, const char *map, size_t n)
{
	uint64_t ours[PAGES], theirs[PAGES];
	size_t same = 0;

	page_frames(getpid(), map, n, ours);
	page_frames(pid, map, n, theirs);
	for (size_t i = 0; i < n; i++) {
		CHECK(ours[i] && theirs[i], "page %zu is missing", i);
		same += ours[i] == theirs[i];
	}
	CHECK(same == 0 || same == n, "%zu of %zu pages are shared", same, n);
	return same == n;
}

static void check_shared(const struct state *s)
{
	CHECK(shares(s->children[0], s->writable, PAGES / 2), "the parent's lock unshares");
	CHECK(!shares(s->children[1], s->writable, PAGES / 2), "the child's lock is shared");
}

static void check(void *arg)
{
	struct state *s = arg;

	/* Locked memory is there at once in every restore, but the child that has no lock. */
	if (!zdtm_lazy())
		check_shared(s);
	CHECK(shares(s->children[1], s->constant, PAGES), "constant memory is not shared");
	for (int i = 0; i < N_CHILDREN; i++)
		zdtm_finish(s->children[i]);
	check_content(s);
}

const struct zdtm_test zdtm_test = {
	.about = "locked memory is shared again where it was",
	.state_size = sizeof(struct state),
	.unsupported = page_frames_unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
