/* SPDX-License-Identifier: GPL-2.0-only */
/* The kinds of a task's and a thread's own state, for kinds/table.c. */
#ifndef CRIU_LITE_KINDS_TASK_KINDS_H
#define CRIU_LITE_KINDS_TASK_KINDS_H

#include "core/kind.h"

extern const struct task_kind task_comm_kind;
extern const struct task_kind task_creds_kind;
extern const struct task_kind task_death_signal_kind;
extern const struct task_kind task_fs_kind;
extern const struct task_kind task_hazards_kind;
extern const struct task_kind task_mempolicy_kind;
extern const struct task_kind task_mm_layout_kind;
extern const struct task_kind task_namespaces_kind;
extern const struct task_kind task_regs_kind;
extern const struct task_kind task_rlimits_kind;
extern const struct task_kind task_robust_list_kind;
extern const struct task_kind task_rseq_kind;
extern const struct task_kind task_sched_kind;
extern const struct task_kind task_seccomp_kind;
extern const struct task_kind task_sigaltstack_kind;
extern const struct task_kind task_signals_kind;
extern const struct task_kind task_state_kind;
extern const struct task_kind task_thread_settings_kind;
extern const struct task_kind task_timers_kind;
extern const struct task_kind task_unsaved_kind;

#endif
