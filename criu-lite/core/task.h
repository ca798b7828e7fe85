/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The task tree: what a dump found, or what an image directory describes.
 *
 * Dump builds the messages (core, mm, fs, ids) from the live tree; restore
 * reads them from the images. Everything that only one side knows hangs behind
 * a pointer of its own, so that a reader sees which side a field belongs to.
 * All memory belongs to the arena of the dump or restore.
 */
#ifndef CRIU_LITE_CORE_TASK_H
#define CRIU_LITE_CORE_TASK_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "images/core.pb-c.h"
#include "images/fdinfo.pb-c.h"
#include "images/fs.pb-c.h"
#include "images/mm.pb-c.h"

/* task_core_entry.task_state (spec/images.md, section 4.4). */
enum task_state {
	TASK_ALIVE = 1,
	TASK_DEAD = 2,			/* zombie */
	TASK_STOPPED = 3,
	TASK_HELPER = 6,		/* lives during restore only, holds a pid */
};

struct arena;
struct task_dump;			/* core/dump.h */
struct thread_dump;
struct task_restore;			/* core/restore.h */

struct thread {
	int tid;			/* as the task sees it */
	CoreEntry *core;
	struct thread_dump *dump;
};

TAILQ_HEAD(task_list, task);

struct task {
	TAILQ_ENTRY(task) link;		/* tree order: parents come first */
	TAILQ_ENTRY(task) sibling;
	TAILQ_ENTRY(task) made;		/* restore: in its maker's list of births */
	struct task_list children;
	struct task *parent;		/* NULL: the root */
	int pid, ppid, pgid, sid;	/* pgid, sid 0: from outside (--shell-job) */
	enum task_state state;
	struct thread *threads;		/* the leader is element 0 */
	size_t n_threads;
	bool leader_ended;		/* the leader is a zombie, other threads run on */
	TaskKobjIdsEntry *ids;		/* NULL: zombie */
	MmEntry *mm;			/* NULL: zombie */
	FsEntry *fs;			/* NULL: zombie */
	FdinfoEntry **fds;		/* the descriptor table, ascending */
	size_t n_fds;
	struct task_dump *dump;
	struct task_restore *restore;
};

static inline CoreEntry *task_core(const struct task *t)
{
	return t->threads[0].core;
}

static inline bool task_is_live(const struct task *t)
{
	return t->state == TASK_ALIVE || t->state == TASK_STOPPED;
}

/* The first thread that has not ended. */
static inline struct thread *task_runner(const struct task *t)
{
	return &t->threads[t->leader_ended ? 1 : 0];
}

static inline bool thread_runs(const struct task *t, const struct thread *th)
{
	return task_is_live(t) && th >= task_runner(t);
}

struct task *task_find(const struct task_list *tasks, int pid);
/* What its parent gets at its end, as its image says; 0: nothing. */
int task_exit_signal(const struct task *t);
/* Whether the task uses its parent's descriptor table (CLONE_FILES). */
bool task_shares_files(const struct task *t);
bool task_shares_fs(const struct task *t);
bool task_shares_sighand(const struct task *t);

#endif
