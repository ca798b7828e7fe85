// SPDX-License-Identifier: GPL-2.0-only
/* --pidfile: never overwritten, so that a stale one is noticed. */
#include "engine/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/options.h"
#include "util/cleanup.h"
#include "util/log.h"

static int open_work_dir(const struct options *opts)
{
	const char *work = opts->work_dir ? opts->work_dir : opts->images_dir;
	int dir = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? log_errno(-errno, "work directory %s: cannot open", work) : dir;
}

int pidfile_write(const struct options *opts, int pid)
{
	_cleanup_close_ int dir = -1, fd = -1;

	if (!opts->pidfile)
		return 0;
	dir = open_work_dir(opts);
	if (dir < 0)
		return dir;
	fd = openat(dir, opts->pidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return log_errno(-errno, "pidfile %s: cannot create", opts->pidfile);
	if (dprintf(fd, "%d", pid) < 0) {
		int r = log_errno(-errno, "pidfile %s: cannot write", opts->pidfile);

		unlinkat(dir, opts->pidfile, 0);
		return r;
	}
	return 0;
}

void pidfile_remove(const struct options *opts)
{
	_cleanup_close_ int dir = opts->pidfile ? open_work_dir(opts) : -1;

	if (dir >= 0 && unlinkat(dir, opts->pidfile, 0) < 0)
		log_warn("pidfile %s: cannot remove: %s", opts->pidfile, strerror(errno));
}
