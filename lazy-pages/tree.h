/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The restored processes, found through the descriptors that the server holds.
 */
#ifndef LAZY_PAGES_TREE_H
#define LAZY_PAGES_TREE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The pid, in our /proc, of the process behind a pidfd. -ESRCH: it is gone;
 * -EBADF: the descriptor is no pidfd; -errno, logged.
 */
pid_t tree_pidfd_pid(int pidfd);

/* Our descriptors of one kind, as new arrays that the caller frees. */
struct tree_fds {
	int *pidfds;			/* of other processes than us, and @except */
	size_t n_pidfds, cap_pidfds;
	int *uffds;
	size_t n_uffds, cap_uffds;
};

/* Returns 0 or -errno, logged. */
int tree_find_fds(struct tree_fds *fds, int except);
void tree_fds_fini(struct tree_fds *fds);

/*
 * Kills the processes behind the pidfds and all their descendants, and whoever
 * else has memory that one of the userfaultfds tracks. Returns how many
 * address spaces still live: 0 when nobody can touch such memory any more.
 * Killing takes time: to be repeated until 0. -errno, logged.
 */
int tree_kill(const struct tree_fds *fds);

#endif
