// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is shared copy-on-write since a fork is shared again, page by page,
 * and what was written since is each task's own. One mapping of the parent, as its
 * children and a grandchild came to have it:
 *
 *	all	some pages written after the fork, some dropped
 *	1	has a child of its own, which writes too
 *	2	protects a part
 *	3	moved a part away; shared memory is where half of it was
 *	4	a file is where a part was; has a mapping that nobody else has
 *
 * With --lazy-pages each task gets pages of its own: then only bytes are checked.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/frame.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_CHILDREN 4
#define GRANDCHILD 5
#define N_TASKS 6
#define SIZE (64 * MIB)
#define PAGES (SIZE / PAGE)
#define MIB_PAGES (MIB / PAGE)
#define OWN_SIZE (4 * MIB)
#define UNIT 64UL
#define N_OTHER 256

/* In place of a version. */
enum { ABSENT = 0, ELSEWHERE = 255 };

/* Who wrote a page last, as each task sees it: equal numbers are one page. */
struct book {
	unsigned char version[N_TASKS][PAGES];
	pid_t pids[N_TASKS];
};

struct state {
	struct book *book;		/* shared by all */
	char *map;
	char *moved, *shared, *file, *own;
	int me;
};

static char *page_of(const struct state *s, size_t page)
{
	return s->map + page * PAGE;
}

/* Every @step-th page of a unit. */
static void write_pages(struct state *s, size_t unit, size_t step)
{
	for (size_t i = unit * UNIT; i < (unit + 1) * UNIT; i += step) {
		pages_fill(page_of(s, i), PAGE, 10 + s->me);
		s->book->version[s->me][i] = 10 + s->me;
	}
}

static void drop_pages(struct state *s, size_t unit, size_t step)
{
	for (size_t i = unit * UNIT; i < (unit + 1) * UNIT; i += step) {
		MUST(madvise(page_of(s, i), PAGE, MADV_DONTNEED));
		s->book->version[s->me][i] = ABSENT;
	}
}

static void leave_pages(struct state *s, size_t mib)
{
	memset(s->book->version[s->me] + mib * MIB_PAGES, ELSEWHERE, MIB_PAGES);
}

/*
 * What the parent changes here only its children have in common, and it will not be
 * shared again: that is little, since the runner weighs the tree.
 */
static void change(struct state *s)
{
	size_t first = 16 + 6 * s->me;

	write_pages(s, first, 3);
	write_pages(s, first + 1, 1);
	drop_pages(s, first + 2, 2);
	drop_pages(s, first + 3, 1);
	/* Dropped, then written again in part. */
	write_pages(s, first + 3, 5);
}

static void check_pages(const struct state *s)
{
	for (size_t i = 0; i < PAGES; i++) {
		int version = s->book->version[s->me][i];

		if (version == ABSENT)
			pattern_check_zero(page_of(s, i), PAGE);
		else if (version != ELSEWHERE)
			pages_check(page_of(s, i), PAGE, version);
	}
}

static void protect_part(struct state *s)
{
	MUST(mprotect(page_of(s, 48 * MIB_PAGES), 2 * MIB, PROT_READ));
	MUST(mprotect(page_of(s, 50 * MIB_PAGES), MIB, PROT_NONE));
}

