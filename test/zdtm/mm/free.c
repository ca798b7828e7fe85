// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice that leaves no mark on a mapping, but on its pages: given back lazily
 * (MADV_FREE), and then either as it was or zero, never anything else; written again
 * after that, and so kept; made cold, paged out, populated, collapsed.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { FREED, REWRITTEN, COLD, PAGED_OUT, POPULATED, N_MAPS };

static const int advices[N_MAPS] = {
	[FREED] = MADV_FREE,
	[REWRITTEN] = MADV_FREE,
	[COLD] = MADV_COLD,
	[PAGED_OUT] = MADV_PAGEOUT,
	[POPULATED] = MADV_POPULATE_WRITE,
};

struct state {
	char *maps[N_MAPS];
};

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MAPS; i++) {
		s->maps[i] = map_anon(SIZE, MAP_PRIVATE);
		pages_fill(s->maps[i], SIZE / 2, 1);
		/* Old kernels lack some. */
		CHECK(!madvise(s->maps[i], SIZE, advices[i]) || errno == EINVAL,
		      "advice %d is refused", advices[i]);
	}
	pages_fill(s->maps[REWRITTEN], SIZE, 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(madvise(s->maps[REWRITTEN], SIZE, MADV_DONTNEED));
}

static void check_freed(const char *map)
{
	for (size_t at = 0; at < SIZE / 2; at += PAGE) {
		/* Word by word: no half of a page may go. */
		if (*(const uint64_t *)(map + at))
			pages_check(map + at, PAGE, 1);
		else
			pattern_check_zero(map + at, PAGE);
	}
	pattern_check_zero(map + SIZE / 2, SIZE / 2);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_freed(s->maps[FREED]);
	pages_check(s->maps[REWRITTEN], SIZE, 2);
	for (int i = COLD; i < N_MAPS; i++) {
		pages_check(s->maps[i], SIZE / 2, 1);
		pattern_check_zero(s->maps[i] + SIZE / 2, SIZE / 2);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "pages given back lazily, made cold, paged out, populated",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
