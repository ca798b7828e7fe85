// SPDX-License-Identifier: GPL-2.0-only
/* Our limit on open files. */
#include "sys/nofile.h"

#include <errno.h>
#include <sys/resource.h>

#include "util/log.h"

int nofile_raise(uint64_t *limit)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return log_errno(-errno, "open files: cannot read our limit");
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		return log_errno(-errno, "open files: cannot raise our limit to %lu",
				 (unsigned long)r.rlim_max);
	if (limit)
		*limit = r.rlim_max;
	return 0;
}
