// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings whose memory comes from chosen nodes of a NUMA machine (mbind).
 *
 * /proc/PID/numa_maps shows a policy too, but not whether it is the mapping's
 * own or its thread's: only the task itself can ask for that. It is kept for
 * private anonymous memory. What a file is mapped for, or shared memory, has
 * its policy in the file, and other tasks may have set it for a part that no
 * border of a mapping shows: it is refused.
 */
#include "engine/memory-policy.h"

#include <errno.h>
#include <stdlib.h>

#include "core/dump.h"
#include "core/mempolicy.h"
#include "image/vma.h"
#include "inject/session.h"
#include "util/cleanup.h"
#include "util/log.h"

static bool has_memory(const VmaEntry *e)
{
	return e->status & VMA_REGULAR && !(e->status & (VMA_VDSO | VMA_VVAR | VMA_VSYSCALL));
}

static int take_policy(struct dump *d, const struct task *t, VmaEntry *e,
		       const struct mempolicy *policy)
{
	e->mempolicy = mempolicy_entry_new(d->arena, policy);
	if (!e->mempolicy || e->status & VMA_ANON_PRIVATE)
		return 0;
	log_error("pid %d: mapping %lx-%lx: a file or shared memory with a NUMA policy (mbind, or "
		  "mpol= of tmpfs) is not covered: use set_mempolicy()", t->pid,
		  (unsigned long)e->start, (unsigned long)e->end);
	return -ENOTSUP;
}

int memory_policy_dump(struct dump *d, struct task *t, VmaEntry *const *entries, size_t n)
{
	_cleanup_free_ uint64_t *addrs = calloc(n + 1, sizeof(*addrs));
	_cleanup_free_ struct mempolicy *policies = calloc(n + 1, sizeof(*policies));
	size_t n_addrs = 0;
	int ret;

	if (!addrs || !policies)
		return log_errno(-ENOMEM, "pid %d: cannot keep %zu memory policies", t->pid, n);
	for (size_t i = 0; i < n; i++)
		if (has_memory(entries[i]))
			addrs[n_addrs++] = entries[i]->start;
	ret = parasite_mempolicies(t->dump->parasite, addrs, n_addrs, policies);
	n_addrs = 0;
	for (size_t i = 0; ret == 0 && i < n; i++)
		if (has_memory(entries[i]))
			ret = take_policy(d, t, entries[i], &policies[n_addrs++]);
	return ret;
}
