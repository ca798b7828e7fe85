// SPDX-License-Identifier: GPL-2.0-only
/* What every fuzz target has. */
#include "test/fuzz/target.h"

#include <err.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "util/io.h"
#include "util/log.h"

void target_silence(void)
{
	static int null = -1;

	if (null >= 0)
		return;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0)
		err(1, "/dev/null");
	log_set_fds(null, -1);
}

int target_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || write_all(fd, data, size) < 0)
		err(1, "memfd");
	return fd;
}
