/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names that a restore makes for a while.
 *
 * They are removed by a process of their own, the keeper, which is told of each
 * before it is made: when it is asked to, and when the coordinator has ended, by
 * SIGKILL too. If the keeper itself is killed, the coordinator removes them. So
 * none outlives the restore, unless both are killed at once.
 */
#ifndef CRIU_LITE_KINDS_FD_MADE_NAMES_H
#define CRIU_LITE_KINDS_FD_MADE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct restore;

struct made_name {
	char *path;
	mode_t type;			/* S_IFMT */
	bool known;			/* which inode: dev and ino */
	bool confirmed;			/* it was made */
	dev_t dev;
	ino_t ino;
};

struct made_names {
	int sock;			/* to the keeper; -1: there is none */
	pid_t keeper;
	struct made_name *list;
	size_t n, cap;
};

#define MADE_NAMES_INIT { .sock = -1 }

/*
 * @path, whole and free so far, will be made: a new, empty inode of type @type
 * (S_IFMT), or a further name of the one that @st says, unless that is NULL.
 * Returns 0 or -errno, logged.
 */
int made_names_announce(struct restore *r, struct made_names *n, const char *path, mode_t type,
			const struct stat *st);
/* What was announced last was made, and is still as it was made. 0 or -errno, logged. */
int made_names_confirm(struct made_names *n, const char *path);
/* What was announced last is another's, or could not be made. 0 or -errno, logged. */
int made_names_retract(struct made_names *n);
/*
 * All of them go, the last one first, and the keeper with them. Returns 0 or
 * the first -errno, logged: a name was gone, or can't be removed.
 */
int made_names_remove(struct made_names *n);

#endif
