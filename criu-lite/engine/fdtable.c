// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task's descriptor table.
 *
 *	0 1 2 . . 7 . .        service_base ............
 *	^ ^ ^     ^            each open file once, made by the root task,
 *	dup3() of those        inherited by all at the same number
 *
 * The gaps are closed: what our own process had open there is not the task's.
 */
#include "engine/fdtable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/file.h"
#include "core/restore.h"
#include "sys/syscall.h"
#include "util/log.h"
#include "util/macro.h"

/* Room for what a restore opens beside the files: images, sockets, logs. */
#define SPARE_SERVICE_FDS 64

int fdtable_choose_base(struct restore *r)
{
	struct rlimit limit;
	struct task *t;
	uint32_t base = 3;
	size_t need = r->n_files + SPARE_SERVICE_FDS;

	TAILQ_FOREACH(t, &r->tasks, link) {
		if (t->n_fds)
			base = MAX(base, t->fds[t->n_fds - 1]->fd + 1);
		/* One pages file and one userfaultfd each. */
		need += 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return log_errno(-errno, "open files: cannot read our limit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return log_errno(-errno, "open files: cannot raise our limit to %lu",
				 (unsigned long)limit.rlim_max);
	if (base + need > limit.rlim_max)
		return log_errno(-EMFILE, "open files: the tree needs descriptors up to %zu, our "
				 "hard limit is %lu: raise it (ulimit -Hn)", base + need,
				 (unsigned long)limit.rlim_max);
	r->service_base = r->next_service = base;
	return 0;
}

static int close_gap(unsigned int first, unsigned int end)
{
	if (first >= end)
		return 0;
	return sys_close_range(first, end - 1, 0);
}

static int place(struct restore *r, struct task *t)
{
	unsigned int next = 0;
	int ret;

	for (size_t i = 0; i < t->n_fds; i++) {
		const FdinfoEntry *e = t->fds[i];
		struct file *f = restore_file_find(r, e->type, e->id);

		ret = close_gap(next, e->fd);
		if (ret < 0)
			return log_errno(ret, "pid %d: cannot close descriptors", t->pid);
		if (dup3(f->fd, e->fd, e->flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
			return log_errno(-errno, "pid %d: fd %u: cannot place %s %#x", t->pid,
					 e->fd, f->kind->name, f->id);
		next = e->fd + 1;
	}
	ret = close_gap(next, r->service_base);
	if (ret < 0)
		return log_errno(ret, "pid %d: cannot close descriptors", t->pid);
	return 0;
}

/* What no table has: nobody but the root task can see to it. */
static bool settled_by(const struct file *f, const struct task *t)
{
	return f->owner ? f->owner == t : f->in_flight && !t->parent;
}

int fdtable_assemble(struct restore *r, struct task *t)
{
	int ret;

	if (task_shares_files(t))
		return 0;
	ret = place(r, t);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < r->n_files; i++) {
		struct file *f = &r->files[i];

		if (!settled_by(f, t))
			continue;
		ret = restore_file_settle(r, t, f, f->owner ? f->owner_fd : f->fd);
		if (ret < 0)
			return ret;
	}
	return 0;
}
