// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings at the edges of the address space: page 0, 64 KiB, the page below the
 * lowest one that the stack has, and the last page that there is.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define LAST_PAGE 0x7fffffffe000UL

enum { FIRST, LOW, BELOW_STACK, LAST, N_EDGES };

struct state {
	char *at[N_EDGES];
};

static void *map_at(void *addr)
{
	return mmap(addr, PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

static const char *unsupported(void)
{
	static void *const tried[] = { NULL, (void *)LAST_PAGE };

	for (int i = 0; i < 2; i++) {
		void *map = map_at(tried[i]);

		if (map == MAP_FAILED)
			return i ? "something is at the end of the address space" :
				   "page 0 can't be mapped (CAP_SYS_RAWIO)";
		munmap(map, PAGE);
	}
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct mapping stack;

	mapping_get(__builtin_frame_address(0), &stack);
	s->at[LOW] = (char *)(64 * KIB);
	s->at[BELOW_STACK] = (char *)stack.start - PAGE;
	s->at[LAST] = (char *)LAST_PAGE;
	for (int i = 0; i < N_EDGES; i++) {
		MUST(map_at(s->at[i]));
		pages_fill(s->at[i], PAGE, i);
	}
	/* The compiler may think that nothing can be read from there. */
	MUST(mprotect(s->at[FIRST], PAGE, PROT_NONE));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->at[LAST][PAGE - 1]++;
}

static void check(void *arg)
{
	struct state *s = arg;
	char *moved = map_anon(PAGE, MAP_PRIVATE);
	struct mapping m;

	for (int i = LOW; i < N_EDGES; i++) {
		mapping_get(s->at[i], &m);
		CHECK(m.start == (uintptr_t)s->at[i], "the mapping is at %#lx, not %p", m.start,
		      (void *)s->at[i]);
		pages_check(s->at[i], PAGE, i);
	}
	MUST(mprotect(s->at[FIRST], PAGE, PROT_READ));
	MUST(mremap(s->at[FIRST], PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	pattern_check(moved, PAGE, pattern_seed(s->at[FIRST], FIRST));
}

const struct zdtm_test zdtm_test = {
	.about = "mappings at the edges of the address space",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
