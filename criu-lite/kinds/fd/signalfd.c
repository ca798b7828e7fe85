// SPDX-License-Identifier: GPL-2.0-only
/*
 * signalfd(2): a set of signals that reading takes from the reader's queues.
 *
 * The set is all it has; the signals themselves are state of the tasks. It
 * belongs to no task: who reads it reads its own signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/kind.h"
#include "core/restore.h"
#include "kinds/fd/fdinfo.h"
#include "kinds/kinds.h"
#include "sys/proc_fdinfo.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

int signalfd_parse(const char *fdinfo, uint64_t *sigmask)
{
	return fdinfo_u64(fdinfo, "sigmask:", 16, sigmask);
}

static bool signalfd_probe(const struct fd_info *info)
{
	return fd_info_is_anon(info, "[signalfd]");
}

static int signalfd_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	SignalfdEntry *sgfd = arena_message(d->arena, SignalfdEntry, signalfd_entry__init);
	int r = signalfd_parse(info->fdinfo, &sgfd->sigmask);

	if (r < 0)
		return log_errno(r, "pid %d fd %d: signalfd: cannot read its fdinfo",
				 info->task->pid, info->fd);
	sgfd->id = entry->id;
	sgfd->flags = info->flags;
	sgfd->fown = info->fown;
	entry->sgfd = sgfd;
	return 0;
}

static int signalfd_open(struct restore *r, struct file *file)
{
	const SignalfdEntry *sgfd = file->entry->sgfd;
	_cleanup_close_ int fd = -1;
	sigset_t mask;
	int ret;

	/* The kernel's set is the first 64 bits of libc's. */
	sigemptyset(&mask);
	memcpy(&mask, &sgfd->sigmask, sizeof(sgfd->sigmask));
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return log_errno(-errno, "signalfd %#x: cannot make it", file->id);
	ret = restore_file_flags(file, fd, sgfd->flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

const struct file_kind signalfd_kind = {
	.name = "signalfd",
	.type = FD_TYPES__SIGNALFD,
	.proto = "signalfd.proto",
	.test = "fd/signalfd",
	.probe = signalfd_probe,
	.dump = signalfd_dump,
	.open = signalfd_open,
};
