// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files below /proc/PID.
 *
 * A task may vanish at any time, also between open and read: the kernel then
 * says ESRCH, or ENOENT for the path. The two are told apart by asking whether
 * /proc/PID is still there.
 */
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"

enum { PROC_READ_MAX = 16 << 20 };

static int make_path(char *path, size_t size, pid_t pid, const char *fmt, va_list ap)
{
	int n = snprintf(path, size, "/proc/%d/", pid);
	int m = vsnprintf(path + n, size - n, fmt, ap);

	if (m < 0 || (size_t)(n + m) >= size)
		return log_errno(-ENAMETOOLONG, "proc %d: the path is too long", pid);
	return 0;
}

/* -ESRCH, -ENOENT: as they are; other failures are logged. */
static int verdict(int err, pid_t pid, const char *path, const char *action)
{
	char dir[32];

	if (err == -ESRCH)
		return err;
	if (err == -ENOENT) {
		snprintf(dir, sizeof(dir), "/proc/%d", pid);
		return access(dir, F_OK) < 0 && errno == ENOENT ? -ESRCH : -ENOENT;
	}
	return log_errno(err, "%s: cannot %s", path, action);
}

int proc_open(pid_t pid, int flags, const char *fmt, ...)
{
	char path[128];
	va_list ap;
	int fd, r;

	va_start(ap, fmt);
	r = make_path(path, sizeof(path), pid, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return verdict(-errno, pid, path, "open");
	return fd;
}

int proc_read(pid_t pid, char **text, size_t *len, const char *fmt, ...)
{
	char path[128];
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = make_path(path, sizeof(path), pid, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	r = read_file(AT_FDCWD, path, PROC_READ_MAX, text, len);
	if (r < 0)
		return verdict(r, pid, path, "read");
	return 0;
}

int proc_readlink(pid_t pid, char **target, const char *fmt, ...)
{
	char path[128], buf[PATH_MAX + 1];
	va_list ap;
	ssize_t n;
	int r;

	va_start(ap, fmt);
	r = make_path(path, sizeof(path), pid, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	n = readlink(path, buf, sizeof(buf));
	if (n < 0)
		return verdict(-errno, pid, path, "read the link");
	if ((size_t)n == sizeof(buf))
		return log_errno(-ENAMETOOLONG, "%s: cannot read the link", path);
	*target = strndup(buf, n);
	if (!*target)
		return -ENOMEM;
	return 0;
}
