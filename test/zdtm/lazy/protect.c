// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect() of missing memory: mappings are split and joined, made read-only and
 * PROT_NONE, and back, while pages come in. The server fills them whatever their
 * protection is at that moment.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * MIB)
#define PIECE (16 * PAGE)

static const int protections[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE, PROT_NONE };

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + 9 * PAGE, PAGE, 2);
}

static void check(void *arg)
{
	struct state *s = arg;
	const size_t pieces = SIZE / PIECE;

	for (size_t i = 0; i < pieces; i++)
		MUST(mprotect(s->map + i * PIECE, PIECE, protections[i % 4]));
	for (size_t i = 0; i < pieces; i++) {
		if (!protections[i % 4])
			MUST(mprotect(s->map + i * PIECE, PIECE, PROT_READ));
		pages_check(s->map + i * PIECE, PIECE, 1);
	}
	MUST(mprotect(s->map, SIZE, PROT_READ | PROT_WRITE));
	pages_fill(s->map, SIZE, 3);
	pages_check(s->map, SIZE, 3);
}

const struct zdtm_test zdtm_test = {
	.about = "protection of missing memory changes",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
