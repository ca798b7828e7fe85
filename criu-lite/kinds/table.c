// SPDX-License-Identifier: GPL-2.0-only
/*
 * All kinds, one per line. Where order is meaning it is said.
 */
#include "kinds/table.h"

#include <stddef.h>

#include "kinds/kinds.h"
#include "kinds/mm/kinds.h"
#include "kinds/task/kinds.h"

/* At dump the first kind whose probe agrees has the file. */
static const struct file_kind *const file_table[] = {
	&memfd_kind,			/* before regular files: it is one, with a special name */
	&epoll_kind,
	&eventfd_kind,
	&fifo_kind,
	&inet_kind,
	&pipe_kind,
	&regular_kind,
	&signalfd_kind,
	&terminal_kind,
	&timerfd_kind,
	&unix_kind,
	NULL,
};

/* At dump the first kind whose probe agrees has the mapping. */
static const struct vma_kind *const vma_table[] = {
	&vma_vdso_kind,
	&vma_vvar_kind,			/* before the refused: it is device memory too */
	&vma_vsyscall_kind,
	&vma_refused_kind,		/* before all that others would take for their own */
	&vma_memfd_shared_kind,		/* before files: it is one, with a special name */
	&vma_memfd_private_kind,
	&vma_anon_kind,			/* before files: huge pages look like one */
	&vma_file_shared_kind,
	&vma_file_private_kind,
	&vma_anon_shared_kind,		/* in images only */
	NULL,
};

static const struct task_kind *const task_table[] = {
	&task_state_kind,		/* first: makes the messages that the others fill */
	&task_namespaces_kind,
	&task_seccomp_kind,
	&task_signals_kind,
	&task_regs_kind,		/* after the signals: they end system calls */
	&task_rseq_kind,		/* after the registers: may move the instruction pointer */
	&task_comm_kind,
	&task_creds_kind,
	&task_death_signal_kind,
	&task_hazards_kind,
	&task_mempolicy_kind,
	&task_mm_layout_kind,
	&task_rlimits_kind,
	&task_robust_list_kind,
	&task_sched_kind,
	&task_sigaltstack_kind,
	&task_thread_settings_kind,
	&task_timers_kind,
	&task_unsaved_kind,
	&task_fs_kind,			/* last: a new root bends every path */
	NULL,
};

const struct kind_table kind_table = {
	.files = file_table,
	.vmas = vma_table,
	.tasks = task_table,
};
