// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changed pages of a private file mapping are shared copy-on-write after a fork,
 * as anonymous memory is. They are there at once in every restore, so they are shared
 * with --lazy-pages too. A page that a task gave back is the file's again.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/frame.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define PAGES 64UL
#define OFFSET (3 * PAGE)
#define FILE_VERSION 9

struct state {
	char *map;
	pid_t child;
};

/* Which pages are whose: the file's, of both, of the parent, of the child. */
enum owner { OF_FILE, OF_BOTH, OF_PARENT, OF_CHILD, CHANGED_BY_CHILD, N_OWNERS };

static enum owner owner_of(size_t page)
{
	return page % N_OWNERS;
}

static void write_pages(struct state *s, enum owner owner, unsigned int version)
{
	for (size_t i = 0; i < PAGES; i++)
		if (owner_of(i) == owner)
			pages_fill(s->map + i * PAGE, PAGE, version);
}

static void check_pages(const struct state *s, const unsigned int *versions)
{
	for (size_t i = 0; i < PAGES; i++)
		pages_check(s->map + i * PAGE, PAGE, versions[owner_of(i)]);
}

static void child(void *arg)
{
	static const unsigned int versions[N_OWNERS] = {
		FILE_VERSION, 1, FILE_VERSION, 2, 2,
	};
	struct state *s = arg;

	for (size_t i = 0; i < PAGES; i++)
		if (owner_of(i) == OF_PARENT)
			MUST(madvise(s->map + i * PAGE, PAGE, MADV_DONTNEED));
	write_pages(s, OF_CHILD, 2);
	write_pages(s, CHANGED_BY_CHILD, 2);
	check_pages(s, versions);
	zdtm_wait();
	check_pages(s, versions);
}

static void setup(void *arg)
{
	struct state *s = arg;
	int fd = MUST(open("mapped", O_RDWR | O_CREAT | O_EXCL, 0600));
	char *whole;

	MUST(ftruncate(fd, OFFSET + PAGES * PAGE));
	whole = MUST(mmap(NULL, OFFSET + PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	s->map = MUST(mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, OFFSET));
	for (size_t i = 0; i < PAGES; i++)
		pattern_fill(whole + OFFSET + i * PAGE, PAGE,
			     pattern_seed(s->map + i * PAGE, FILE_VERSION));
	MUST(munmap(whole, OFFSET + PAGES * PAGE));
	close(fd);
	write_pages(s, OF_BOTH, 1);
	write_pages(s, OF_PARENT, 1);
	write_pages(s, CHANGED_BY_CHILD, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* The same bytes, but no longer the same page. */
	write_pages(s, OF_BOTH, 1);
}

static void check(void *arg)
{
	static const unsigned int versions[N_OWNERS] = {
		FILE_VERSION, 1, 1, FILE_VERSION, 1,
	};
	uint64_t ours[PAGES], theirs[PAGES];
	struct state *s = arg;

	page_frames(getpid(), s->map, PAGES, ours);
	page_frames(s->child, s->map, PAGES, theirs);
	for (size_t i = 0; i < PAGES; i++) {
		if (owner_of(i) == OF_BOTH)
			CHECK(ours[i] && ours[i] == theirs[i], "page %zu is not shared", i);
		if (owner_of(i) == CHANGED_BY_CHILD)
			CHECK(ours[i] && theirs[i] && ours[i] != theirs[i], "page %zu is shared",
			      i);
	}
	zdtm_finish(s->child);
	check_pages(s, versions);
}

const struct zdtm_test zdtm_test = {
	.about = "changed pages of a private file mapping are shared again",
	.state_size = sizeof(struct state),
	.unsupported = page_frames_unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
