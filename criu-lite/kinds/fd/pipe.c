// SPDX-License-Identifier: GPL-2.0-only
/*
 * Anonymous pipes.
 *
 * A pipe is an inode with buffers; each end is an open file description of
 * it, usually two, more where /proc/PID/fd/N was opened. Saved are the inode
 * number, which joins the ends, the content and the capacity
 * (kinds/fd/pipe-data.c), and the owner of the inode, who may open it again
 * by /proc/self/fd or /dev/stdout.
 *
 * The first end that comes along makes the pipe, fills it, and makes all
 * other ends: only then the ends that nobody has are closed, so that a pipe
 * whose writer is gone keeps its content and then ends.
 *
 * Refused are packet mode (O_DIRECT), whose packets can't be told apart from
 * outside, and a pipe whose other end is held by a task outside of the tree:
 * nothing could join the two again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/fd/pipe-data.h"
#include "kinds/kinds.h"
#include "util/arena.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"

static bool pipe_probe(const struct fd_info *info)
{
	return !strncmp(info->target, "pipe:[", 6) && !(info->flags & O_PATH);
}

static int pipe_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	PipeEntry *pipe = arena_message(d->arena, PipeEntry, pipe_entry__init);

	if (info->flags & O_DIRECT)
		return dump_refuse(info, "packet mode (O_DIRECT) is not covered");
	pipe->id = entry->id;
	pipe->pipe_id = info->st.st_ino;
	pipe->flags = info->flags;
	pipe->fown = info->fown;
	if (info->st.st_uid || info->st.st_gid) {
		pipe->has_uid = pipe->has_gid = true;
		pipe->uid = info->st.st_uid;
		pipe->gid = info->st.st_gid;
	}
	entry->pipe = pipe;
	if ((info->flags & O_ACCMODE) == O_WRONLY)
		return 0;
	return pipe_data_read(d, info, pipe->pipe_id);
}

static int compare_infos(const void *a, const void *b)
{
	const struct fd_info *const *x = a, *const *y = b;

	if ((*x)->st.st_ino != (*y)->st.st_ino)
		return (*x)->st.st_ino < (*y)->st.st_ino ? -1 : 1;
	return 0;
}

/* @ends are all of one pipe that the tree has. */
static int check_ends(struct fd_info *const *ends, size_t n)
{
	bool reader = false, writer = false;
	struct pollfd poll_end = { .fd = ends[0]->local, .events = POLLIN | POLLOUT };

	for (size_t i = 0; i < n; i++) {
		reader |= (ends[i]->flags & O_ACCMODE) != O_WRONLY;
		writer |= (ends[i]->flags & O_ACCMODE) != O_RDONLY;
	}
	if (reader && writer)
		return 0;
	/* Nobody at the other end: the kernel says so. */
	if (poll(&poll_end, 1, 0) < 0)
		return log_errno(-errno, "pid %d fd %d: cannot poll the pipe", ends[0]->task->pid,
				 ends[0]->fd);
	if (poll_end.revents & (reader ? POLLHUP : POLLERR))
		return 0;
	return dump_refuse(ends[0], "its %s end is held outside of the tree: redirect it to a "
			   "file or /dev/null", reader ? "write" : "read");
}

static int pipe_complete(struct dump *d)
{
	_cleanup_free_ struct fd_info **list = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < d->n_descriptions; i++) {
		struct fd_info **slot;

		if (d->descriptions[i]->kind != &pipe_kind)
			continue;
		slot = array_push(&list, &n, &cap);
		if (!slot)
			return log_errno(-ENOMEM, "pipes: cannot list them");
		*slot = d->descriptions[i];
	}
	if (n)
		qsort(list, n, sizeof(*list), compare_infos);
	for (size_t i = 0, next; i < n; i = next) {
		int r;

		for (next = i + 1; next < n && !compare_infos(&list[i], &list[next]);)
			next++;
		r = check_ends(list + i, next - i);
		if (r < 0)
			return r;
	}
	return 0;
}

static int pipe_save(struct dump *d)
{
	return pipe_data_save(d, &pipe_kind, IMAGE_PIPES_DATA);
}

static uint32_t pipe_id(const struct file *file)
{
	return file->entry->pipe->pipe_id;
}

static int pipe_load(struct restore *r)
{
	return pipe_data_load(r, FD_TYPES__PIPE, IMAGE_PIPES_DATA, pipe_id);
}

static int pipe_collect(struct restore *r, struct file *file)
{
	uint32_t flags = file->entry->pipe->flags;

	if (flags & O_DIRECT)
		return log_errno(-ENOTSUP, "pipe %#x: packet mode (O_DIRECT) is not covered",
				 file->id);
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return log_errno(-EINVAL, "pipe %#x: no access mode in flags %#x", file->id, flags);
	return 0;
}

/* A new pipe's two descriptors; -1 when given away. */
struct new_pipe {
	int ends[2];
};

static void new_pipe_close(struct new_pipe *p)
{
	close_cleanup(&p->ends[0]);
	close_cleanup(&p->ends[1]);
}

static int make_end(struct restore *r, struct file *file, struct new_pipe *p, int any)
{
	const PipeEntry *entry = file->entry->pipe;
	int access = entry->flags & O_ACCMODE, ret;
	_cleanup_close_ int fd = -1;

	/* O_RDONLY is 0, O_WRONLY 1: the index in what pipe2() gives. */
	if (access != O_RDWR)
		fd = take_fd(&p->ends[access]);
	if (fd < 0)
		fd = file_reopen(any, access | O_NONBLOCK);
	if (fd < 0)
		return log_errno(fd, "pipe %#x: cannot open another end", file->id);
	ret = restore_file_flags(file, fd, entry->flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

static int pipe_open(struct restore *r, struct file *file)
{
	const struct pipe_group *group = file->data;
	const PipeEntry *entry = file->entry->pipe;
	_cleanup_(new_pipe_close) struct new_pipe p = { { -1, -1 } };
	int any, ret;

	if (pipe2(p.ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return log_errno(-errno, "pipe %#x: cannot make it", file->id);
	if (entry->has_uid && entry->has_gid && fchown(p.ends[0], entry->uid, entry->gid) < 0)
		return log_errno(-errno, "pipe %#x: cannot give it to %u:%u", file->id, entry->uid,
				 entry->gid);
	ret = pipe_data_fill(group, p.ends[1], "pipe");
	if (ret < 0)
		return ret;
	any = p.ends[0];
	for (size_t i = 0; i < group->n_ends; i++) {
		ret = make_end(r, group->ends[i], &p, any);
		if (ret < 0)
			return ret;
		any = group->ends[i]->fd;
	}
	return 0;
}

const struct file_kind pipe_kind = {
	.name = "pipe",
	.type = FD_TYPES__PIPE,
	.proto = "pipe.proto",
	.test = "fd/pipe",
	.probe = pipe_probe,
	.dump = pipe_dump,
	.complete = pipe_complete,
	.save = pipe_save,
	.load = pipe_load,
	.collect = pipe_collect,
	.open = pipe_open,
};
