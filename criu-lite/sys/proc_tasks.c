// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads, children and descriptors of a task.
 *
 * Threads and descriptors are directories of numbers. Children are files, one
 * a thread: a child belongs to the thread that made it.
 */
#include "sys/proc_tasks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sys/proc.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/scan.h"

/* Readings of a list of threads that lacks the leader. */
#define LIST_TRIES 5

static int by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int push_number(int number, int **numbers, size_t *n, size_t *cap)
{
	int *slot = array_push(numbers, n, cap);

	if (!slot)
		return -ENOMEM;
	*slot = number;
	return 0;
}

/* Entries of /proc/PID/NAME, ascending; all are numbers but "." and "..". */
static int read_numbers(pid_t pid, const char *name, int **numbers, size_t *n_numbers)
{
	_cleanup_close_ int fd = proc_open(pid, O_RDONLY | O_DIRECTORY, "%s", name);
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_free_ int *list = NULL;
	size_t n = 0, cap = 0;
	struct dirent *entry;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return log_errno(-errno, "pid %d: cannot list %s", pid, name);
	take_fd(&fd);
	while ((errno = 0, entry = readdir(dir))) {
		const char *p = entry->d_name;
		int32_t number;

		if (*p == '.')
			continue;
		if (!scan_i32(&p, &number) || *p)
			return log_errno(-EINVAL, "pid %d: %s/%s is no number", pid, name,
					 entry->d_name);
		if (push_number(number, &list, &n, &cap) < 0)
			return -ENOMEM;
	}
	/* The kernel says ENOENT or ESRCH for a task that went away meanwhile. */
	if (errno == ENOENT || errno == ESRCH)
		return -ESRCH;
	if (errno)
		return log_errno(-errno, "pid %d: cannot list %s", pid, name);
	if (n)
		qsort(list, n, sizeof(*list), by_number);
	*numbers = take_ptr(list);
	*n_numbers = n;
	return 0;
}

/* Returns 0; positive: @pid is not in the list; or -errno. */
static int read_threads(pid_t pid, pid_t **tids, size_t *n_tids)
{
	_cleanup_free_ pid_t *list = NULL;
	size_t i, n;
	int r = read_numbers(pid, "task", &list, &n);

	if (r < 0)
		return r;
	for (i = 0; i < n && list[i] != pid; i++)
		;
	if (i == n)
		return n ? 1 : -ESRCH;
	memmove(list + 1, list, i * sizeof(*list));
	list[0] = pid;
	*tids = take_ptr(list);
	*n_tids = n;
	return 0;
}

/* A thread that executes a program takes the leader's number while the list is read. */
int proc_threads_read(pid_t pid, pid_t **tids, size_t *n_tids)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };

	for (int i = 0; i < LIST_TRIES; i++) {
		int r = read_threads(pid, tids, n_tids);

		if (r <= 0)
			return r;
		nanosleep(&pause, NULL);
	}
	return log_errno(-EINVAL, "pid %d: is not a thread group leader", pid);
}

int proc_fds_read(pid_t pid, int **fds, size_t *n_fds)
{
	return read_numbers(pid, "fd", fds, n_fds);
}

int proc_children_parse(const char *text, pid_t **pids, size_t *n_pids, size_t *cap_pids)
{
	const char *p = text;

	for (scan_blanks(&p); *p; scan_blanks(&p)) {
		int32_t pid;

		/* 0: a child of another pid namespace, that we can't name. */
		if (!scan_i32(&p, &pid) || pid < 1 || (*p && *p != ' '))
			return log_errno(-EINVAL, "proc children: malformed at byte %td",
					 p - text);
		if (push_number(pid, pids, n_pids, cap_pids) < 0)
			return -ENOMEM;
	}
	return 0;
}

int proc_children_read(pid_t pid, pid_t **pids, size_t *n_pids)
{
	_cleanup_free_ pid_t *tids = NULL, *list = NULL;
	size_t i, n_tids, n = 0, cap = 0;
	int r = proc_threads_read(pid, &tids, &n_tids);

	if (r < 0)
		return r;
	for (i = 0; i < n_tids; i++) {
		_cleanup_free_ char *text = NULL;

		r = proc_read(pid, &text, NULL, "task/%d/children", tids[i]);
		if (r < 0)
			return r;
		r = proc_children_parse(text, &list, &n, &cap);
		if (r < 0)
			return r;
	}
	*pids = take_ptr(list);
	*n_pids = n;
	return 0;
}
