// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guard regions (MADV_GUARD_INSTALL, Linux 6.13): ranges inside a mapping that fault on
 * any access, without being mappings of their own. They come back where they were, and
 * what lies around them keeps its content.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

#define SIZE (16 * PAGE)
#define GUARD_AT (4 * PAGE)
#define GUARD_SIZE (3 * PAGE)
#define GUARD_END (GUARD_AT + GUARD_SIZE)

struct state {
	char *map;
};

/* Whether the kernel can read the byte for us: without a signal, unlike an access. */
static bool readable(const char *addr)
{
	char byte;
	struct iovec to = { &byte, 1 }, from = { (void *)addr, 1 };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

static const char *unsupported(void)
{
	char *page = map_anon(PAGE, MAP_PRIVATE);
	int r = madvise(page, PAGE, MADV_GUARD_INSTALL);

	munmap(page, PAGE);
	return r < 0 && errno == EINVAL ? "the kernel has no guard regions" : NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	MUST(madvise(s->map + GUARD_AT, GUARD_SIZE, MADV_GUARD_INSTALL));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(madvise(s->map + GUARD_AT, PAGE, MADV_GUARD_REMOVE));
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t at = 0; at < SIZE; at += PAGE)
		CHECK(readable(s->map + at) == (at < GUARD_AT || at >= GUARD_END),
		      "page %zu: wrong side of the guard", at / PAGE);
	pages_check(s->map, GUARD_AT, 1);
	pages_check(s->map + GUARD_END, SIZE - GUARD_END, 1);
	MUST(madvise(s->map + GUARD_AT, GUARD_SIZE, MADV_GUARD_REMOVE));
	pattern_check_zero(s->map + GUARD_AT, GUARD_SIZE);
}

const struct zdtm_test zdtm_test = {
	.about = "guard regions are where they were",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
