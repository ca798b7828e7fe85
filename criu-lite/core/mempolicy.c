// SPDX-License-Identifier: GPL-2.0-only
/*
 * NUMA memory policies in images: a mode and a set of nodes.
 *
 * Threads have one (set_mempolicy), mappings may have their own (mbind). The
 * default is no entry at all. Which modes and nodes there are is for the
 * kernel to say that restores: before any task runs.
 */
#include "core/mempolicy.h"

#include <linux/mempolicy.h>
#include <string.h>

#include "util/arena.h"

/* More modes than any kernel has; the flags stand above them. */
#define MODE_MAX 0xff

MempolicyEntry *mempolicy_entry_new(struct arena *arena, const struct mempolicy *policy)
{
	MempolicyEntry *e;
	size_t n = MEMPOLICY_WORDS;

	if (policy->mode == MPOL_DEFAULT)
		return NULL;
	while (n && !policy->nodes[n - 1])
		n--;
	e = arena_message(arena, MempolicyEntry, mempolicy_entry__init);
	e->mode = policy->mode;
	e->n_nodes = n;
	e->nodes = arena_memdup(arena, policy->nodes, n * sizeof(*e->nodes));
	return e;
}

const char *mempolicy_entry_fault(const MempolicyEntry *entry)
{
	if (!entry)
		return NULL;
	if (!(entry->mode & MODE_MAX) || entry->mode & ~(MODE_MAX | MPOL_MODE_FLAGS))
		return "its memory policy has a mode that is none";
	if (entry->n_nodes > MEMPOLICY_WORDS)
		return "its memory policy has more nodes than there can be";
	return NULL;
}

void mempolicy_from_entry(const MempolicyEntry *entry, struct mempolicy *policy)
{
	memset(policy, 0, sizeof(*policy));
	if (!entry)
		return;
	policy->mode = entry->mode;
	if (entry->n_nodes)
		memcpy(policy->nodes, entry->nodes, entry->n_nodes * sizeof(*entry->nodes));
}
