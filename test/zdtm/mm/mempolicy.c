// SPDX-License-Identifier: GPL-2.0-only
/*
 * NUMA policies of mappings (mbind): kept, with their flags, for private memory in the
 * mapping that has one and not in its neighbours. One node is enough to see it.
 */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)
#define NODES 1024

enum { BOUND, PLAIN, INTERLEAVED, LOCAL, N_MAPS };

static const struct {
	int mode;
	unsigned long nodes;
} policies[N_MAPS] = {
	[BOUND] = { MPOL_BIND, 1 },
	[INTERLEAVED] = { MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, 1 },
	[LOCAL] = { MPOL_LOCAL, 0 },
};

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
	struct state *s = arg;

	s->map = map_anon(N_MAPS * SIZE, MAP_PRIVATE);
	for (int i = 0; i < N_MAPS; i++)
		if (policies[i].mode)
			MUST(syscall(SYS_mbind, s->map + i * SIZE, SIZE, policies[i].mode,
				     &policies[i].nodes, 64, 0));
	pages_fill(s->map, N_MAPS * SIZE, 1);
	/* What a mapping without a policy must not be taken to have. */
	MUST(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &policies[BOUND].nodes, 64));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(syscall(SYS_mbind, s->map, SIZE, MPOL_DEFAULT, NULL, 0, 0));
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_MAPS; i++) {
		unsigned long nodes[NODES / 64] = {};
		int mode = -1;

		MUST(syscall(SYS_get_mempolicy, &mode, nodes, NODES, s->map + i * SIZE,
			     MPOL_F_ADDR));
		CHECK(mode == policies[i].mode && nodes[0] == policies[i].nodes,
		      "mapping %d: mode %#x, nodes %#lx", i, mode, nodes[0]);
	}
	pages_check(s->map, N_MAPS * SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "NUMA policies of mappings are kept",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
