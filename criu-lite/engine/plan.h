/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan of a restore: who makes whom, and in which order, so that every
 * task ends up with its pid, session and process group. Pure data: nothing
 * here asks the kernel.
 */
#ifndef CRIU_LITE_ENGINE_PLAN_H
#define CRIU_LITE_ENGINE_PLAN_H

#include "core/task.h"

struct arena;

/*
 * Checks the tree (one root, parents first, no pid twice, sane ids) and links
 * parents with children. @shell_job allows sessions and groups from outside.
 * Returns 0 or -EINVAL, logged.
 */
int plan_tree(struct task_list *tasks, bool shell_job);

/*
 * Decides births (core/restore.h), and adds helper tasks that hold the ids of process groups
 * whose leader is gone. Returns 0 or -ENOTSUP, logged: sessions or groups that no
 * order of births can make.
 */
int plan_births(struct task_list *tasks, struct arena *arena);

/*
 * At dump: whether a restore would find a plan for the tree. Leaves it as it is. 0 or
 * -ENOTSUP, logged.
 */
int plan_check(const struct task_list *tasks, bool shell_job);

#endif
