// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time namespaces.
 *
 *	monotonic           0         0
 *	boottime            0         0
 *
 * Offsets can be written only while no task is in the namespace, so that it
 * is made by a parent for children that it does not have yet.
 */
#include "sys/timens.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct {
	const char *name;
	const char *number;		/* Linux 5.6 to 5.6.x named clocks by number */
	size_t offset;
} clock_table[] = {
	{ "monotonic ", "1 ", offsetof(struct timens_offsets, monotonic) },
	{ "boottime ", "7 ", offsetof(struct timens_offsets, boottime) },
};

static int find_clock(const char **p)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(clock_table); i++)
		if (scan_text(p, clock_table[i].name) || scan_text(p, clock_table[i].number))
			return i;
	return -1;
}

static bool scan_offset(const char **p, struct timens_offset *offset)
{
	scan_blanks(p);
	if (!scan_i64(p, &offset->sec))
		return false;
	scan_blanks(p);
	return scan_i64(p, &offset->nsec) && offset->nsec >= 0 && offset->nsec < 1000000000 &&
	       scan_end_of_line(p);
}

int timens_parse(const char *text, struct timens_offsets *offsets)
{
	unsigned int seen = 0;
	const char *p = text;

	*offsets = (struct timens_offsets){};
	while (*p) {
		int index = find_clock(&p);

		if (index < 0 || seen & 1U << index ||
		    !scan_offset(&p, (void *)((char *)offsets + clock_table[index].offset)))
			return log_errno(-EINVAL, "timens: malformed at byte %td", p - text);
		seen |= 1U << index;
	}
	if (seen != (1U << ARRAY_SIZE(clock_table)) - 1)
		return log_errno(-EINVAL, "timens: a clock is missing");
	return 0;
}

int timens_read(pid_t pid, struct timens_offsets *offsets)
{
	_cleanup_free_ char *text = NULL;
	int r = proc_read(pid, &text, NULL, "timens_offsets");

	if (r < 0)
		return r;
	return timens_parse(text, offsets);
}

int timens_make(const struct timens_offsets *offsets)
{
	_cleanup_close_ int fd = -1;
	char text[128];
	int n, r;

	if (unshare(CLONE_NEWTIME) < 0)
		return log_errno(-errno, "timens: cannot make a time namespace");
	fd = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return log_errno(-errno, "timens: cannot open the offsets");
	n = snprintf(text, sizeof(text), "monotonic %" PRId64 " %" PRId64 "\n"
		     "boottime %" PRId64 " %" PRId64 "\n",
		     offsets->monotonic.sec, offsets->monotonic.nsec,
		     offsets->boottime.sec, offsets->boottime.nsec);
	/* In one piece: the kernel takes or refuses the whole. */
	r = write_all(fd, text, n);
	if (r < 0)
		return log_errno(r, "timens: cannot set the offsets");
	return 0;
}
