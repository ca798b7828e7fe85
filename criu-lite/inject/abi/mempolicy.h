/* SPDX-License-Identifier: GPL-2.0-only */
/* Where memory comes from on a NUMA machine, as the kernel says and takes it. */
#ifndef CRIU_LITE_INJECT_ABI_MEMPOLICY_H
#define CRIU_LITE_INJECT_ABI_MEMPOLICY_H

#include <stdint.h>

/* No kernel has more nodes. Calls that set a policy want one more than they take. */
#define MEMPOLICY_NODES_MAX 1024
#define MEMPOLICY_WORDS (MEMPOLICY_NODES_MAX / 64)

struct mempolicy {
	uint32_t mode;			/* MPOL_*, with MPOL_F_* flags; 0: the default */
	uint32_t pad;
	uint64_t nodes[MEMPOLICY_WORDS];
};

_Static_assert(sizeof(struct mempolicy) == 136, "both sides must agree");

#endif
