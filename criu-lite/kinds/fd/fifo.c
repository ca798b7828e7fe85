// SPDX-License-Identifier: GPL-2.0-only
/*
 * FIFOs: pipes with a name.
 *
 * The path, flags and owner are in a REG entry of its own that the FIFO's entry
 * names; the content is saved as that of a pipe, in another file. The inode
 * number joins all open ends of one FIFO.
 *
 * Opening one end of a FIFO waits for the other, so restore first opens it for
 * both, fills it, opens every end of the image and lets go of its own last.
 * A reader can tell a writer that left (POLLHUP) from one that was never there;
 * where all readers are of the latter sort, none may see ours.
 *
 * Users of the FIFO that are not in the tree keep their ends and meet the
 * restored ones again, as with any file; but where they kept the content alive
 * as well it would be there twice: that is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/fd/pipe-data.h"
#include "kinds/kinds.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

static bool fifo_probe(const struct fd_info *info)
{
	return S_ISFIFO(info->st.st_mode) && info->target[0] == '/' && !(info->flags & O_PATH);
}

static int fifo_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	FifoEntry *fifo = arena_message(d->arena, FifoEntry, fifo_entry__init);
	struct pollfd p = { .fd = info->local, .events = POLLIN };
	int r;

	if (info->flags & O_DIRECT)
		return dump_refuse(info, "packet mode (O_DIRECT) is not covered");
	fifo->id = entry->id;
	fifo->pipe_id = info->st.st_ino;
	fifo->has_regf_id = true;
	r = dump_file_path(d, info, &fifo->regf_id);
	if (r < 0)
		return r;
	entry->fifo = fifo;
	if ((info->flags & O_ACCMODE) == O_WRONLY)
		return 0;
	if (poll(&p, 1, 0) < 0)
		return log_errno(-errno, "pid %d fd %d: FIFO: cannot poll", info->task->pid,
				 info->fd);
	fifo->has_hung_up = true;
	fifo->hung_up = p.revents & POLLHUP;
	return pipe_data_read(d, info, fifo->pipe_id);
}

static int fifo_save(struct dump *d)
{
	return pipe_data_save(d, &fifo_kind, IMAGE_FIFO_DATA);
}

static uint32_t fifo_id(const struct file *file)
{
	return file->entry->fifo->pipe_id;
}

static int fifo_load(struct restore *r)
{
	return pipe_data_load(r, FD_TYPES__FIFO, IMAGE_FIFO_DATA, fifo_id);
}

static int fifo_collect(struct restore *r, struct file *file)
{
	const FifoEntry *fifo = file->entry->fifo;
	struct file *path;

	if (!fifo->has_regf_id)
		return log_errno(-EINVAL, "FIFO %#x: has no path", file->id);
	path = restore_file_need(r, FD_TYPES__REG, fifo->regf_id, "FIFO", file->id);
	if (!path)
		return -EINVAL;
	if (path->owner)
		return log_errno(-EINVAL, "FIFO %#x: its path entry %#x is a descriptor too",
				 file->id, path->id);
	path->path_only = true;
	file->fown = path->fown;
	file->flags = path->flags;
	if (path->entry->reg->name[0] != '/')
		return log_errno(-EINVAL, "FIFO %#x: path \"%s\" is not absolute", file->id,
				 path->entry->reg->name);
	if (file->flags & O_DIRECT)
		return log_errno(-ENOTSUP, "FIFO %#x: packet mode (O_DIRECT) is not covered",
				 file->id);
	return 0;
}

static bool waits_for_writer(const struct pipe_group *group)
{
	for (size_t i = 0; i < group->n_ends; i++) {
		const FifoEntry *fifo = group->ends[i]->entry->fifo;

		if ((group->ends[i]->flags & O_ACCMODE) != O_RDONLY || !fifo->has_hung_up ||
		    fifo->hung_up)
			return false;
	}
	return !group->bytes;
}

static const struct file *path_of(const struct restore *r, const struct file *file)
{
	return restore_file_find(r, FD_TYPES__REG, file->entry->fifo->regf_id);
}

/*
 * Both ends at once: never waits, and keeps the content until all are open. Or
 * only the reading one, which does not wait either.
 */
static int open_first(const struct restore *r, const struct file *file, int access,
		      struct stat *inode)
{
	const struct file *path = path_of(r, file);
	const RegFileEntry *reg = path->entry->reg;
	_cleanup_close_ int fd = open(restore_file_path(path), access | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return log_errno(-errno, "FIFO %#x: cannot open %s", file->id, reg->name);
	if (fstat(fd, inode) < 0)
		return log_errno(-errno, "FIFO %#x: cannot stat %s", file->id, reg->name);
	if (!S_ISFIFO(inode->st_mode) || (reg->has_mode && reg->mode != inode->st_mode))
		return log_errno(-ESTALE, "FIFO %#x: %s: its mode was %#o at the dump, now it is "
				 "%#o", file->id, reg->name, reg->mode, inode->st_mode);
	return take_fd(&fd);
}

static int fill(const struct file *file, int fd)
{
	const struct pipe_group *group = file->data;
	int bytes;

	if (ioctl(fd, FIONREAD, &bytes) < 0)
		return log_errno(-errno, "FIFO %#x: cannot read how full it is", file->id);
	if (bytes && group->bytes)
		return log_errno(-EBUSY, "FIFO %#x: another task uses it and kept %d bytes in it: "
				 "the saved content would be there twice", file->id, bytes);
	return pipe_data_fill(group, fd, "FIFO");
}

/* By path, since the flags of an open by path may be among the file's. */
static int open_end(struct restore *r, struct file *file, const struct stat *inode)
{
	const struct file *path = path_of(r, file);
	const RegFileEntry *reg = path->entry->reg;
	_cleanup_close_ int fd = open(restore_file_path(path),
				      (file->flags & ~O_ASYNC) | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int ret;

	if (fd < 0)
		return log_errno(-errno, "FIFO %#x: cannot open %s", file->id, reg->name);
	if (fstat(fd, &st) < 0)
		return log_errno(-errno, "FIFO %#x: cannot stat %s", file->id, reg->name);
	if (st.st_ino != inode->st_ino || st.st_dev != inode->st_dev)
		return log_errno(-ESTALE, "FIFO %#x: %s is not the FIFO that other ends opened",
				 file->id, reg->name);
	ret = restore_file_flags(file, fd, file->flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

static int fifo_open(struct restore *r, struct file *file)
{
	const struct pipe_group *group = file->data;
	int access = waits_for_writer(group) ? O_RDONLY : O_RDWR, ret;
	struct stat inode;
	_cleanup_close_ int first = open_first(r, file, access, &inode);

	if (first < 0)
		return first;
	ret = fill(file, first);
	for (size_t i = 0; ret >= 0 && i < group->n_ends; i++)
		ret = open_end(r, group->ends[i], &inode);
	return ret;
}

const struct file_kind fifo_kind = {
	.name = "FIFO",
	.type = FD_TYPES__FIFO,
	.proto = "fifo.proto",
	.test = "fd/fifo",
	.probe = fifo_probe,
	.dump = fifo_dump,
	.save = fifo_save,
	.load = fifo_load,
	.collect = fifo_collect,
	.open = fifo_open,
};