static void move_part(struct state *s)
{
	char *from = page_of(s, 52 * MIB_PAGES);

	s->moved = map_anon(2 * MIB, MAP_PRIVATE);
	MUST(mremap(from, 2 * MIB, 2 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, s->moved));
	leave_pages(s, 52);
	leave_pages(s, 53);
	s->shared = MUST(mmap(from + MIB, MIB, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	pages_fill(s->shared, MIB, 101);
}

static void replace_part(struct state *s)
{
	int fd = MUST(open("other", O_RDWR | O_CREAT | O_EXCL, 0600));

	s->own = map_anon(OWN_SIZE, MAP_PRIVATE);
	pages_fill(s->own, OWN_SIZE, 102);
	MUST(ftruncate(fd, N_OTHER * PAGE));
	s->file = MUST(mmap(page_of(s, 55 * MIB_PAGES), N_OTHER * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_FIXED, fd, 0));
	leave_pages(s, 55);
	pages_fill(s->file, N_OTHER * PAGE / 2, 103);
	close(fd);
}

static void check_special(const struct state *s)
{
	if (s->me == 2)
		MUST(mprotect(page_of(s, 50 * MIB_PAGES), MIB, PROT_READ));
	/* Its content came along from where it was. */
	for (size_t i = 0; s->moved && i < 2 * MIB; i += PAGE)
		pattern_check(s->moved + i, PAGE,
			      pattern_seed(page_of(s, 52 * MIB_PAGES) + i, 1));
	if (s->shared)
		pages_check(s->shared, MIB, 101);
	if (s->own)
		pages_check(s->own, OWN_SIZE, 102);
	if (s->file) {
		pages_check(s->file, N_OTHER * PAGE / 2, 103);
		pattern_check_zero(s->file + N_OTHER * PAGE / 2, N_OTHER * PAGE / 2);
	}
}

static void child(void *arg);

/* The new task begins with what this one sees. */
static void make_child(struct state *s, int index)
{
	int parent = s->me;

	memcpy(s->book->version[index], s->book->version[parent], PAGES);
	s->me = index;
	s->book->pids[index] = zdtm_fork(child, s);
	s->me = parent;
}

static void check_self(const struct state *s)
{
	check_special(s);
	check_pages(s);
}

static void child(void *arg)
{
	struct state *s = arg;

	change(s);
	if (s->me == 1)
		make_child(s, GRANDCHILD);
	if (s->me == 2)
		protect_part(s);
	if (s->me == 3)
		move_part(s);
	if (s->me == 4)
		replace_part(s);
	zdtm_wait();
	if (s->me == 1)
		zdtm_finish(s->book->pids[GRANDCHILD]);
	check_self(s);
	/* What is written now is nobody else's. */
	write_pages(s, 12, 2);
	check_pages(s);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->book = map_anon(sizeof(*s->book), MAP_SHARED);
	s->map = map_anon(SIZE, MAP_PRIVATE);
	s->book->pids[0] = getpid();
	pages_fill(s->map, SIZE, 1);
	memset(s->book->version[0], 1, PAGES);
	/* What is never there must not come into being. */
	for (size_t unit = 0; unit < 8; unit++)
		drop_pages(s, unit, 1);
	for (int i = 1; i <= N_CHILDREN; i++)
		make_child(s, i);
	change(s);
	MUST(mprotect(page_of(s, 60 * MIB_PAGES), MIB, PROT_READ));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* The same bytes, but no longer the same page. */
	pages_fill(page_of(s, 62 * MIB_PAGES), PAGE, 1);
}

static void check_shared(const struct state *s, int task, int parent)
{
	uint64_t *ours = map_anon(2 * PAGES * sizeof(*ours), MAP_PRIVATE), *theirs = ours + PAGES;
	const unsigned char *a = s->book->version[task], *b = s->book->version[parent];

	page_frames(s->book->pids[task], s->map, PAGES, ours);
	page_frames(s->book->pids[parent], s->map, PAGES, theirs);
	for (size_t i = 0; i < PAGES; i++) {
		if (a[i] == ELSEWHERE || b[i] == ELSEWHERE)
			continue;
		CHECK(!ours[i] == !a[i] && !theirs[i] == !b[i],
		      "page %zu: there in task %d: %d, in task %d: %d", i, task, !!ours[i], parent,
		      !!theirs[i]);
		if (a[i])
			CHECK((ours[i] == theirs[i]) == (a[i] == b[i]),
			      "page %zu: frame %#lx in task %d, %#lx in task %d", i,
			      (unsigned long)ours[i], task, (unsigned long)theirs[i], parent);
	}
	MUST(munmap(ours, 2 * PAGES * sizeof(*ours)));
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 1; i <= N_CHILDREN && !zdtm_lazy(); i++)
		check_shared(s, i, 0);
	if (!zdtm_lazy())
		check_shared(s, GRANDCHILD, 1);
	for (int i = 1; i <= N_CHILDREN; i++)
		zdtm_finish(s->book->pids[i]);
	check_self(s);
}

const struct zdtm_test zdtm_test = {
	.about = "memory shared copy-on-write since a fork is shared again",
	.state_size = sizeof(struct state),
	.unsupported = page_frames_unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
