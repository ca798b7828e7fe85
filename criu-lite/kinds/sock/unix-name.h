/* SPDX-License-Identifier: GPL-2.0-only */
/* The name that a unix socket is bound to: abstract, or a path. */
#ifndef CRIU_LITE_KINDS_SOCK_UNIX_NAME_H
#define CRIU_LITE_KINDS_SOCK_UNIX_NAME_H

#include "images/unixsk.pb-c.h"

struct dump;
struct fd_info;
struct file;

/*
 * Fills name, and for a path file_perms, name_dir and deleted. Nothing when
 * the socket is not bound. Returns 0 or -errno, logged; -ENOTSUP: no path
 * leads to it.
 */
int unix_name_dump(struct dump *d, const struct fd_info *info, UnixSkEntry *usk);

/* Checks the name of an image. Returns 0 or -errno, logged. */
int unix_name_check(const struct file *file);

/*
 * Binds a new socket; nothing without a name. What the dumped socket has left
 * in the file system is removed, but never a socket that somebody listens to,
 * nor any other file. Returns 0 or -errno, logged.
 */
int unix_name_bind(const struct file *file, int fd);

/* Connects @fd to the name of the socket @peer. Returns 0 or -errno, logged. */
int unix_name_connect(const struct file *file, int fd, const struct file *peer);

#endif
