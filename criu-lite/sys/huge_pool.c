// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine's huge pages.
 *
 * A snapshot of numbers that change at any time, and say nothing of NUMA nodes or
 * control groups: there may be less for one task than it says, but not more.
 */
#include "sys/huge_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>

#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

static const struct {
	const char *name;
	size_t offset;
} file_table[] = {
	{ "free_hugepages", offsetof(struct huge_pool, free) },
	{ "nr_overcommit_hugepages", offsetof(struct huge_pool, overcommit) },
	{ "resv_hugepages", offsetof(struct huge_pool, reserved) },
	{ "surplus_hugepages", offsetof(struct huge_pool, surplus) },
};

int huge_pool_read(unsigned int shift, struct huge_pool *pool)
{
	for (size_t i = 0; i < ARRAY_SIZE(file_table); i++) {
		uint64_t *value = (uint64_t *)((char *)pool + file_table[i].offset);
		_cleanup_free_ char *text = NULL;
		char path[96];
		const char *p;
		int err;

		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%llukB/%s",
			 (1ULL << shift) >> 10, file_table[i].name);
		err = read_file(AT_FDCWD, path, 64, &text, NULL);
		if (err == -ENOENT)
			return err;
		if (err < 0)
			return log_errno(err, "cannot read %s", path);
		p = text;
		if (!scan_u64(&p, 10, value) || !scan_end_of_line(&p))
			return log_errno(-EINVAL, "%s is \"%.20s\"", path, text);
	}
	return 0;
}

uint64_t huge_pool_room(const struct huge_pool *pool)
{
	uint64_t unpromised = pool->free - MIN(pool->reserved, pool->free);

	return unpromised + (pool->overcommit - MIN(pool->surplus, pool->overcommit));
}
