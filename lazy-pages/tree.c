// SPDX-License-Identifier: GPL-2.0-only
/*
 * The restored processes, and how they are killed.
 *
 * The server may die at any instruction, so nothing is asked of its memory:
 * the descriptor table that it shared says which tasks (pidfds) and which
 * address spaces (userfaultfds) there are. Killing goes by tree: the tasks,
 * their children, their children's children. A descendant whose parents are
 * all gone is found by its memory: it has tracked mappings, and one of our
 * userfaultfds can change how they are tracked. Whether an address space is
 * gone only its userfaultfd can tell, and it has the last word.
 */
#include "lazy-pages/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lazy-pages/fill.h"
#include "sys/proc.h"
#include "sys/proc_fdinfo.h"
#include "sys/proc_maps.h"
#include "sys/proc_stat.h"
#include "sys/proc_tasks.h"
#include "sys/syscall.h"
#include "sys/uffd.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/parse.h"

/* Deeper than any real tree; a bound on a walk of what changes as we look. */
#define DEPTH_MAX 4096

pid_t tree_pidfd_pid(int pidfd)
{
	_cleanup_free_ char *text = NULL;
	const char *value;
	long pid;
	int err = proc_read(getpid(), &text, NULL, "fdinfo/%d", pidfd);

	if (err)
		return err;
	value = fdinfo_field(text, "Pid:");
	if (!value)
		return -EBADF;
	pid = strtol(value, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? pid : -ESRCH;
}

static int push_fd(int **fds, size_t *n, size_t *cap, int fd)
{
	int *slot = array_push(fds, n, cap);

	if (!slot)
		return log_errno(-ENOMEM, "guardian: cannot list descriptors");
	*slot = fd;
	return 0;
}

static int sort_fd(struct tree_fds *fds, int fd, int except)
{
	_cleanup_free_ char *target = NULL;
	int err = proc_readlink(getpid(), &target, "fd/%d", fd);
	pid_t pid;

	/* The listing itself used one that is closed by now. */
	if (err)
		return err == -ENOENT ? 0 : err;
	if (!strcmp(target, "anon_inode:[userfaultfd]"))
		return push_fd(&fds->uffds, &fds->n_uffds, &fds->cap_uffds, fd);
	/* A filesystem of their own from Linux 6.9 on. */
	if (strcmp(target, "anon_inode:[pidfd]") && strncmp(target, "pidfd:", 6))
		return 0;
	pid = tree_pidfd_pid(fd);
	if (pid == getpid() || fd == except)
		return 0;
	return push_fd(&fds->pidfds, &fds->n_pidfds, &fds->cap_pidfds, fd);
}

int tree_find_fds(struct tree_fds *fds, int except)
{
	_cleanup_free_ int *all = NULL;
	size_t n_all = 0;
	int err = proc_fds_read(getpid(), &all, &n_all);

	*fds = (struct tree_fds){ 0 };
	for (size_t i = 0; i < n_all && !err; i++)
		err = sort_fd(fds, all[i], except);
	if (err)
		tree_fds_fini(fds);
	return err;
}

void tree_fds_fini(struct tree_fds *fds)
{
	free(fds->pidfds);
	free(fds->uffds);
	*fds = (struct tree_fds){ 0 };
}

/* Kills @pid if it still is what @is_it says, which is asked when it can't be reused. */
static void kill_if(pid_t pid, bool (*is_it)(pid_t pid, const void *arg), const void *arg)
{
	_cleanup_close_ int pidfd = sys_pidfd_open(pid, 0);

	if (pidfd < 0 || !is_it(pid, arg))
		return;
	/* Fails where it is dead already. */
	sys_pidfd_send_signal(pidfd, SIGKILL, NULL);
}

static bool is_child_of(pid_t pid, const void *arg)
{
	struct proc_stat st;

	return !proc_stat_read(pid, 0, &st) && st.ppid == *(const pid_t *)arg;
}

/* Children first: an orphan would be out of reach. */
static void kill_children(pid_t parent, unsigned int depth)
{
	_cleanup_free_ pid_t *children = NULL;
	size_t n = 0;

	if (depth > DEPTH_MAX || proc_children_read(parent, &children, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		kill_children(children[i], depth + 1);
		kill_if(children[i], is_child_of, &parent);
	}
}

static void kill_tasks(const struct tree_fds *fds)
{
	/* They make no more children while the tree is walked. */
	for (size_t i = 0; i < fds->n_pidfds; i++)
		sys_pidfd_send_signal(fds->pidfds[i], SIGSTOP, NULL);
	for (size_t i = 0; i < fds->n_pidfds; i++) {
		pid_t pid = tree_pidfd_pid(fds->pidfds[i]);

		if (pid > 0)
			kill_children(pid, 0);
		sys_pidfd_send_signal(fds->pidfds[i], SIGKILL, NULL);
	}
}

static bool uffd_lives(int uffd)
{
	enum fill_outcome outcome;

	/* What cannot be told is taken for alive. */
	return fill_probe(uffd, &outcome) || outcome != FILL_GONE;
}

/*
 * Whether one of the living address spaces is that of @pid: its first tracked
 * page is tracked for writes too, through each userfaultfd in turn, until that
 * shows. The process is about to be killed, so that it does no harm; and it is
 * tracked for missing pages all the while.
 */
static bool has_our_memory(pid_t pid, const void *arg)
{
	const struct tree_fds *fds = arg;
	struct proc_maps maps = { 0 };
	uint64_t at = 0;
	bool ours = false;

	if (proc_smaps_read(pid, &maps))
		return false;
	for (size_t i = 0; i < maps.n_vmas && !at; i++)
		if (vma_has_flag(&maps.vmas[i], VMA_FLAG_UM) &&
		    !vma_has_flag(&maps.vmas[i], VMA_FLAG_UW))
			at = maps.vmas[i].start;
	proc_maps_fini(&maps);
	for (size_t i = 0; i < fds->n_uffds && at && !ours; i++) {
		const struct proc_vma *vma;

		if (uffd_register(fds->uffds[i], at, PAGE_SIZE,
				  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP, NULL))
			continue;
		maps = (struct proc_maps){ 0 };
		if (proc_smaps_read(pid, &maps))
			return false;
		vma = proc_maps_find(&maps, at);
		ours = vma && vma_has_flag(vma, VMA_FLAG_UW);
		proc_maps_fini(&maps);
	}
	return ours;
}

/* Whoever has memory of ours and was not found by descent. */
static int kill_owners(const struct tree_fds *living)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return log_errno(-errno, "guardian: cannot read /proc");
	while ((entry = readdir(proc))) {
		_cleanup_close_ int fd = -1;
		char path[32];
		int pid;

		if (parse_pid(entry->d_name, &pid) || pid == getpid())
			continue;
		/* Who may not be looked at is not one of those that restore made. */
		snprintf(path, sizeof(path), "%d/smaps", pid);
		fd = openat(dirfd(proc), path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			kill_if(pid, has_our_memory, living);
	}
	return 0;
}

int tree_kill(const struct tree_fds *fds)
{
	struct tree_fds living = { 0 };
	int err = 0, n;

	kill_tasks(fds);
	/* A killed process needs a moment to give its memory back. */
	usleep(10000);
	for (size_t i = 0; i < fds->n_uffds && !err; i++)
		if (uffd_lives(fds->uffds[i]))
			err = push_fd(&living.uffds, &living.n_uffds, &living.cap_uffds,
				      fds->uffds[i]);
	n = living.n_uffds;
	if (!err && n)
		err = kill_owners(&living);
	tree_fds_fini(&living);
	return err ? err : n;
}
