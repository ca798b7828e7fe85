// SPDX-License-Identifier: GPL-2.0-only
/*
 * Advice that stays with a mapping, as the VmFlags of /proc/PID/smaps show it, and
 * what a fork makes of it: memory that children do not get, or get empty.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

enum { DONTFORK, DONTDUMP, WIPEONFORK, HUGEPAGE, NOHUGEPAGE, RANDOM, N_ADVICES };

static const struct {
	int advice;
	const char *flag;
} advices[N_ADVICES] = {
	[DONTFORK] = { MADV_DONTFORK, " dc " },
	[DONTDUMP] = { MADV_DONTDUMP, " dd " },
	[WIPEONFORK] = { MADV_WIPEONFORK, " wf " },
	[HUGEPAGE] = { MADV_HUGEPAGE, " hg " },
	[NOHUGEPAGE] = { MADV_NOHUGEPAGE, " nh " },
	[RANDOM] = { MADV_RANDOM, " rr " },
};

struct state {
	char *maps[N_ADVICES];
};

static const char *unsupported(void)
{
	return access("/sys/kernel/mm/transparent_hugepage", F_OK) ?
		       "the kernel has no transparent huge pages" : NULL;
}

/* The VmFlags of the mapping that begins at an address. */
static void vm_flags(const char *addr, char *flags, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;
	unsigned long start, end;

	CHECK(file, "cannot open smaps");
	*flags = 0;
	while (!*flags && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start == (uintptr_t)addr;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			snprintf(flags, size, "%s", line + 8);
	}
	fclose(file);
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
	char flags[512];

	for (int i = 0; i < N_ADVICES; i++) {
		vm_flags(s->maps[i], flags, sizeof(flags));
		CHECK(strstr(flags, advices[i].flag), "the mapping of advice %d has%s",
		      advices[i].advice, flags);
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
