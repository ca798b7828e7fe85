// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task's descriptor table.
 *
 *	0 1 2 . . 7 . .        service_base ............
 *	^ ^ ^     ^            each open file once, made by the root task,
 *	dup3() of those        inherited by all at the same number
 *
 * The gaps are closed: what our own process had open there is not the task's.
 * Where tasks use numbers up to the limit the services lie in a gap of theirs.
 */
#include "engine/fdtable.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"
#include "core/restore.h"
#include "sys/nofile.h"
#include "sys/syscall.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Room for what a restore opens beside the files: images, sockets, logs. */
#define SPARE_SERVICE_FDS 64

/* One above the highest number that any task uses. */
static size_t end_of_tables(const struct restore *r)
{
	struct task *t;
	size_t end = 3;

	TAILQ_FOREACH(t, &r->tasks, link)
		if (t->n_fds)
			end = MAX(end, t->fds[t->n_fds - 1]->fd + (size_t)1);
	return end;
}

/* *@gap: the highest @need numbers in a row below @end that no task uses; 0: there are none. */
static int find_gap(const struct restore *r, size_t end, size_t need, size_t *gap)
{
	_cleanup_free_ bool *used = calloc(end, sizeof(*used));
	struct task *t;
	size_t n = 0;

	*gap = 0;
	if (!used)
		return log_errno(-ENOMEM, "open files: cannot look for %zu numbers in a row", need);
	TAILQ_FOREACH(t, &r->tasks, link)
		for (size_t i = 0; i < t->n_fds; i++)
			used[t->fds[i]->fd] = true;
	for (size_t at = end; at > 3; at--) {
		n = used[at - 1] ? 0 : n + 1;
		if (n == need) {
			*gap = at - 1;
			break;
		}
	}
	return 0;
}

int fdtable_choose_base(struct restore *r)
{
	/* A file that has no name is held by the coordinator too. */
	size_t base = end_of_tables(r), need = 2 * r->n_files + SPARE_SERVICE_FDS;
	struct task *t;
	uint64_t limit;
	int ret;

	/* One pages file and one userfaultfd each. */
	TAILQ_FOREACH(t, &r->tasks, link)
		need += 2;
	ret = nofile_raise(&limit);
	if (ret < 0)
		return ret;
	r->service_last = INT_MAX;
	if (base + need > limit) {
		size_t gap = 0;

		ret = base <= limit ? find_gap(r, base, need, &gap) : 0;

		if (ret < 0)
			return ret;
		if (!gap)
			return log_errno(-EMFILE, "open files: the tree needs descriptors up to "
					 "%zu, our hard limit is %lu: raise it (ulimit -Hn)",
					 base + need, (unsigned long)limit);
		base = gap;
		r->service_last = gap + need - 1;
	}
	r->service_base = r->next_service = base;
	return 0;
}

static int close_numbers(unsigned int first, unsigned int end)
{
	return first < end ? sys_close_range(first, end - 1, 0) : 0;
}

/* Closes [first, end) but for the services. */
static int close_gap(const struct restore *r, unsigned int first, unsigned int end)
{
	int ret = close_numbers(first, MIN(end, (unsigned int)r->service_base));

	return ret < 0 ? ret : close_numbers(MAX(first, r->service_last + 1U), end);
}

static int place(struct restore *r, struct task *t)
{
	unsigned int next = 0;
	int ret;

	for (size_t i = 0; i < t->n_fds; i++) {
		const FdinfoEntry *e = t->fds[i];
		struct file *f = restore_file_find(r, e->type, e->id);

		ret = close_gap(r, next, e->fd);
		if (ret < 0)
			return log_errno(ret, "pid %d: cannot close descriptors", t->pid);
		if (dup3(f->fd, e->fd, e->flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
			return log_errno(-errno, "pid %d: fd %u: cannot place %s %#x", t->pid,
					 e->fd, f->kind->name, f->id);
		next = e->fd + 1;
	}
	ret = close_gap(r, next, INT_MAX);
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
