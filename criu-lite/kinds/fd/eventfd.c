// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd(2): a counter that reading takes and writing adds to.
 *
 * Saved are the counter and whether reads take one at a time (EFD_SEMAPHORE);
 * fdinfo tells both. A kernel before 6.5 does not tell the latter: such an
 * eventfd is taken for an ordinary one, with a warning. Images of other
 * writers don't have it either.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
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
#include "util/io.h"
#include "util/log.h"

/* More can't be written; only the kernel itself can make a counter overflow. */
#define COUNTER_MAX (UINT64_MAX - 1)

int eventfd_parse(const char *fdinfo, struct eventfd_state *state)
{
	uint64_t semaphore = 0;
	int r = fdinfo_u64(fdinfo, "eventfd-count:", 16, &state->counter);

	if (r < 0)
		return r;
	r = fdinfo_u64(fdinfo, "eventfd-semaphore:", 10, &semaphore);
	state->knows_semaphore = r == 0;
	state->semaphore = semaphore;
	return r == -ENOENT ? 0 : r;
}

static bool eventfd_probe(const struct fd_info *info)
{
	return fd_info_is_anon(info, "[eventfd]");
}

static int eventfd_dump(struct dump *d, struct fd_info *info, FileEntry *entry)
{
	EventfdFileEntry *efd = arena_message(d->arena, EventfdFileEntry, eventfd_file_entry__init);
	struct eventfd_state state;
	int r = eventfd_parse(info->fdinfo, &state);

	if (r < 0)
		return log_errno(r, "pid %d fd %d: eventfd: cannot read its fdinfo",
				 info->task->pid, info->fd);
	if (state.counter > COUNTER_MAX)
		return dump_refuse(info, "its counter overflowed");
	if (!state.knows_semaphore)
		log_warn("pid %d fd %d: eventfd: this kernel does not tell whether it is a "
			 "semaphore; it is taken for none", info->task->pid, info->fd);
	efd->id = entry->id;
	efd->flags = info->flags;
	efd->fown = info->fown;
	efd->counter = state.counter;
	if (state.semaphore) {
		efd->has_semaphore = true;
		efd->semaphore = true;
	}
	entry->efd = efd;
	return 0;
}

static int eventfd_collect(struct restore *r, struct file *file)
{
	if (file->entry->efd->counter > COUNTER_MAX)
		return log_errno(-EINVAL, "eventfd %#x: its counter overflowed", file->id);
	return 0;
}

static int eventfd_open(struct restore *r, struct file *file)
{
	const EventfdFileEntry *efd = file->entry->efd;
	_cleanup_close_ int fd = -1;
	int ret;

	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK |
		     (efd->has_semaphore && efd->semaphore ? EFD_SEMAPHORE : 0));
	if (fd < 0)
		return log_errno(-errno, "eventfd %#x: cannot make it", file->id);
	/* The initial value of eventfd() has only 32 bits. */
	ret = efd->counter ? write_all(fd, &efd->counter, sizeof(efd->counter)) : 0;
	if (ret < 0)
		return log_errno(ret, "eventfd %#x: cannot set its counter", file->id);
	ret = restore_file_flags(file, fd, efd->flags);
	if (ret < 0)
		return ret;
	return restore_file_set_fd(r, file, take_fd(&fd));
}

const struct file_kind eventfd_kind = {
	.name = "eventfd",
	.type = FD_TYPES__EVENTFD,
	.proto = "eventfd.proto",
	.test = "fd/eventfd",
	.probe = eventfd_probe,
	.dump = eventfd_dump,
	.collect = eventfd_collect,
	.open = eventfd_open,
};
