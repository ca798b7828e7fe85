/* SPDX-License-Identifier: GPL-2.0-only */
/* What a sleeper asks about signals. */
#pragma once

#include <linux/sched.h>

bool signal_pending(struct task_struct *task);
bool fatal_signal_pending(struct task_struct *task);
