// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files of a dump: what every file has, whatever its kind.
 *
 * A descriptor is a number, a close-on-exec flag and a reference to an open
 * file description, which has all the rest and may be shared with dup(), by
 * fork or over a socket. kcmp(2) says which descriptors share one. Each open
 * file description is fetched once, with pidfd_getfd(2): our descriptor is the
 * very same object, so nothing here may move its offset, take its data or
 * change its flags. What only a descriptor number can tell is read from
 * /proc/PID/fdinfo.
 *
 * Refused whatever the kind: file locks (they are gone when the holder is),
 * and owners of signals (F_SETOWN) that are not in the tree.
 */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "sys/proc.h"
#include "sys/proc_fdinfo.h"
#include "sys/proc_tasks.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"

/* <asm-generic/fcntl.h>; glibc does not have it. */
#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17
#endif

static void identify(const struct fd_info *info, char *buf, size_t size)
{
	if (info->fd >= 0)
		snprintf(buf, size, "pid %d fd %d", info->task->pid, info->fd);
	else
		snprintf(buf, size, "pid %d", info->task->pid);
}

int dump_refuse(const struct fd_info *info, const char *fmt, ...)
{
	_cleanup_free_ char *why = NULL;
	char who[64];
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&why, fmt, ap) < 0)
		why = NULL;
	va_end(ap);
	identify(info, who, sizeof(who));
	log_error("%s: %s (%s): %s", who, file_type_name(info), info->target,
		  why ? why : "can't be dumped");
	return -ENOTSUP;
}

static int get_fd(const struct task *t, int fd)
{
	int from = t->leader_ended ? t->dump->runner_pidfd : t->dump->pidfd;

	return sys_pidfd_getfd(from, fd);
}

static int read_owner(struct dump *d, struct fd_info *info)
{
	struct f_owner_ex owner = {};
	uid_t uids[2] = {};
	int signum;

	info->fown = arena_message(d->arena, FownEntry, fown_entry__init);
	/* Such a descriptor has no operations at all, so no owner either. */
	if (info->flags & O_PATH)
		return 0;
	signum = fcntl(info->local, F_GETSIG);
	if (signum < 0)
		return log_errno(-errno, "pid %d fd %d: cannot read F_GETSIG", info->task->pid,
				 info->fd);
	if (fcntl(info->local, F_GETOWN_EX, &owner) < 0)
		return log_errno(-errno, "pid %d fd %d: cannot read F_GETOWN_EX",
				 info->task->pid, info->fd);
	info->fown->signum = signum;
	if (!owner.pid)
		return 0;
	if (fcntl(info->local, F_GETOWNER_UIDS, uids) < 0)
		return log_errno(-errno, "pid %d fd %d: cannot read F_GETOWNER_UIDS",
				 info->task->pid, info->fd);
	info->fown->pid = owner.pid;
	info->fown->pid_type = owner.type;
	info->fown->uid = uids[0];
	info->fown->euid = uids[1];
	return 0;
}

static int read_flags(struct dump *d, struct fd_info *info)
{
	int flags = fcntl(info->local, F_GETFL);

	if (flags < 0)
		return log_errno(-errno, "pid %d fd %d: cannot read F_GETFL", info->task->pid,
				 info->fd);
	info->flags = flags & ~O_CLOEXEC;
	return read_owner(d, info);
}

/* What belongs to the open file description: read for its first descriptor only. */
static int read_description(struct dump *d, struct fd_info *info)
{
	info->local = get_fd(info->task, info->fd);
	if (info->local == -EMFILE) {
		info->local = -1;
		return log_errno(-EMFILE, "pid %d fd %d: too many open files for us: raise our "
				 "hard limit (ulimit -Hn)", info->task->pid, info->fd);
	}
	if (info->local < 0) {
		int err = info->local;

		info->local = -1;
		return log_errno(err, "pid %d fd %d: cannot get the open file", info->task->pid,
				 info->fd);
	}
	return read_flags(d, info);
}

static void share_description(struct fd_info *info, const struct fd_info *first)
{
	info->local = first->local;
	info->st = first->st;
	info->flags = first->flags;
	info->fown = first->fown;
	info->first = (struct fd_info *)first;
}

