// SPDX-License-Identifier: GPL-2.0-only
/* --pidfile: never overwritten, so that a stale one is noticed. */
#include "engine/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "core/options.h"
#include "util/cleanup.h"
#include "util/log.h"

int pidfile_write(const struct options *opts, int pid)
{
	const char *work = opts->work_dir ? opts->work_dir : opts->images_dir;
	_cleanup_close_ int dir = -1, fd = -1;

	if (!opts->pidfile)
		return 0;
	dir = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return log_errno(-errno, "work directory %s: cannot open", work);
	fd = openat(dir, opts->pidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return log_errno(-errno, "pidfile %s: cannot create", opts->pidfile);
	if (dprintf(fd, "%d", pid) < 0)
		return log_errno(-EIO, "pidfile %s: cannot write", opts->pidfile);
	return 0;
}
