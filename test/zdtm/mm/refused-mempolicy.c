// SPDX-License-Identifier: GPL-2.0-only
/*
 * The NUMA policy of shared memory belongs to the memory, not to one mapping of it:
 * it is refused. The victim keeps it.
 */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

struct state {
	char *map;
};

static const char *unsupported(void)
{
	int mode;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) ?
		       "the kernel has no NUMA policies" : NULL;
}

static void setup(void *arg)
{
	const unsigned long nodes = 1;
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_SHARED);
	MUST(syscall(SYS_mbind, s->map, SIZE, MPOL_BIND, &nodes, 64, 0));
	pages_fill(s->map, SIZE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(syscall(SYS_mbind, s->map, SIZE, MPOL_DEFAULT, NULL, 0, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	int mode = -1;

	MUST(syscall(SYS_get_mempolicy, &mode, NULL, 0, s->map, MPOL_F_ADDR));
	CHECK(mode == MPOL_BIND, "the policy is %#x", mode);
	pages_check(s->map, SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "a NUMA policy of shared memory is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "NUMA policy",
};
