/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The context of one restore.
 *
 * It is filled from the images before any task runs; every restored task has
 * a copy of it by fork, and changes to the copy stay its own. What tasks
 * share at run time is the control block (inject/abi/restorer.h) and the
 * service descriptors: descriptors from service_base on, opened by the root
 * task before it makes its children and so at the same number in every task.
 */
#ifndef CRIU_LITE_CORE_RESTORE_H
#define CRIU_LITE_CORE_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/kind.h"
#include "core/task.h"
#include "images/inventory.pb-c.h"
#include "images/seccomp.pb-c.h"
#include "images/timens.pb-c.h"

struct arena;
struct cow;
struct image_dir;
struct kernel_features;
struct mapped_files;
struct memfd_inode;
struct options;
struct page_map;
struct proc_maps;
struct remap_restore;
struct restore_sync;
struct stats_clock;
struct task_seccomp;
struct xstate_layout;

/* One open file of the images. */
struct file {
	uint32_t id;
	FdTypes type;
	FileEntry *entry;
	const struct file_kind *kind;
	int fd;				/* service descriptor; -1 until opened */
	struct task *owner;		/* the first task that has it in its table */
	int owner_fd;
	const FownEntry *fown;		/* who gets its signals; NULL: nobody */
	uint32_t flags;			/* of the open file, as its member has them */
	/*
	 * Only says where a FIFO or terminal is: that one opens it. Set by the
	 * kind that uses it; such a file has no descriptor of its own.
	 */
	bool path_only;
	bool in_flight;			/* waits in a socket's queue, and maybe nowhere else */
	/* REG: where it is opened, if not by its name (kinds/fd/remap-restore.c) ... */
	const char *path;
	int made;			/* ... or the open file, a service descriptor; or -1 */
	void *data;			/* the kind's own, from its load() or collect() */
};

/* How a task comes into being (engine/plan.c). */
struct task_birth {
	/*
	 * Who makes it: its parent, or another child of its parent, or a helper, who
	 * leads its session.
	 */
	struct task *maker;
	struct task_list makes;
	/* Founds a group, and goes to its own when others have joined it. */
	bool leaves_group;
	/* Made before its parent calls setsid(), so that it keeps the older session. */
	bool before_setsid;
	/* The session it is made in; -1: whichever. 0: the one from outside. */
	int session;
};

/* What the tasks of the tree tell the coordinator of one of them. */
struct restore_area {
	uint64_t start, end;		/* its restorer, which is unmapped at the end */
	uint32_t made;			/* its maker: it exists, or has existed */
};

/* What only a restore knows of a task. */
struct task_restore {
	struct task_birth birth;
	int pidfd;
	struct page_map *pages;		/* pagemap-PID; NULL: zombie or helper */
	size_t n_reads;			/* what memory_restore_load() planned */
	void *vdso_tail;		/* kinds/mm/vdso.c: its last page, if it isn't ours */
	int uffd;			/* service descriptor; -1: not lazy */
	struct task_seccomp *seccomp;	/* kinds/task/seccomp.c; NULL: no thread is under it */
	uint64_t kinds_room;		/* bytes of the area, for kinds' plans beyond the usual */
	struct restore_area *area;	/* shared with the task, which fills it in */
};

struct restore {
	const struct options *opts;
	const struct kernel_features *features;
	const struct kind_table *kinds;
	struct arena *arena;
	struct image_dir *images;
	InventoryEntry *inventory;
	TimensEntry *clocks;		/* of the tree; NULL: not saved */
	struct task_list tasks;		/* parents first; helpers too */
	struct file *files;		/* ascending by (id, type) */
	size_t n_files;
	struct proc_maps *own_maps;	/* our mappings, which every task begins with */
	struct cow *cow;		/* engine/cow.c */
	struct mapped_files *mapped;	/* kinds/mm/vma.c */
	struct memfd_inode *memfds;	/* kinds/mm/memfd.c */
	struct remap_restore *remaps;	/* kinds/fd/remap-restore.c */
	struct restore_sync *sync;
	int sync_fd;			/* memfd behind sync, a service descriptor */
	int handoff;			/* socket to the lazy-pages server, or -1 */
	bool server_starts;		/* it is ours, and has not answered yet */
	int service_base, service_last;	/* where service descriptors are */
	int next_service;
	uint64_t pages_restored;	/* eagerly */
	const SeccompEntry *filters;	/* seccomp.img; NULL: not read yet, or there is none */
	struct stats_clock *clock;	/* engine/stats.h */
	const struct xstate_layout *xstate;	/* kinds/task/regs.c */
};

struct file *restore_file_find(const struct restore *r, FdTypes type, uint32_t id);
/* As above, but a file that is not there is an error: "OWNER ID: names no TYPE ID". */
struct file *restore_file_need(const struct restore *r, FdTypes type, uint32_t id,
			       const char *owner, uint32_t owner_id);

/* The path that a REG file is opened by. */
const char *restore_file_path(const struct file *file);

/*
 * Moves @fd to a service number, which is owned by the restore; @fd is closed,
 * also on failure. Returns the new descriptor or -errno, logged.
 */
int restore_service_fd(struct restore *r, int fd);
/* Gives an opened file its descriptor, moved to a service number. 0 or -errno. */
int restore_file_set_fd(struct restore *r, struct file *file, int fd);

/*
 * Makes a process of our own beside the tree: by a pid that none of its tasks and
 * threads will need. Returns as fork() does, or -errno, not logged.
 */
pid_t restore_fork_aside(const struct restore *r);

/*
 * Memory in the restorer's area, zeroed, 16-aligned, at its final address.
 * NULL when the area is full (logged): the engine sized it too small.
 */
void *restorer_alloc(struct restorer_args *args, uint64_t size);

#endif