/* Mixes what kcmp need not be asked for: descriptors of two inodes never share. */
static uint64_t identity_key(const struct stat *st)
{
	return (st->st_ino * 0x9e3779b97f4a7c15ULL) ^ st->st_dev;
}

/* What /proc says of descriptor @fd of @pid. */
static int read_proc(struct dump *d, struct fd_info *info, int pid, int fd)
{
	_cleanup_free_ char *target = NULL, *text = NULL;
	struct proc_fdinfo generic;
	int r;

	r = proc_readlink(pid, &target, "fd/%d", fd);
	if (r < 0)
		return log_errno(r, "pid %d fd %d: cannot read its link", pid, fd);
	r = proc_fdinfo_read(pid, fd, &generic, &text);
	if (r < 0)
		return log_errno(r, "pid %d fd %d: cannot read its fdinfo", pid, fd);
	info->target = arena_strdup(d->arena, target);
	info->fdinfo = arena_strdup(d->arena, generic.rest);
	info->cloexec = generic.flags & O_CLOEXEC;
	info->pos = generic.pos;
	info->mnt_id = generic.mnt_id;
	return 0;
}

/* @dir is /proc/PID/fd. */
static int collect_fd(struct dump *d, struct fd_info *info, int dir)
{
	struct kobj *obj;
	struct stat st;
	char number[16];
	bool is_new;
	int r;

	r = read_proc(d, info, task_proc(info->task), info->fd);
	if (r < 0)
		return r;
	snprintf(number, sizeof(number), "%d", info->fd);
	if (fstatat(dir, number, &st, 0) < 0)
		return log_errno(-errno, "pid %d fd %d: cannot stat", info->task->pid, info->fd);
	obj = kobj_find(&d->files, task_proc(info->task), info->fd, identity_key(&st),
			&is_new);
	if (!obj)
		return d->files.err;
	if (!is_new) {
		share_description(info, obj->object);
		return 0;
	}
	obj->object = info;
	info->first = info;
	info->st = st;
	return read_description(d, info);
}

int fd_info_collect(struct dump *d, struct task *t)
{
	_cleanup_free_ int *numbers = NULL;
	_cleanup_close_ int dir = -1;
	size_t n;
	int r;

	r = proc_fds_read(task_proc(t), &numbers, &n);
	if (r < 0)
		return log_errno(r, "pid %d: cannot list its descriptors", t->pid);
	dir = proc_open(task_proc(t), O_PATH | O_DIRECTORY | O_CLOEXEC, "fd");
	if (dir < 0)
		return log_errno(dir, "pid %d: cannot open its fd directory", t->pid);
	t->dump->fds = arena_new_array(d->arena, struct fd_info, n);
	t->dump->n_fds = 0;
	for (size_t i = 0; i < n; i++) {
		struct fd_info *info = &t->dump->fds[i];

		info->task = t;
		info->fd = numbers[i];
		info->local = -1;
		t->dump->n_fds++;
		r = collect_fd(d, info, dir);
		if (r < 0)
			return r;
	}
	return 0;
}

static void close_local(struct fd_info *info)
{
	if (info->local >= 0)
		close(info->local);
	info->local = -1;
}

void fd_info_close_all(struct dump *d)
{
	struct task *t;

	TAILQ_FOREACH(t, &d->tasks, link) {
		if (!t->dump)
			continue;
		for (size_t i = 0; i < t->dump->n_fds; i++)
			if (t->dump->fds[i].first == &t->dump->fds[i])
				close_local(&t->dump->fds[i]);
	}
	for (size_t i = 0; i < d->n_path_files; i++)
		close_local(d->path_files[i]);
	for (size_t i = 0; i < d->n_inflight_files; i++)
		close_local(d->inflight_files[i]);
}

static bool owner_in_tree(const struct dump *d, const FownEntry *fown)
{
	struct task *t;

	TAILQ_FOREACH(t, &d->tasks, link) {
		if (fown->pid_type == F_OWNER_PGRP && t->pgid == (int)fown->pid)
			return true;
		if (fown->pid_type == F_OWNER_PID && t->pid == (int)fown->pid)
			return true;
		/* Other threads are made too late to own a file. */
		if (fown->pid_type == F_OWNER_TID && t->pid == (int)fown->pid)
			return true;
	}
	return false;
}

