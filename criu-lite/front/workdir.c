// SPDX-License-Identifier: GPL-2.0-only
/* The work directory. */
#include "front/workdir.h"

#include <errno.h>
#include <fcntl.h>

#include "core/options.h"
#include "util/cleanup.h"
#include "util/log.h"

int workdir_open_log(const struct options *opts)
{
	const char *path = opts->work_dir ? opts->work_dir : opts->images_dir;
	_cleanup_close_ int dirfd = -1;

	if (!opts->log_file)
		return log_open(AT_FDCWD, NULL, opts->verbosity);
	dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return log_errno(-errno, "work directory %s: cannot open", path);
	return log_open(dirfd, opts->log_file, opts->verbosity);
}
