// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file mapped privately: pages that were written are the task's own, the others
 * still are the file's, and follow it. Mapped from an offset, and once read-only
 * after having been written.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define PAGES 32
#define SIZE (PAGES * PAGE)
#define OFFSET (8 * PAGE)

struct state {
	int fd;
	char *map, *closed;
};

static bool is_own(size_t page)
{
	return page % 3 == 1;
}

static void write_page(int fd, size_t page, uint64_t seed)
{
	char content[PAGE];

	pattern_fill(content, sizeof(content), seed + page);
	CHECK(MUST(pwrite(fd, content, PAGE, page * PAGE)) == PAGE, "short write");
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->fd = MUST(open("mapped", O_CREAT | O_EXCL | O_RDWR, 0600));
	for (size_t i = 0; i < PAGES; i++)
		write_page(s->fd, i, 100);
	s->map = MUST(mmap(NULL, SIZE - OFFSET, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd,
			   OFFSET));
	s->closed = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd, 0));
	pattern_fill(s->closed, PAGE, 300);
	MUST(mprotect(s->closed, PAGE, PROT_READ));
	for (size_t i = 0; i < (SIZE - OFFSET) / PAGE; i++)
		if (is_own(i))
			pattern_fill(s->map + i * PAGE, PAGE, 200 + i);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	/* As if the changed pages had not been in the image. */
	MUST(madvise(s->map, SIZE - OFFSET, MADV_DONTNEED));
}

static void check(void *arg)
{
	struct state *s = arg;

	pattern_check(s->closed, PAGE, 300);
	/* The file changes under the mapping; only pages that are the file's may show it. */
	for (size_t i = 0; i < PAGES; i++)
		write_page(s->fd, i, 400);
	for (size_t i = 0; i < (SIZE - OFFSET) / PAGE; i++)
		pattern_check(s->map + i * PAGE, PAGE,
			      is_own(i) ? 200 + i : 400 + i + OFFSET / PAGE);
	MUST(mprotect(s->closed, PAGE, PROT_READ | PROT_WRITE));
	pattern_fill(s->closed, PAGE, 500);
	pattern_check(s->closed, PAGE, 500);
}

const struct zdtm_test zdtm_test = {
	.about = "a private file mapping keeps changed pages, and only those",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
