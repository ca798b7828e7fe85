/* SPDX-License-Identifier: GPL-2.0-only */
/* Mappings whose memory comes from chosen nodes of a NUMA machine. */
#ifndef CRIU_LITE_ENGINE_MEMORY_POLICY_H
#define CRIU_LITE_ENGINE_MEMORY_POLICY_H

#include <stddef.h>

#include "images/vma.pb-c.h"

struct dump;
struct task;

/* Asks the task for the policy of each mapping. 0 or -errno, logged; -ENOTSUP: refused. */
int memory_policy_dump(struct dump *d, struct task *t, VmaEntry *const *entries, size_t n);

#endif
