// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a thread meets what its machine holds for it: when a page of its memory is
 * broken (PR_MCE_KILL), whether it may read the time stamp counter (PR_SET_TSC), and
 * which speculation of the processor it has turned off (PR_SET_SPECULATION_CTRL).
 *
 * The format has no fields for them; ours are absent for what a new thread has. A
 * speculation that this machine lets nobody choose is refused at restore. Whether
 * it is turned off until the next exec only the thread could tell: that is not
 * kept, nor is the flush of the L1 data cache.
 *
 * Refused at dump, for none can be given back to a thread that has it: a right to
 * write back memory (PR_SET_IO_FLUSHER), a core of one's own (PR_SCHED_CORE),
 * addresses with a tag (LAM).
 */
#include <errno.h>
#include <linux/prctl.h>
#include <sys/prctl.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "kinds/task/kinds.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "util/log.h"

/* PF_* of /proc/PID/stat. */
#define FLAG_MCE_PROCESS 0x80u		/* has a choice of its own: */
#define FLAG_MCE_EARLY 0x08000000u	/* this one */
#define FLAGS_IO_FLUSHER (0x00080000u | 0x00100000u)	/* PF_MEMALLOC_NOIO, PF_LOCAL_THROTTLE */

static int refuse(const struct task *t, const struct thread *th, const char *what)
{
	return log_errno(-ENOTSUP, "pid %d: thread %d: %s: not covered", t->pid, th->tid, what);
}

static int check_covered(const struct task *t, const struct thread *th,
			 const struct proc_stat *stat)
{
	const struct proc_status *status = th->dump->status;
	unsigned long cookie = 0;

	if ((stat->flags & FLAGS_IO_FLUSHER) == FLAGS_IO_FLUSHER)
		return refuse(t, th, "it writes back memory for others (PR_SET_IO_FLUSHER)");
	if (status->has_untag_mask && ~status->untag_mask)
		return refuse(t, th, "its addresses have tags (ARCH_ENABLE_TAGGED_ADDR)");
	/* Kernels without it, and machines without threads of a core, have no cookies. */
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, th->tid, PR_SCHED_CORE_SCOPE_THREAD,
		  &cookie) == 0 && cookie)
		return refuse(t, th, "it shares its core with some only (PR_SCHED_CORE)");
	return 0;
}

/* What it has turned off itself; 0: nothing. */
static uint32_t turned_off(uint32_t speculation)
{
	return speculation & PR_SPEC_PRCTL ?
		speculation & (PR_SPEC_DISABLE | PR_SPEC_FORCE_DISABLE) : 0;
}

static int hazards_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	ThreadCoreEntry *tc = th->core->thread_core;
	struct proc_stat stat;
	int r;

	if (!thread_runs(t, th))
		return 0;
	r = proc_stat_read(task_proc(t), th->tid, &stat);
	if (r < 0)
		return log_errno(r, "pid %d: thread %d: cannot read its flags", t->pid, th->tid);
	r = check_covered(t, th, &stat);
	if (r < 0)
		return r;
	if (stat.flags & FLAG_MCE_PROCESS) {
		tc->has_mce_kill = true;
		tc->mce_kill = stat.flags & FLAG_MCE_EARLY ? PR_MCE_KILL_EARLY : PR_MCE_KILL_LATE;
	}
	tc->has_tsc = th->dump->facts->tsc != PR_TSC_ENABLE;
	tc->tsc = th->dump->facts->tsc;
	tc->store_bypass = turned_off(th->dump->status->store_bypass);
	tc->has_store_bypass = tc->store_bypass;
	tc->indirect_branch = turned_off(th->dump->status->indirect_branch);
	tc->has_indirect_branch = tc->indirect_branch;
	return 0;
}

static int check_speculation(const struct thread *th, const char *name, int which, bool has,
			     uint32_t value)
{
	int ours;

	if (!has)
		return 0;
	if (value != PR_SPEC_DISABLE && value != PR_SPEC_FORCE_DISABLE)
		return log_errno(-EINVAL, "core-%d: %s %#x", th->tid, name, value);
	ours = prctl(PR_GET_SPECULATION_CTRL, which, 0, 0, 0);
	if (ours < 0 || !(ours & PR_SPEC_PRCTL))
		return log_errno(-ENOTSUP, "core-%d: it has turned off speculation (%s), which "
				 "this machine leaves to nobody", th->tid, name);
	return 0;
}

static int check_thread(const struct thread *th)
{
	const ThreadCoreEntry *tc = th->core->thread_core;
	int r;

	if (tc->has_mce_kill && tc->mce_kill > PR_MCE_KILL_EARLY)
		return log_errno(-EINVAL, "core-%d: mce_kill %u", th->tid, tc->mce_kill);
	if (tc->has_tsc && tc->tsc != PR_TSC_ENABLE && tc->tsc != PR_TSC_SIGSEGV)
		return log_errno(-EINVAL, "core-%d: tsc %u", th->tid, tc->tsc);
	r = check_speculation(th, "store_bypass", PR_SPEC_STORE_BYPASS, tc->has_store_bypass,
			      tc->store_bypass);
	return r < 0 ? r : check_speculation(th, "indirect_branch", PR_SPEC_INDIRECT_BRANCH,
					     tc->has_indirect_branch, tc->indirect_branch);
}

static int hazards_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		int ret = check_thread(&t->threads[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int hazards_plan_thread(struct restore *r, struct task *t, struct thread *th,
			       struct restorer_thread *args)
{
	const ThreadCoreEntry *tc = th->core->thread_core;

	args->mce_kill = tc->has_mce_kill ? tc->mce_kill : PR_MCE_KILL_DEFAULT;
	args->tsc = tc->has_tsc ? tc->tsc : PR_TSC_ENABLE;
	args->store_bypass = tc->has_store_bypass ? tc->store_bypass : 0;
	args->indirect_branch = tc->has_indirect_branch ? tc->indirect_branch : 0;
	return 0;
}

const struct task_kind task_hazards_kind = {
	.name = "hazards",
	.test = "task/mce-kill",
	.dump_thread = hazards_dump_thread,
	.check = hazards_check,
	.plan_thread = hazards_plan_thread,
};
