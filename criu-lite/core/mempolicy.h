/* SPDX-License-Identifier: GPL-2.0-only */
/* NUMA memory policies in images. */
#ifndef CRIU_LITE_CORE_MEMPOLICY_H
#define CRIU_LITE_CORE_MEMPOLICY_H

#include "images/mempolicy.pb-c.h"
#include "inject/abi/mempolicy.h"

struct arena;

/* What goes into the image; NULL: it is the default. */
MempolicyEntry *mempolicy_entry_new(struct arena *arena, const struct mempolicy *policy);
/* What is wrong with an entry, in words; NULL: nothing, or there is none. */
const char *mempolicy_entry_fault(const MempolicyEntry *entry);
/* Fills @policy from a checked entry, or NULL: the default. */
void mempolicy_from_entry(const MempolicyEntry *entry, struct mempolicy *policy);

#endif
