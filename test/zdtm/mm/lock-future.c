// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlockall(MCL_FUTURE): what will be mapped is locked too, what is there is not. The
 * child has it with MCL_ONFAULT, its own child, which inherits no such thing, not at
 * all. Nothing in /proc says so: only a new mapping shows it.
 */
#include <sys/mman.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)

struct state {
	char *map;
	pid_t child, grandchild;
};

static void check_new(bool locked, bool on_fault)
{
	/* Apart from others by its protection. */
	char *page = MUST(mmap(NULL, SIZE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	unsigned char present;

	CHECK(mapping_has(page, "lo") == locked, "a new mapping is%s locked", locked ? " not" : "");
	CHECK(mapping_has(page, "lf") == on_fault, "a new mapping is%s locked on fault",
	      on_fault ? " not" : "");
	MUST(mincore(page, PAGE, &present));
	CHECK((present & 1) == (locked && !on_fault), "a new page is%s there",
	      present & 1 ? "" : " not");
	MUST(munmap(page, SIZE));
}

static void grandchild(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	check_new(false, false);
	pages_check(s->map, SIZE, 1);
}

static void child(void *arg)
{
	struct state *s = arg;

	MUST(mlockall(MCL_FUTURE | MCL_ONFAULT));
	s->grandchild = zdtm_fork(grandchild, s);
	zdtm_wait();
	check_new(true, true);
	pages_check(s->map, SIZE, 1);
	zdtm_finish(s->grandchild);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	MUST(mlockall(MCL_FUTURE));
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	MUST(munlockall());
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(!mapping_has(s->map, "lo"), "what was mapped before is locked");
	pages_check(s->map, SIZE, 1);
	check_new(true, false);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "locking of future mappings goes on",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
