/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all sockets share: options, their inode's owner, their namespace.
 *
 * Options are compared with those of a new socket of the same family, type
 * and protocol, made by us in the same network namespace: only what differs
 * was set by somebody.
 */
#ifndef CRIU_LITE_KINDS_SOCK_SOCK_H
#define CRIU_LITE_KINDS_SOCK_SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "images/sk-opts.pb-c.h"

struct dump;
struct fd_info;
struct file;
struct sock_usual;

/* An int option. Returns 0 or -errno, not logged. */
int sock_get_int(int fd, int level, int name, int *value);

/* The address family of a dumped file; -1: no socket. */
int sock_family(const struct fd_info *info);

/*
 * Refuses a socket of another network namespace than the dumper's. Returns 0
 * or -errno, logged.
 */
int sock_check_namespace(const struct fd_info *info);

/* The options that a new socket of this sort has. Returns 0 or -errno, logged. */
int sock_usual_get(struct dump *d, int family, int type, int protocol,
		   const struct sock_usual **usual);
/*
 * Whether an int option of @fd, one of those in the table of
 * kinds/sock/more.c, is not as usual; then it is *value.
 */
bool sock_differs(int fd, const struct sock_usual *usual, int level, int name, int *value);

/*
 * Saves the options of @info. Returns 0 or -errno, logged; -ENOTSUP: an option
 * that can't be kept.
 */
int sock_options_dump(struct dump *d, const struct fd_info *info,
		      const struct sock_usual *usual, SkOptsEntry **opts);

/* Checks options of an image. Returns 0 or -errno, logged. */
int sock_options_check(const struct file *file, const SkOptsEntry *opts);

/*
 * Sets the options of a new socket, all but reuseaddr, before it is bound.
 * Options that have their value already are not touched: setting some of them
 * means more than the value. Returns 0 or -errno, logged.
 */
int sock_options_restore(const struct file *file, int fd, const SkOptsEntry *opts);
/* An int option, unless it has the value already. Returns 0 or -errno, logged. */
int sock_set_int(const struct file *file, int fd, int level, int name, int value,
		 const char *text);

/*
 * The options that the format has no fields for (kinds/sock/more.c): as
 * sock_options_dump, _check and _restore.
 */
void sock_more_dump(struct dump *d, const struct fd_info *info, const struct sock_usual *usual,
		    SkOptsEntry *opts);
int sock_more_check(const struct file *file, const SkOptsEntry *opts);
int sock_more_restore(const struct file *file, int fd, const SkOptsEntry *opts);

#endif
