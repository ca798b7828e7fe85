/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds: what the engine knows of the kernel objects that a task holds.
 *
 * A kind is one const object at the end of one file in kinds/, listed in
 * kinds/table.c. Both halves, dump and restore, stand in that file. A kind
 * calls core/, never a sibling or the engine. An operation that a kind does
 * not need is NULL.
 *
 *	file_kind	an open file: eventfd, pipe, regular file, ...
 *	vma_kind	a class of mappings: anonymous, file, vdso, ...
 *	task_kind	a part of a task's or thread's own state: credentials,
 *			timers, signals, ...
 *
 * Dump order:	  task_kind.admit, task_kind.dump_*, vma_kind.dump,
 *		  file_kind.dump for every task, file_kind.reach,
 *		  file_kind.complete; nothing is written before all of them
 *		  agreed. Then file_kind.save, and memory. When the dump
 *		  fails, file_kind.abandon.
 * Restore order: file_kind.load, file_kind.collect, vma_kind.check,
 *		  task_kind.check: all before any task runs. Then, in the
 *		  coordinator, file_kind.arrange; in the root task before it
 *		  makes its children, file_kind.open and file_kind.opened; in
 *		  the coordinator, file_kind.clear. Then, in each task,
 *		  task_kind.apply, file_kind.post_open, and vma_kind.plan and
 *		  task_kind.plan, which fill the arguments of the restorer
 *		  (inject/abi/restorer.h). When the tree runs, in the
 *		  coordinator, file_kind.finish.
 */
#ifndef CRIU_LITE_CORE_KIND_H
#define CRIU_LITE_CORE_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "images/fdinfo.pb-c.h"
#include "images/vma.pb-c.h"

struct dump;
struct fd_info;
struct file;
struct proc_vma;
struct restore;
struct restorer_args;
struct restorer_thread;
struct restorer_vma;
struct task;
struct thread;

struct file_kind {
	const char *name;		/* as an error names it: "eventfd" */
	FdTypes type;			/* file_entry.type, fdinfo_entry.type */
	const char *proto;		/* its file in images/ */
	const char *test;		/* a test in test/zdtm/ that shows it */

	/* Dump: is this open file of my kind? The first kind that says so has it. */
	bool (*probe)(const struct fd_info *info);
	/*
	 * Fills the one member of @entry (type and id are set). Called once
	 * for each open file description. Refuses by name what can't be
	 * restored exactly: log_error() and -ENOTSUP.
	 */
	int (*dump)(struct dump *d, struct fd_info *info, FileEntry *entry);
	/*
	 * Once, when every file of every task was dumped: dumps the files that
	 * only a file of this kind leads to (descriptors in flight).
	 */
	int (*reach)(struct dump *d);
	/*
	 * Once, when every file was dumped and before anything is written:
	 * refuses what only the whole tree tells, such as a pipe
	 * whose other end is held outside of it.
	 */
	int (*complete)(struct dump *d);
	/* Writes images of the kind's own, once, after every task agreed. */
	int (*save)(struct dump *d);
	/* The dump failed: takes back what save() did outside of the images. */
	void (*abandon)(struct dump *d);

	/* Restore: reads the kind's own images, once. */
	int (*load)(struct restore *r);
	/* Checks one entry and resolves its links to other entries. */
	int (*collect)(struct restore *r, struct file *file);
	/*
	 * Once, in the coordinator, when everything was checked and no task
	 * exists: gives names to files that have none, for open() to find.
	 */
	int (*arrange)(struct restore *r);
	/*
	 * Undoes arrange(), in the coordinator: when every file is open, or
	 * when the restore failed, at whatever point. May come twice.
	 */
	int (*clear)(struct restore *r);
	/* Once, in the coordinator, when the restored tree runs. */
	int (*finish)(struct restore *r);
	/*
	 * Opens the file and gives it to restore_file_set_fd(). Runs in the
	 * root task when no other task exists: every task inherits it.
	 * May set siblings too (the other end of a pipe): a file that has its
	 * descriptor already is not opened again.
	 */
	int (*open)(struct restore *r, struct file *file);
	/* Once, in the root task when it has opened every file. */
	int (*opened)(struct restore *r);
	/*
	 * Runs in the first task that has the file in its table, as descriptor
	 * @fd, when all tasks exist and have all their descriptors. Of a file
	 * that no task has, in the root task, with its service descriptor.
	 */
	int (*post_open)(struct restore *r, struct task *t, struct file *file, int fd);
};

/* Which pages of a mapping are stored. */
enum vma_pages {
	VMA_PAGES_NONE,			/* shared, or made by the kernel */
	VMA_PAGES_ANON,			/* every page that is there and not the zero page */
	VMA_PAGES_CHANGED,		/* only those that differ from the file */
	VMA_PAGES_ALL,			/* every page (vdso) */
};

struct vma_kind {
	const char *name;
	const char *proto;
	const char *test;
	uint32_t status;		/* class bits that select the kind at restore ... */
	uint32_t status_mask;		/* ... among these */
	enum vma_pages pages;

	bool (*probe)(const struct proc_vma *vma);
	/* Fills status, shmid, fdflags; start, end, prot, flags, pgoff, madv are set. */
	int (*dump)(struct dump *d, struct task *t, const struct proc_vma *vma, VmaEntry *entry);
	int (*check)(struct restore *r, struct task *t, const VmaEntry *entry);
	/* Once, in the root task when it has opened all files: what several mappings share. */
	int (*open)(struct restore *r);
	/* The same where nothing is restored: whether the content is what was dumped. */
	int (*verify)(const struct restore *r);
	/* Says which descriptor the restorer maps; all else is filled from the entry. */
	int (*plan)(struct restore *r, struct task *t, const VmaEntry *entry,
		    struct restorer_vma *vma);
};

struct task_kind {
	const char *name;
	const char *test;

	/*
	 * Dump, before anything is injected into any task: refuses by name,
	 * from what /proc tells, what the parasite could not live in either.
	 */
	int (*admit)(struct dump *d, struct task *t);
	int (*dump_task)(struct dump *d, struct task *t);
	int (*dump_thread)(struct dump *d, struct task *t, struct thread *th);

	int (*check)(struct restore *r, struct task *t);
	/* In the task itself, while it still has our memory and credentials. */
	int (*apply)(struct restore *r, struct task *t);
	/* Fills the restorer's arguments; memory of theirs comes from restorer_alloc(). */
	int (*plan)(struct restore *r, struct task *t, struct restorer_args *args);
	int (*plan_thread)(struct restore *r, struct task *t, struct thread *th,
			   struct restorer_thread *args);
};

/* Arrays that end in NULL: kinds/table.c. */
struct kind_table {
	const struct file_kind *const *files;
	const struct vma_kind *const *vmas;
	const struct task_kind *const *tasks;
};

#endif
