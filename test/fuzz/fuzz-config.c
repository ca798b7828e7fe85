// SPDX-License-Identifier: GPL-2.0-only
/* A configuration file, read for a command that the first byte says; option values with it. */
#include <stdio.h>
#include <unistd.h>

#include "front/command.h"
#include "front/config.h"
#include "front/option.h"
#include "test/fuzz/pool.h"
#include "test/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options opts;
	char path[32];
	int fd, next;

	target_silence();
	if (!size)
		return 0;
	fd = target_file(data + 1, size - 1);
	next = dup(fd);
	close(next);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options_init(&opts);
	/* Strings of options stay for the life of the process. */
	pool_begin();
	(void)config_read(&opts, 1U << data[0] % __builtin_popcount(COMMAND_ALL), path);
	pool_end(next);
	close(fd);
	return 0;
}
