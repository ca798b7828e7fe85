// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only a thread can tell of itself: it is made to ask the kernel, from
 * the pad, with a piece of the parasite's area for the answers.
 */
#include "inject/parasite.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/prctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "inject/remote.h"
#include "inject/seccomp.h"
#include "inject/session.h"
#include "util/log.h"
#include "util/macro.h"

/* In the scratch memory: what calls answer by address. */
struct scratch {
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} sas;				/* a stack_t */
	uint64_t clear_tid_addr;
	uint32_t pdeath_sig;
	struct mempolicy mempolicy;
	uint32_t tsc;
	uint64_t done;			/* see arch_pad_set_done() */
};

_Static_assert(sizeof(struct scratch) <= PARASITE_SCRATCH_SIZE, "it must fit");

static int ask_thread(struct parasite *p, struct tracee *t, struct thread_facts *facts)
{
	struct scratch scratch;
	const struct {
		long nr;
		uint64_t args[6];
	} calls[] = {
		{ __NR_sigaltstack, { 0, p->scratch + offsetof(struct scratch, sas) } },
		{ __NR_prctl, { PR_GET_TID_ADDRESS,
				p->scratch + offsetof(struct scratch, clear_tid_addr) } },
		{ __NR_prctl, { PR_GET_PDEATHSIG,
				p->scratch + offsetof(struct scratch, pdeath_sig) } },
		{ __NR_get_mempolicy, { p->scratch + offsetof(struct scratch, mempolicy.mode),
					p->scratch + offsetof(struct scratch, mempolicy.nodes),
					MEMPOLICY_NODES_MAX } },
		{ __NR_prctl, { PR_GET_TSC, p->scratch + offsetof(struct scratch, tsc) } },
		{ __NR_prctl, { PR_GET_SECUREBITS } },
	};
	bool no_policy = false;
	long result = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		r = remote_call(t, &p->pad, calls[i].nr, calls[i].args, &result);
		if (r < 0)
			return r;
		/* A kernel without NUMA. */
		if (calls[i].nr == __NR_get_mempolicy && result == -ENOSYS)
			no_policy = true;
		else if (result < 0)
			return log_errno(result, "thread %d: cannot ask it (call %ld)", t->tid,
					 calls[i].nr);
	}
	if (pread(p->mem_fd, &scratch, sizeof(scratch), p->scratch) != sizeof(scratch))
		return log_errno(-EIO, "thread %d: cannot read what it said", t->tid);
	*facts = (struct thread_facts){
		.sas_sp = scratch.sas.sp,
		.sas_size = scratch.sas.size,
		.sas_flags = scratch.sas.flags,
		.pdeath_sig = scratch.pdeath_sig,
		.tsc = scratch.tsc,
		.clear_tid_addr = scratch.clear_tid_addr,
		.securebits = result,
	};
	if (!no_policy)
		facts->mempolicy = scratch.mempolicy;
	return 0;
}

/*
 * From here on, until it is told otherwise, the parasite outlives the thread's way back. Not
 * with the update of the pad in remote_begin(): a thread whose signals are not blocked yet may
 * come back without a word (pad_break).
 */
static int hold_area(struct parasite *p, bool hold)
{
	arch_pad_set_done(p->pad.image, hold ? p->scratch + offsetof(struct scratch, done) : 0);
	return pad_update(&p->pad);
}

int parasite_thread_facts(struct parasite *p, struct tracee *t, struct thread_facts *facts)
{
	int r, back;

	r = tracee_admit(t, false);
	if (r < 0)
		return r;
	r = remote_begin(t, &p->pad);
	if (r < 0)
		return r;
	r = hold_area(p, true);
	if (r >= 0)
		r = ask_thread(p, t, facts);
	/* Not once it may be back in its frame: it would never come by the pad's word. */
	back = hold_area(p, false);
	if (r >= 0)
		r = back;
	back = remote_end(t, &p->pad);
	return r < 0 ? r : back;
}