static const char *owner_name(const FownEntry *fown)
{
	switch (fown->pid_type) {
	case F_OWNER_PGRP:
		return "process group";
	case F_OWNER_PID:
		return "task";
	}
	return "thread";
}

/* What no kind can keep. Locks belong to a task, so every descriptor is asked. */
static int check_common(const struct dump *d, const struct fd_info *info)
{
	if (fdinfo_field(info->fdinfo, "lock:"))
		return dump_refuse(info, "holds a file lock or lease; locks are not covered: "
				   "release it first");
	if (info->first == info && info->fown->pid && !owner_in_tree(d, info->fown))
		return dump_refuse(info, "sends its signals (F_SETOWN) to %s %u, which is no %s of "
				   "the tree", owner_name(info->fown), info->fown->pid,
				   info->fown->pid_type == F_OWNER_TID ? "main thread" : "part");
	return 0;
}

static const struct file_kind *find_kind(const struct dump *d, const struct fd_info *info)
{
	for (const struct file_kind *const *k = d->kinds->files; *k; k++)
		if ((*k)->probe(info))
			return *k;
	return NULL;
}

static int add_description(struct dump *d, struct fd_info *info)
{
	struct fd_info **slot;
	FileEntry *entry;
	int r;

	entry = arena_message(d->arena, FileEntry, file_entry__init);
	entry->type = info->kind->type;
	entry->id = info->id = ++d->last_file_id;
	/* Before the kind adds files of its own: the order is that of the ids. */
	slot = array_push(&d->descriptions, &d->n_descriptions, &d->cap_descriptions);
	if (!slot)
		return log_errno(-ENOMEM, "files: cannot add file %#x", info->id);
	*slot = info;
	r = info->kind->dump(d, info, entry);
	if (r < 0)
		return r;
	info->entry = entry;
	return 0;
}

int dump_file(struct dump *d, struct fd_info *info)
{
	struct fd_info *first = info->first;
	int r;

	r = check_common(d, info);
	if (r < 0)
		return r;
	if (!first->entry) {
		first->kind = find_kind(d, first);
		if (!first->kind)
			return dump_refuse(first, "this type of file is not covered: close it "
					   "before the dump");
		r = add_description(d, first);
		if (r < 0)
			return r;
	}
	info->id = first->id;
	info->kind = first->kind;
	info->entry = first->entry;
	return 0;
}

static bool same_path_file(const struct fd_info *a, const struct fd_info *b)
{
	return a->st.st_ino == b->st.st_ino && a->st.st_dev == b->st.st_dev &&
	       a->mnt_id == b->mnt_id && a->flags == b->flags && !strcmp(a->target, b->target);
}

static int add_path_file(struct dump *d, struct fd_info *info)
{
	struct fd_info **slot;
	int r = add_description(d, info);

	if (r < 0)
		return r;
	slot = array_push(&d->path_files, &d->n_path_files, &d->cap_path_files);
	if (!slot)
		return log_errno(-ENOMEM, "files: cannot add file %#x", info->id);
	*slot = info;
	return 0;
}

static struct fd_info *new_path_file(struct dump *d, struct task *t, uint32_t flags)
{
	struct fd_info *info = arena_new_object(d->arena, struct fd_info);

	info->task = t;
	info->fd = info->local = -1;
	info->flags = flags;
	info->fown = arena_message(d->arena, FownEntry, fown_entry__init);
	info->fdinfo = "";
	info->first = info;
	return info;
}

static int read_path_file(struct dump *d, struct fd_info *info, int fd, const char *link)
{
	_cleanup_free_ char *target = NULL;
	struct statx stx;
	int r;

	r = proc_readlink(task_proc(info->task), &target, "%s", link);
	if (r < 0)
		return log_errno(r, "pid %d: cannot read the link %s", info->task->pid, link);
	info->target = arena_strdup(d->arena, target);
	if (fstat(fd, &info->st) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) < 0)
		return log_errno(-errno, "pid %d: cannot stat %s", info->task->pid, link);
	info->mnt_id = stx.stx_mask & STATX_MNT_ID ? (int)stx.stx_mnt_id : -1;
	return 0;
}

