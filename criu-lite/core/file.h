/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Open files, for the engine and for the kinds in kinds/fd, kinds/sock and
 * kinds/tty. A file is an open file description; several descriptors, in
 * several tasks, may share it.
 */
#ifndef CRIU_LITE_CORE_FILE_H
#define CRIU_LITE_CORE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "images/fdinfo.pb-c.h"

struct dump;
struct fd_info;
struct file;
struct restore;
struct task;

/* F_GETFL has this bit for every file opened by path; libc's macro is 0. */
#define FILE_O_LARGEFILE 0x8000u
/* What an image says of a position that must stay where it is. */
#define FILE_POS_NONE UINT64_MAX

/*
 * Dump
 */

/*
 * Fills t->dump->fds: one element for each descriptor, ascending. Descriptors
 * of one open file description (here or in a task that was collected before)
 * share what was read of it and the local descriptor. t->dump->pidfd is set,
 * the task stands still. Returns 0 or -errno, logged.
 */
int fd_info_collect(struct dump *d, struct task *t);
/* Closes every local descriptor of the dump. */
void fd_info_close_all(struct dump *d);

/*
 * "pid 7 fd 3: inotify (anon_inode:inotify): WHY": logs the refusal, returns
 * -ENOTSUP. @fmt says why, and what to do.
 */
__attribute__((format(printf, 2, 3)))
int dump_refuse(const struct fd_info *info, const char *fmt, ...);

/*
 * A REG entry that says which path @info was opened by (a FIFO's, a
 * terminal's), with its flags and owner. Gives it a new file id.
 */
int dump_file_path(struct dump *d, const struct fd_info *info, uint32_t *id);

/* Whether it is the anonymous inode @name: "[eventfd]". */
bool fd_info_is_anon(const struct fd_info *info, const char *name);
/* "eventfd", "inotify", "netlink socket", ...: what an error calls the file. */
const char *file_type_name(const struct fd_info *info);

/*
 * Restore
 */

/*
 * Reads files.img and each task's fdinfo into r->files and t->fds, then lets
 * each kind load and collect. Returns 0 or -errno, logged.
 */
int restore_files_load(struct restore *r);
/*
 * The coordinator's part, around the opening: names for files that have none,
 * their removal (also after a failure), and what is left for the end. Each
 * returns 0 or -errno, logged.
 */
int restore_files_arrange(struct restore *r);
int restore_files_clear(struct restore *r);
int restore_files_finish(struct restore *r);
/* Opens every file. In the root task, before it makes its children. 0 or -errno, logged. */
int restore_files_open(struct restore *r);

/*
 * Sets the status flags that can be changed on an open file, and checks that
 * all others of @flags are as wanted. O_ASYNC waits for restore_file_settle().
 * Returns 0 or -errno, logged.
 */
int restore_file_flags(const struct file *file, int fd, uint32_t flags);
/* Seeks to @pos, unless that is FILE_POS_NONE. Returns 0 or -errno, logged. */
int restore_file_seek(const struct file *file, int fd, uint64_t pos);
/*
 * Opens the file behind @fd once more, as another open file description.
 * Returns the descriptor or -errno, not logged.
 */
int file_reopen(int fd, int flags);
/*
 * Acts with other real and effective ids for a moment: the kernel notes who
 * makes some objects. ids_resume() also brings back what changing ids takes
 * away (the signal of our parent's death). Both return 0 or -errno, not logged.
 */
struct saved_ids {
	uid_t uid, euid;
	gid_t gid, egid;
	int death_signal;
};
int ids_assume(uid_t uid, uid_t euid, gid_t gid, gid_t egid, struct saved_ids *saved);
int ids_resume(const struct saved_ids *saved);
/*
 * The second half of a restored file: its kind's post_open, then its owner
 * (all tasks exist now) and O_ASYNC. @fd is its number in the calling task @t.
 */
int restore_file_settle(struct restore *r, struct task *t, struct file *file, int fd);

#endif
