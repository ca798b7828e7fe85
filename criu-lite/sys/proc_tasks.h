/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The threads, children and descriptors of a task, by number.
 * The lists are exact only while the task stands still.
 */
#ifndef CRIU_LITE_SYS_PROC_TASKS_H
#define CRIU_LITE_SYS_PROC_TASKS_H

#include <stddef.h>
#include <sys/types.h>

/* Each gives a new array that the caller frees. Errors as in sys/proc.h. */

/* Threads: the leader first, then ascending. */
int proc_threads_read(pid_t pid, pid_t **tids, size_t *n_tids);
/*
 * Children of all threads, zombies too, in the order they were made by each
 * thread. -ENOENT: a kernel without CONFIG_PROC_CHILDREN.
 */
int proc_children_read(pid_t pid, pid_t **pids, size_t *n_pids);
/* Open descriptors, ascending. */
int proc_fds_read(pid_t pid, int **fds, size_t *n_fds);

/* One children file: numbers with blanks between. Appends. 0, -EINVAL (logged), -ENOMEM. */
int proc_children_parse(const char *text, pid_t **pids, size_t *n_pids, size_t *cap_pids);

#endif
