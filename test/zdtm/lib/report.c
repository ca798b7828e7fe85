// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log lines and verdicts. Each line is one write(), so that lines of several
 * tasks do not mix, and nothing of it is buffered when a task is checkpointed.
 */
#include "lib/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct line {
	char text[512];
	size_t len;
};

static void line_add(struct line *line, const char *format, va_list args)
{
	size_t room = sizeof(line->text) - 1 - line->len;
	int n = vsnprintf(line->text + line->len, room, format, args);

	if (n > 0)
		line->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void __attribute__((format(printf, 2, 3))) line_print(struct line *line,
							     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_add(line, format, args);
	va_end(args);
}

static void line_write(struct line *line)
{
	line->text[line->len++] = '\n';
	/* There is nobody to tell when the log itself is broken. */
	if (write(STDOUT_FILENO, line->text, line->len) < 0)
		_exit(1);
}

void zdtm_log(const char *format, ...)
{
	struct line line = {};
	va_list args;

	line_print(&line, "%d: ", getpid());
	va_start(args, format);
	line_add(&line, format, args);
	va_end(args);
	line_write(&line);
}

void zdtm_fail_at(const char *file, int line_no, int error, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	struct line line = {};
	va_list args;

	line_print(&line, "FAIL: %s:%d: ", base ? base + 1 : file, line_no);
	va_start(args, format);
	line_add(&line, format, args);
	va_end(args);
	if (error)
		line_print(&line, ": %s", strerror(error));
	line_write(&line);
	_exit(1);
}
