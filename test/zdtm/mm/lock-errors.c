// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locked memory of which some pages can't be brought: without access, with a guard
 * region in it, beyond the end of its file. mlockall() passes over these, mlock()
 * fails and locks them all the same; so must a restore.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

struct state {
	char *closed, *filled, *guarded, *behind;
};

static const char *unsupported(void)
{
	char *page = map_anon(PAGE, MAP_PRIVATE);
	int failed = madvise(page, PAGE, MADV_GUARD_INSTALL);

	munmap(page, PAGE);
	return failed ? "the kernel has no guard regions (Linux 6.13)" : NULL;
}

/* Most of the mapping lies behind the end of the file. */
static char *map_file(void)
{
	int fd = MUST(open("short", O_CREAT | O_EXCL | O_RDWR, 0600));
	char *map;

	MUST(ftruncate(fd, PAGE));
	map = MUST(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));
	MUST(close(fd));
	return map;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->closed = MUST(mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	s->filled = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->filled, SIZE / 2, 1);
	MUST(mprotect(s->filled, SIZE, PROT_NONE));
	s->behind = map_file();
	s->guarded = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->guarded, SIZE, 2);
	MUST(madvise(s->guarded + 4 * PAGE, PAGE, MADV_GUARD_INSTALL));
	MUST(mlockall(MCL_CURRENT));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(munlock(s->guarded, SIZE));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(mapping_has(s->closed, "lo"), "the empty mapping is not locked");
	CHECK(mapping_has(s->filled, "lo"), "the mapping without access is not locked");
	CHECK(mapping_has(s->behind, "lo"), "the file's mapping is not locked");
	CHECK(mapping_has(s->guarded, "lo"), "the guarded mapping is not locked");
	MUST(mprotect(s->filled, SIZE, PROT_READ));
	pages_check(s->filled, SIZE / 2, 1);
	pattern_check_zero(s->filled + SIZE / 2, SIZE / 2);
	pages_check(s->guarded, 4 * PAGE, 2);
	pages_check(s->guarded + 5 * PAGE, SIZE - 5 * PAGE, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "locked memory whose pages can't all be brought",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
