/* SPDX-License-Identifier: GPL-2.0-only */
/* Whole reads and writes, and those that would wait. */
#ifndef CRIU_LITE_UTIL_IO_H
#define CRIU_LITE_UTIL_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Writes all @len bytes. Returns 0 or -errno. */
int write_all(int fd, const void *buf, size_t len);
/* Reads @len bytes. Returns the count, short only at end of file, or -errno. */
ssize_t read_all(int fd, void *buf, size_t len);
ssize_t pread_all(int fd, void *buf, size_t len, off_t offset);
/*
 * Reads a whole file of unknown size (a /proc file) into a new NUL-terminated
 * buffer that the caller frees. Returns 0 or -errno; -E2BIG past @max bytes.
 */
int read_file(int dirfd, const char *path, size_t max, char **text, size_t *len);
/* Whether a small write goes out, or fails, at once: a terminal may stand still. */
bool io_may_write(int fd);
/* Tells whoever waits at --status-fd, by a NUL byte, and closes it; -1: nobody. */
int status_ready(int fd);

#endif
