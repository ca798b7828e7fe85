// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only the task itself can tell: state of the process that no file in
 * /proc shows. Nothing of it depends on which thread asks.
 */
#include "pie/parasite.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <linux/prctl.h>
#include <linux/time_types.h>

#include "pie/string.h"
#include "pie/syscall.h"

/* A prctl that older kernels don't know says 0 there: they have no such state. */
static int32_t get_since(int option)
{
	long r = pie_call(prctl, option, 0, 0, 0, 0);

	return r == -EINVAL ? 0 : r;
}

static int get_sigactions(struct parasite_misc *misc)
{
	for (int sig = 1; sig <= PARASITE_NSIG; sig++) {
		long r = pie_call(rt_sigaction, sig, 0, &misc->sigactions[sig - 1],
				  sizeof(uint64_t));

		if (r < 0)
			return r;
	}
	return 0;
}

static int get_itimers(struct parasite_misc *misc)
{
	for (int which = 0; which < 3; which++) {
		long r = pie_call(getitimer, which, &misc->itimers[which]);

		if (r < 0)
			return r;
	}
	return 0;
}

int parasite_misc(struct parasite_packet *packet)
{
	struct parasite_misc *misc = &packet->misc;
	long r;

	memset(misc, 0, sizeof(*misc));
	packet->header.count = 1;
	misc->brk = pie_call(brk, 0);
	misc->dumpable = pie_call(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	misc->thp_disabled = get_since(PR_GET_THP_DISABLE);
	misc->mdwe = get_since(PRCTL_GET_MDWE);
	misc->memory_merge = get_since(PRCTL_GET_MEMORY_MERGE);
	r = pie_call(prctl, PR_GET_CHILD_SUBREAPER, &misc->child_subreaper, 0, 0, 0);
	if (r < 0)
		return r;
	r = pie_call(membarrier, MEMBARRIER_GET_REGISTRATIONS, 0, 0);
	misc->membarrier = r < 0 ? 0 : r;
	r = get_itimers(misc);
	if (r < 0)
		return r;
	return get_sigactions(misc);
}

/* Addresses come in, policies go out, at the same place. A kernel without NUMA has none. */
int parasite_policies(struct parasite_packet *packet)
{
	uint64_t addrs[PARASITE_POLICIES_MAX];
	uint32_t n = packet->header.count;

	memcpy(addrs, packet->addrs, n * sizeof(*addrs));
	memset(packet->policies, 0, n * sizeof(*packet->policies));
	for (uint32_t i = 0; i < n; i++) {
		struct mempolicy *p = &packet->policies[i];
		long r = pie_call(get_mempolicy, &p->mode, p->nodes, MEMPOLICY_NODES_MAX, addrs[i],
				  MPOL_F_ADDR);

		if (r < 0)
			return r == -ENOSYS ? 0 : r;
	}
	return 0;
}

/* Ids come in, timers go out: both lie at the same place. */
int parasite_timers(struct parasite_packet *packet)
{
	int32_t ids[PARASITE_TIMERS_MAX];
	uint32_t n = packet->header.count;

	memcpy(ids, packet->timer_ids, n * sizeof(*ids));
	for (uint32_t i = 0; i < n; i++) {
		struct parasite_timer *t = &packet->timers[i];
		struct __kernel_itimerspec left;
		long r = pie_call(timer_gettime, ids[i], &left);

		if (r < 0)
			return r;
		t->id = ids[i];
		t->interval_sec = left.it_interval.tv_sec;
		t->interval_nsec = left.it_interval.tv_nsec;
		t->value_sec = left.it_value.tv_sec;
		t->value_nsec = left.it_value.tv_nsec;
		r = pie_call(timer_getoverrun, ids[i]);
		if (r < 0)
			return r;
		t->overrun = r;
	}
	return 0;
}
