/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The context of one dump: what was collected of the tree, and what goes into
 * the images. All is collected first, into the arena; nothing is written
 * before every kind agreed.
 */
#ifndef CRIU_LITE_CORE_DUMP_H
#define CRIU_LITE_CORE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "core/kind.h"
#include "core/kobj.h"
#include "core/task.h"
#include "images/seccomp.pb-c.h"
#include "images/stats.pb-c.h"

struct arena;
struct image_dir;
struct kernel_features;
struct mapped_files;
struct memfd_inode;
struct options;
struct page_link;
struct parasite;
struct parasite_misc;
struct proc_limits;
struct proc_stat;
struct proc_status;
struct proc_timer;
struct remap_dump;
struct sock_usual;
struct sockdiag;
struct stats_clock;
struct thread_facts;
struct tracee;
struct xstate_layout;

/* One open file of a task, or a file that it uses without a descriptor. */
struct fd_info {
	struct task *task;
	int fd;			/* its number there; -1: exe, cwd, root, mapped, in flight */
	int local;		/* our descriptor of the same open file description */
	uint32_t id;		/* the file id in the images */
	const struct file_kind *kind;
	struct stat st;
	char *target;		/* what the link in /proc says: "/a/b", "socket:[1]" */
	uint32_t flags;		/* F_GETFL without O_CLOEXEC */
	bool cloexec;
	uint64_t pos;
	int mnt_id;
	FownEntry *fown;
	char *fdinfo;		/* the lines of /proc/PID/fdinfo/N that are the kind's own */
	struct fd_info *first;	/* of the same open file description; itself if it is */
	FileEntry *entry;	/* what was dumped of it; NULL until then */
	void *data;		/* the kind's own, from its dump() for its save() */
};

/* What only a dump knows of a thread and of a task. */
struct thread_dump {
	struct tracee *tracee;		/* NULL: a leader that has ended */
	struct proc_status *status;
	/* Asked for once, by the first of the task kinds. NULL: a leader that has ended. */
	struct thread_facts *facts;
};

struct task_dump {
	int pidfd;
	int runner_pidfd;		/* of the first thread that runs, if the leader has ended */
	struct proc_stat *stat;
	int stop_signal;		/* what had stopped it when it was seized; 0: it ran */
	struct proc_status *status;	/* NULL: zombie, as all below */
	struct proc_limits *limits;
	struct proc_vma *vmas;
	size_t n_vmas;
	struct fd_info *fds;		/* ascending */
	size_t n_fds;
	struct proc_timer *timers;
	size_t n_timers;
	struct parasite *parasite;
	const struct parasite_misc *misc;
};

/*
 * Below which /proc/N a process shows: that of a leader that has ended shows
 * neither memory nor files.
 */
static inline int task_proc(const struct task *t)
{
	return task_is_live(t) ? task_runner(t)->tid : t->pid;
}

struct dump {
	const struct options *opts;
	const struct kernel_features *features;
	const struct kind_table *kinds;
	struct arena *arena;
	struct image_dir *images;
	struct task_list tasks;
	TaskKobjIdsEntry *own_ids;	/* the dumper's: inventory.root_ids */
	struct sockdiag *socks;		/* of the dumper's network namespace */
	struct sock_usual *usual_socks;	/* kinds/sock/more.c */

	/* Open file descriptions by identity, and in the order of their ids. */
	struct kobj_set files;
	struct fd_info **descriptions;
	size_t n_descriptions, cap_descriptions;
	uint32_t last_file_id;
	/* Those that only exist for their path: exe, cwd, mapped files, ... */
	struct fd_info **path_files;
	size_t n_path_files, cap_path_files;
	/* Those that are in flight (SCM_RIGHTS) and nowhere else. */
	struct fd_info **inflight_files;
	size_t n_inflight_files, cap_inflight_files;
	struct kobj_set vm_ids, files_ids, fs_ids, sighand_ids;

	/* Seccomp filters, in the order of seccomp.img. */
	SeccompFilter **filters;
	size_t n_filters, cap_filters;

	uint32_t last_pages_id;
	struct page_link *page_link;	/* to the page server; NULL: pages go into files here */
	struct mapped_files *mapped;	/* files behind mappings: kinds/mm/vma.c */
	struct memfd_inode *memfds;	/* kinds/mm/memfd.c */
	struct remap_dump *remaps;	/* kinds/fd/remap.c */
	DumpStatsEntry *stats;		/* counters; times come from the clock */
	struct stats_clock *clock;	/* engine/stats.h */
	const struct xstate_layout *xstate;	/* kinds/task/regs.c */
};

/*
 * A file that the task uses without a descriptor. @link is below /proc/PID:
 * "exe", "cwd", "root", "map_files/START-END". @flags go into the entry. The
 * same file of the same task is given the same id. Returns 0 or -errno.
 */
int dump_path_file(struct dump *d, struct task *t, const char *link, uint32_t flags,
		   uint32_t *id);

/*
 * Finds or makes the entry of an open file description and sets info->id,
 * info->kind and info->entry. -ENOTSUP when no kind has it, named in the log.
 */
int dump_file(struct dump *d, struct fd_info *info);

/*
 * An open file that waits in the queue of @carrier (SCM_RIGHTS); @local, now
 * the dump's, is a descriptor of it. Dumps it if no task has it. Sets *id to
 * its file id. Returns 0 or -errno, logged.
 */
int dump_inflight_file(struct dump *d, const struct fd_info *carrier, int local, uint32_t *id);

/*
 * Adds a REG entry that no task has a descriptor of: another path of what @info
 * is. Sets reg->id. Returns 0 or -errno, logged.
 */
int dump_file_alias(struct dump *d, const struct fd_info *info, RegFileEntry *reg);

/*
 * Every descriptor of every task was dumped: finds what only files lead to, and
 * asks each kind whether the whole can be kept. 0 or -errno, logged.
 */
int dump_files_complete(struct dump *d);

#endif
