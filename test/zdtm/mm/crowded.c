// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space that is full: all but one hole of a mebibyte is reserved. Who
 * dumps and who restores have to do with that hole.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define HOLE (1 * MIB)
#define MAX_RESERVED 512

struct state {
	char *reserved[MAX_RESERVED];
	size_t size[MAX_RESERVED];
	int n;
	char *data;
};

static char *reserve(size_t size)
{
	return mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->data = map_anon(2 * HOLE, MAP_PRIVATE);
	pages_fill(s->data, HOLE, 1);
	/* Largest pieces first, until none of the size of the hole is left. */
	for (size_t size = 1UL << 46; size >= HOLE / 2; size /= 2) {
		char *map;

		while ((map = reserve(size)) != MAP_FAILED) {
			CHECK(s->n < MAX_RESERVED, "the address space has too many holes");
			s->size[s->n] = size;
			s->reserved[s->n++] = map;
		}
	}
	MUST(munmap(s->data + HOLE, HOLE));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(munmap(s->reserved[s->n / 2], PAGE));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct mapping m;

	pages_check(s->data, HOLE, 1);
	CHECK(!mapping_find(s->data + HOLE, &m), "the hole holds a mapping");
	for (int i = 0; i < s->n; i++) {
		mapping_get(s->reserved[i], &m);
		CHECK(m.start <= (uintptr_t)s->reserved[i] &&
		      (uintptr_t)s->reserved[i] + s->size[i] <= m.end,
		      "%zu bytes at %p are not reserved any more", s->size[i],
		      (void *)s->reserved[i]);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "an address space with one hole",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