int dump_path_file(struct dump *d, struct task *t, const char *link, uint32_t flags,
		   uint32_t *id)
{
	struct fd_info *info = new_path_file(d, t, flags);
	_cleanup_close_ int fd = -1;
	int r;

	/* Not opened for use: that could wake a device. A kind reopens it if it must. */
	fd = proc_open(task_proc(t), O_PATH | O_CLOEXEC, "%s", link);
	if (fd < 0)
		return log_errno(fd, "pid %d: cannot open %s", t->pid, link);
	r = read_path_file(d, info, fd, link);
	if (r < 0)
		return r;
	for (size_t i = 0; i < d->n_path_files; i++) {
		if (!same_path_file(d->path_files[i], info))
			continue;
		*id = d->path_files[i]->id;
		return 0;
	}
	info->local = take_fd(&fd);
	info->kind = find_kind(d, info);
	r = info->kind ? add_path_file(d, info) :
	    dump_refuse(info, "%s of the task is a file that is not covered", link);
	if (r < 0) {
		close_local(info);
		return r;
	}
	*id = info->id;
	return 0;
}

int dump_file_alias(struct dump *d, const struct fd_info *info, RegFileEntry *reg)
{
	struct fd_info *alias = arena_memdup(d->arena, info, sizeof(*info)), **slot;

	alias->first = alias;
	alias->fd = -1;
	alias->data = NULL;
	alias->id = reg->id = ++d->last_file_id;
	alias->entry = arena_message(d->arena, FileEntry, file_entry__init);
	alias->entry->type = FD_TYPES__REG;
	alias->entry->id = reg->id;
	alias->entry->reg = reg;
	slot = array_push(&d->descriptions, &d->n_descriptions, &d->cap_descriptions);
	if (!slot)
		return log_errno(-ENOMEM, "files: cannot add file %#x", alias->id);
	*slot = alias;
	return 0;
}

int dump_file_path(struct dump *d, const struct fd_info *info, uint32_t *id)
{
	struct fd_info *path = arena_memdup(d->arena, info, sizeof(*info));
	int r;

	path->first = path;
	path->fd = -1;
	path->pos = FILE_POS_NONE;
	path->kind = NULL;
	for (const struct file_kind *const *k = d->kinds->files; *k; k++)
		if ((*k)->type == FD_TYPES__REG)
			path->kind = *k;
	if (!path->kind)
		return dump_refuse(info, "its path can't be saved without the kind of regular "
				   "files");
	r = add_description(d, path);
	if (r < 0)
		return r;
	*id = path->id;
	return 0;
}

/* As collect_fd(), from a descriptor that is ours alone. */
static int collect_inflight(struct dump *d, struct fd_info *info)
{
	struct fd_info **slot = array_push(&d->inflight_files, &d->n_inflight_files,
					   &d->cap_inflight_files);
	int r;

	if (!slot) {
		close_local(info);
		return log_errno(-ENOMEM, "files: cannot add one that is in flight");
	}
	*slot = info;
	r = read_proc(d, info, getpid(), info->local);
	return r < 0 ? r : read_flags(d, info);
}

int dump_inflight_file(struct dump *d, const struct fd_info *carrier, int local, uint32_t *id)
{
	_cleanup_close_ int fd = local;
	struct fd_info *info;
	struct kobj *obj;
	struct stat st;
	bool is_new;
	int r;

	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "pid %d fd %d: cannot stat a file in flight",
				 carrier->task->pid, carrier->fd);
	obj = kobj_find(&d->files, getpid(), fd, identity_key(&st), &is_new);
	if (!obj)
		return d->files.err;
	if (is_new) {
		obj->object = info = arena_new_object(d->arena, struct fd_info);
		info->task = carrier->task;
		info->fd = -1;
		info->first = info;
		info->st = st;
		info->local = take_fd(&fd);
		r = collect_inflight(d, info);
		if (r < 0)
			return r;
	}
	info = obj->object;
	r = dump_file(d, info);
	*id = info->id;
	return r;
}

int dump_files_complete(struct dump *d)
{
	for (const struct file_kind *const *k = d->kinds->files; *k; k++) {
		int r = (*k)->reach ? (*k)->reach(d) : 0;

		if (r < 0)
			return r;
	}
	for (const struct file_kind *const *k = d->kinds->files; *k; k++) {
		int r = (*k)->complete ? (*k)->complete(d) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
