// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a task stands in the file system: working directory, root, umask.
 *
 * Both directories are files of the image, opened with all others. They are
 * entered at the last moment before the restorer, when every task has all its
 * descriptors: from then on nobody needs a path, which a new root would bend
 * (also that of a task that shares it, CLONE_FS, and is not as far yet).
 *
 * The directory comes after the root: chroot() leaves it alone, and it may lie
 * outside of the root.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "images/regfile.pb-c.h"
#include "kinds/task/kinds.h"
#include "sys/proc_status.h"
#include "util/log.h"

static int fs_dump_task(struct dump *d, struct task *t)
{
	int r;

	if (!task_is_live(t))
		return 0;
	t->fs->has_umask = true;
	t->fs->umask = t->dump->status->umask;
	r = dump_path_file(d, t, "cwd", 0, &t->fs->cwd_id);
	if (r < 0)
		return r;
	return dump_path_file(d, t, "root", 0, &t->fs->root_id);
}

static int check_directory(const struct restore *r, const struct task *t, const char *what,
			   uint32_t id)
{
	const struct file *file = restore_file_find(r, FD_TYPES__REG, id);

	if (!file || file->path_only)
		return log_errno(-EINVAL, "fs-%d: there is no file %#x, its %s directory", t->pid,
				 id, what);
	if (file->entry->reg->has_mode && !S_ISDIR(file->entry->reg->mode))
		return log_errno(-EINVAL, "fs-%d: its %s directory, file %#x, is none", t->pid,
				 what, id);
	return 0;
}

static int fs_check(struct restore *r, struct task *t)
{
	int ret = check_directory(r, t, "working", t->fs->cwd_id);

	if (ret < 0)
		return ret;
	if (t->fs->has_umask && t->fs->umask & ~0777u)
		return log_errno(-EINVAL, "fs-%d: umask is %#o", t->pid, t->fs->umask);
	return check_directory(r, t, "root", t->fs->root_id);
}

static int enter_root(const struct file *root)
{
	/* That of the mount namespace is ours already. */
	if (!strcmp(root->entry->reg->name, "/"))
		return 0;
	if (fchdir(root->fd) < 0 || chroot(".") < 0)
		return -errno;
	return 0;
}

static int fs_plan(struct restore *r, struct task *t, struct restorer_args *args)
{
	const struct file *root = restore_file_find(r, FD_TYPES__REG, t->fs->root_id);
	const struct file *cwd = restore_file_find(r, FD_TYPES__REG, t->fs->cwd_id);
	int ret;

	if (task_shares_fs(t))
		return 0;
	ret = enter_root(root);
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot make %s its root", t->pid,
				 root->entry->reg->name);
	if (fchdir(cwd->fd) < 0)
		return log_errno(-errno, "pid %d: cannot make %s its working directory", t->pid,
				 cwd->entry->reg->name);
	if (t->fs->has_umask)
		umask(t->fs->umask);
	return 0;
}

const struct task_kind task_fs_kind = {
	.name = "file system context",
	.test = "task/root",
	.dump_task = fs_dump_task,
	.check = fs_check,
	.plan = fs_plan,
};
