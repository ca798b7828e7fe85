// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice that stays with a mapping, as the VmFlags of /proc/PID/smaps show it, and
 * what a fork makes of it: memory that children do not get, or get empty.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

enum {
	DONTFORK, DONTDUMP, WIPEONFORK, HUGEPAGE, NOHUGEPAGE, RANDOM, SEQUENTIAL, MERGEABLE,
	N_ADVICES
};

static const struct {
	int advice;
	const char *flag;
} advices[N_ADVICES] = {
	[DONTFORK] = { MADV_DONTFORK, "dc" },
	[DONTDUMP] = { MADV_DONTDUMP, "dd" },
	[WIPEONFORK] = { MADV_WIPEONFORK, "wf" },
	[HUGEPAGE] = { MADV_HUGEPAGE, "hg" },
	[NOHUGEPAGE] = { MADV_NOHUGEPAGE, "nh" },
	[RANDOM] = { MADV_RANDOM, "rr" },
	[SEQUENTIAL] = { MADV_SEQUENTIAL, "sr" },
	[MERGEABLE] = { MADV_MERGEABLE, "mg" },
};

struct state {
	char *maps[N_ADVICES];
};

static const char *unsupported(void)
{
	if (access("/sys/kernel/mm/ksm", F_OK))
		return "the kernel does not merge pages (KSM)";
	return access("/sys/kernel/mm/transparent_hugepage", F_OK) ?
		       "the kernel has no transparent huge pages" : NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_ADVICES; i++) {
		/* Apart from each other, lest two become one mapping. */
		s->maps[i] = map_anon(SIZE + PAGE, MAP_PRIVATE);
		MUST(mprotect(s->maps[i] + SIZE, PAGE, PROT_NONE));
		MUST(madvise(s->maps[i], SIZE, advices[i].advice));
		pages_fill(s->maps[i], SIZE, i);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(madvise(s->maps[RANDOM], SIZE, MADV_NORMAL));
}

static void child(void *arg)
{
	struct state *s = arg;
	unsigned char present;

	CHECK(mincore(s->maps[DONTFORK], PAGE, &present) < 0 && errno == ENOMEM,
	      "the child has what it should not get");
	pattern_check_zero(s->maps[WIPEONFORK], SIZE);
	pages_check(s->maps[DONTDUMP], SIZE, DONTDUMP);
	zdtm_ready();
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_ADVICES; i++) {
		for (int k = 0; k < N_ADVICES; k++)
			CHECK(mapping_has(s->maps[i], advices[k].flag) == (i == k),
			      "the mapping of advice %d has%s %s", advices[i].advice,
			      i == k ? " not" : "", advices[k].flag);
		pages_check(s->maps[i], SIZE, i);
	}
	zdtm_join(zdtm_fork(child, s));
}

const struct zdtm_test zdtm_test = {
	.about = "advice given with madvise is kept",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
