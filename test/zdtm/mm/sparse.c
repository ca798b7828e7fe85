// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge mappings with few pages: 16 terabytes reserved without access, of which some
 * pages were opened, and as many without reservation with pages here and there.
 * Their cost must follow the pages: a walk over every address would not end in time.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * 1024 * GIB)
#define STRIDE (337 * GIB + 5 * PAGE)
#define OPENED (3 * PAGE)

struct state {
	char *closed, *open;
};

static char *reserve(int prot)
{
	return MUST(mmap(NULL, SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->closed = reserve(PROT_NONE);
	s->open = reserve(PROT_READ | PROT_WRITE);
	for (size_t at = 0; at < SIZE; at += STRIDE) {
		pages_fill(s->open + at, PAGE, 1);
		MUST(mprotect(s->closed + at, OPENED, PROT_READ | PROT_WRITE));
		pages_fill(s->closed + at, OPENED, 2);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(madvise(s->open + 5 * STRIDE, PAGE, MADV_DONTNEED));
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t at = 0; at < SIZE; at += STRIDE) {
		pages_check(s->open + at, PAGE, 1);
		pattern_check_zero(s->open + at + PAGE, PAGE);
		pages_check(s->closed + at, OPENED, 2);
	}
	MUST(mprotect(s->closed + GIB, PAGE, PROT_READ | PROT_WRITE));
	pattern_check_zero(s->closed + GIB, PAGE);
}

const struct zdtm_test zdtm_test = {
	.about = "terabytes with few pages cost what is in them",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
