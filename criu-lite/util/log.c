// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log sink.
 *
 * One write(2) a line, so that lines of several processes that share the
 * descriptor never interleave.
 */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/macro.h"

static struct {
	int fd;
	int err_fd;			/* where errors go too; -1: it is fd itself */
	enum log_level threshold;
	struct timespec start;
	bool started;
} sink = { .fd = STDERR_FILENO, .err_fd = -1, .threshold = LOG_LEVEL_WARN };

static const char *const level_prefix[] = {
	[LOG_LEVEL_MSG] = "",
	[LOG_LEVEL_ERROR] = "Error ",
	[LOG_LEVEL_WARN] = "Warn  ",
	[LOG_LEVEL_INFO] = "",
	[LOG_LEVEL_DEBUG] = "",
};

/*
 * The moment that times in the log count from. CLOCK_REALTIME, because a
 * restored task writes here too, and its other clocks are not ours.
 */
static void note_start(void)
{
	if (!sink.started)
		clock_gettime(CLOCK_REALTIME, &sink.start);
	sink.started = true;
}

int log_open(int dirfd, const char *path, enum log_level threshold)
{
	int fd;

	note_start();
	sink.threshold = threshold;
	if (!path || !strcmp(path, "-"))
		return 0;
	fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return log_errno(-errno, "log %s: cannot create", path);
	log_close();
	sink.fd = fd;
	sink.err_fd = STDERR_FILENO;
	return 0;
}

void log_close(void)
{
	if (sink.fd != STDERR_FILENO)
		close(sink.fd);
	/* A copy of stderr, where that had to make room: whoever reads it waits for its end. */
	if (sink.err_fd > STDERR_FILENO)
		close(sink.err_fd);
	sink.fd = STDERR_FILENO;
	sink.err_fd = -1;
}

int log_fd(void)
{
	return sink.fd;
}

void log_set_fds(int fd, int err_fd)
{
	sink.fd = fd;
	sink.err_fd = err_fd;
}

int log_err_fd(void)
{
	return sink.err_fd;
}

enum log_level log_threshold(void)
{
	return sink.threshold;
}

void log_set_threshold(enum log_level threshold)
{
	sink.threshold = threshold;
}

static size_t format_prefix(char *buf, size_t size, enum log_level level,
			    const char *file, int line)
{
	struct timespec now;
	const char *base = strrchr(file, '/');
	long us;
	int n;

	note_start();
	clock_gettime(CLOCK_REALTIME, &now);
	us = (now.tv_sec - sink.start.tv_sec) * 1000000L +
	     (now.tv_nsec - sink.start.tv_nsec) / 1000;
	n = snprintf(buf, size, "(%02ld.%06ld) %s(%s:%d): ", us / 1000000, us % 1000000,
		     level_prefix[level], base ? base + 1 : file, line);
	return n < 0 ? 0 : MIN((size_t)n, size - 1);
}

static void write_line(int fd, const char *buf, size_t len)
{
	/* A full disk or a closed stderr must not stop the work itself. */
	while (write(fd, buf, len) < 0 && errno == EINTR)
		;
}

static void emit(enum log_level level, const char *file, int line, int err,
		 const char *fmt, va_list ap)
{
	char buf[1024];
	size_t len = 0, prefix = 0;
	int n;

	if (level != LOG_LEVEL_MSG)
		len = prefix = format_prefix(buf, sizeof(buf), level, file, line);
	n = vsnprintf(buf + len, sizeof(buf) - len, fmt, ap);
	if (n > 0)
		len = MIN(len + (size_t)n, sizeof(buf) - 1);
	if (err) {
		n = snprintf(buf + len, sizeof(buf) - len, ": %s", strerror(err));
		if (n > 0)
			len = MIN(len + (size_t)n, sizeof(buf) - 1);
	}
	if (!len || buf[len - 1] != '\n') {
		len = MIN(len, sizeof(buf) - 2);
		buf[len++] = '\n';
	}
	if (level <= sink.threshold)
		write_line(sink.fd, buf, len);
	if (level == LOG_LEVEL_ERROR && sink.err_fd >= 0) {
		static const char head[] = "criu-lite: Error: ";
		char out[sizeof(buf) + sizeof(head)];

		memcpy(out, head, sizeof(head) - 1);
		memcpy(out + sizeof(head) - 1, buf + prefix, len - prefix);
		write_line(sink.err_fd, out, sizeof(head) - 1 + len - prefix);
	}
}

void log_print(enum log_level level, const char *file, int line, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (level > sink.threshold && level != LOG_LEVEL_ERROR)
		return;
	va_start(ap, fmt);
	emit(level, file, line, 0, fmt, ap);
	va_end(ap);
	errno = saved;
}

int log_print_errno(const char *file, int line, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(LOG_LEVEL_ERROR, file, line, -err, fmt, ap);
	va_end(ap);
	return err;
}
