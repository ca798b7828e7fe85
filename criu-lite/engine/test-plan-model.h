/* SPDX-License-Identifier: GPL-2.0-only */
/* A model of processes with their groups and sessions, for tests of engine/plan.h. */
#ifndef CRIU_LITE_ENGINE_TEST_PLAN_MODEL_H
#define CRIU_LITE_ENGINE_TEST_PLAN_MODEL_H

#include <stdbool.h>

#include "core/task.h"

enum {
	MODEL_MAX = 256,		/* processes of a model, ended ones too */
	/* Ids outside of the tree: the parent of its root, and who restores it. */
	MODEL_INIT = 1,
	MODEL_OUTSIDE = 5,
};

struct process {
	int pid, ppid, pgid, sid;
	bool ended, gone;		/* zombie; waited for */
	bool subreaper;
};

struct model {
	struct process p[MODEL_MAX];
	int n;
};

/* The process that has the pid and was not waited for, or NULL. */
struct process *model_find(struct model *m, int pid);
/* What the kernel does; there must be room. False: it would return an error. */
struct process *model_fork(struct model *m, const struct process *maker, int ppid, int pid);
bool model_setsid(struct model *m, struct process *p);
bool model_setpgid(struct model *m, struct process *p, int pgid);

/*
 * What restored tasks do with a plan, in the stages of engine/restore-task.c, and whether
 * the tree is then the one that was planned. NULL: it is; else what went wrong.
 */
const char *model_restore(struct model *m, struct task_list *tasks);

#endif
