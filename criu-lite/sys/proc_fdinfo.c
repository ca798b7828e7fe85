// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo/FD.
 *
 *	pos:	0
 *	flags:	02000002
 *	mnt_id:	15
 *	ino:	1057
 *	eventfd-count:                3
 *
 * The first lines are the same for every file, in this order; older kernels
 * lack mnt_id or ino. All that follows is handed on as text: locks that are
 * held ("lock:") and what the file's own kind says.
 */
#include "sys/proc_fdinfo.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/scan.h"

static bool scan_name(const char **p, const char *name)
{
	if (!scan_text(p, name))
		return false;
	scan_blanks(p);
	return true;
}

int proc_fdinfo_parse(const char *text, struct proc_fdinfo *info)
{
	const char *p = text;
	int64_t pos;

	*info = (struct proc_fdinfo){ .mnt_id = -1 };
	if (!scan_name(&p, "pos:") || !scan_i64(&p, &pos) || !scan_end_of_line(&p) ||
	    !scan_name(&p, "flags:") || !scan_u32(&p, 8, &info->flags) || !scan_end_of_line(&p))
		goto malformed;
	info->pos = pos;
	if (scan_name(&p, "mnt_id:") &&
	    (!scan_i32(&p, &info->mnt_id) || !scan_end_of_line(&p)))
		goto malformed;
	if (scan_name(&p, "ino:") && (!scan_u64(&p, 10, &info->ino) || !scan_end_of_line(&p)))
		goto malformed;
	info->rest = p;
	return 0;
malformed:
	return log_errno(-EINVAL, "proc fdinfo: malformed at byte %td", p - text);
}

int proc_fdinfo_read(pid_t pid, int fd, struct proc_fdinfo *info, char **text)
{
	_cleanup_free_ char *buf = NULL;
	int r = proc_read(pid, &buf, NULL, "fdinfo/%d", fd);

	if (r < 0)
		return r;
	r = proc_fdinfo_parse(buf, info);
	if (r < 0)
		return r;
	*text = take_ptr(buf);
	return 0;
}

const char *fdinfo_next(const char **cursor, const char *name)
{
	const char *line;
	size_t len;

	while (scan_line(cursor, &line, &len))
		if (scan_name(&line, name))
			return line;
	return NULL;
}

const char *fdinfo_field(const char *text, const char *name)
{
	return fdinfo_next(&text, name);
}

int fdinfo_u64(const char *text, const char *name, int base, uint64_t *value)
{
	const char *p = fdinfo_field(text, name);
	uint64_t v;

	if (!p)
		return -ENOENT;
	if (!scan_u64(&p, base, &v))
		return -EINVAL;
	scan_blanks(&p);
	if (!scan_end_of_line(&p))
		return -EINVAL;
	*value = v;
	return 0;
}
