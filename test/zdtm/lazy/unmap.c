// SPDX-License-Identifier: GPL-2.0-only
/*
 * munmap() of memory that is missing: whole mappings, heads, tails, middles; new
 * memory at the same place is zero and stays so, while old pages may still be under
 * way to what was there.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * MIB)
#define QUARTER (SIZE / 4)

/* What is unmapped of each, as a bit a quarter. */
static const unsigned int cuts[] = { 0xf, 0x1, 0x8, 0x6, 0x5, 0xe };

#define N_MAPS (sizeof(cuts) / sizeof(*cuts))

struct state {
	char *maps[N_MAPS];
	bool spoilt;
};

static void setup(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_MAPS; i++) {
		s->maps[i] = map_anon(SIZE, MAP_PRIVATE);
		pages_fill(s->maps[i], SIZE, i);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

static void check_quarters(const struct state *s)
{
	for (size_t i = 0; i < N_MAPS; i++) {
		for (int q = 0; q < 4; q++) {
			char *quarter = s->maps[i] + q * QUARTER;

			if (cuts[i] & 1U << q)
				pattern_check_zero(quarter, QUARTER);
			else
				pages_check(quarter, QUARTER, i);
		}
	}
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_MAPS; i++) {
		for (int q = 0; q < 4; q++) {
			char *quarter = s->maps[i] + q * QUARTER;

			if (!(cuts[i] & 1U << q))
				continue;
			MUST(munmap(quarter, QUARTER));
			MUST(mmap(quarter, QUARTER, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
		}
	}
	/* As if the server had delivered to what is gone. */
	if (s->spoilt)
		pages_fill(s->maps[3] + QUARTER, PAGE, 3);
	check_quarters(s);
	usleep(100000);
	check_quarters(s);
}

const struct zdtm_test zdtm_test = {
	.about = "missing memory is unmapped and its place used again",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
