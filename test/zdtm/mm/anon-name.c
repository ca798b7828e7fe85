// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of anonymous mappings (PR_SET_VMA_ANON_NAME), private and shared, as maps shows
 * them. Neighbours with another name, or none, stay mappings of their own.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define SIZE (4 * PAGE)

struct state {
	char *map, *shared;
};

static const char *unsupported(void)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, 0, 0, NULL) ?
		       "the kernel has no names of mappings (CONFIG_ANON_VMA_NAME)" : NULL;
}

static void name_range(char *start, size_t len, const char *name)
{
	MUST(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, len, name));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(3 * SIZE, MAP_PRIVATE);
	s->shared = map_anon(SIZE, MAP_SHARED);
	name_range(s->map, SIZE, "the first");
	name_range(s->map + SIZE, SIZE, "the-second");
	name_range(s->shared, SIZE, "shared: one");
	pages_fill(s->map, 3 * SIZE, 1);
	pages_fill(s->shared, SIZE, 2);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	name_range(s->map, SIZE, NULL);
}

static void check_name(const char *at, const char *name)
{
	struct mapping m;

	mapping_get(at, &m);
	CHECK(!strcmp(m.name, name), "the name is \"%s\", not \"%s\"", m.name, name);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_name(s->map, "[anon:the first]");
	check_name(s->map + SIZE, "[anon:the-second]");
	check_name(s->map + 2 * SIZE, "");
	check_name(s->shared, "[anon_shmem:shared: one]");
	pages_check(s->map, 3 * SIZE, 1);
	pages_check(s->shared, SIZE, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "names of anonymous mappings are kept",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
