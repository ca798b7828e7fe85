// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/limits.
 *
 *	Limit                     Soft Limit           Hard Limit           Units
 *	Max cpu time              unlimited            unlimited            seconds
 *
 * The numbers are those of getrlimit(2), whatever the unit column says. Read
 * here, because prlimit(2) on a task of another user needs a capability that
 * a dumper may lack.
 */
#include "sys/proc_limits.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

static const char *const limit_name_table[] = {
	[RLIMIT_CPU] = "Max cpu time ",
	[RLIMIT_FSIZE] = "Max file size ",
	[RLIMIT_DATA] = "Max data size ",
	[RLIMIT_STACK] = "Max stack size ",
	[RLIMIT_CORE] = "Max core file size ",
	[RLIMIT_RSS] = "Max resident set ",
	[RLIMIT_NPROC] = "Max processes ",
	[RLIMIT_NOFILE] = "Max open files ",
	[RLIMIT_MEMLOCK] = "Max locked memory ",
	[RLIMIT_AS] = "Max address space ",
	[RLIMIT_LOCKS] = "Max file locks ",
	[RLIMIT_SIGPENDING] = "Max pending signals ",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size ",
	[RLIMIT_NICE] = "Max nice priority ",
	[RLIMIT_RTPRIO] = "Max realtime priority ",
	[RLIMIT_RTTIME] = "Max realtime timeout ",
};

_Static_assert(ARRAY_SIZE(limit_name_table) == PROC_LIMIT_COUNT, "a name for each limit");
_Static_assert(RLIM_INFINITY == UINT64_MAX, "limits fit proc_limit as they are");

static bool scan_value(const char **p, uint64_t *value)
{
	scan_blanks(p);
	if (scan_text(p, "unlimited")) {
		*value = RLIM_INFINITY;
		return true;
	}
	return scan_u64(p, 10, value);
}

/* The unit, if there is one, is the last word. */
static bool scan_unit(const char **p)
{
	const char *word;
	size_t len;

	scan_blanks(p);
	scan_word(p, &word, &len);
	scan_blanks(p);
	return scan_end_of_line(p);
}

static int find_limit(const char **p)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limit_name_table); i++)
		if (scan_text(p, limit_name_table[i]))
			return i;
	return -1;
}

int proc_limits_parse(const char *text, struct proc_limits *limits)
{
	const char *p = text, *line;
	unsigned int seen = 0;
	size_t len;

	*limits = (struct proc_limits){};
	/* The heading. */
	if (!scan_text(&p, "Limit ") || !scan_line(&p, &line, &len))
		goto malformed;
	while (*p) {
		int index = find_limit(&p);
		struct proc_limit *limit;

		if (index < 0 || seen & 1U << index)
			goto malformed;
		seen |= 1U << index;
		limit = &limits->limit[index];
		if (!scan_value(&p, &limit->cur) || !scan_value(&p, &limit->max) ||
		    !scan_unit(&p))
			goto malformed;
	}
	if (seen != (1U << PROC_LIMIT_COUNT) - 1)
		return log_errno(-EINVAL, "proc limits: limits are missing (have %#x)", seen);
	return 0;
malformed:
	return log_errno(-EINVAL, "proc limits: malformed at byte %td", p - text);
}

int proc_limits_read(pid_t pid, struct proc_limits *limits)
{
	_cleanup_free_ char *text = NULL;
	int r = proc_read(pid, &text, NULL, "limits");

	if (r < 0)
		return r;
	return proc_limits_parse(text, limits);
}
