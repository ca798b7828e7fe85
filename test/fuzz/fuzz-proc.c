// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says in /proc, of which victims choose names: the first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "sys/mountinfo.h"
#include "sys/proc_auxv.h"
#include "sys/proc_fdinfo.h"
#include "sys/proc_limits.h"
#include "sys/proc_maps.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "sys/proc_tasks.h"
#include "sys/proc_timers.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

static void fuzz_children(const char *text)
{
	pid_t *pids = NULL;
	size_t n = 0, cap = 0;

	(void)proc_children_parse(text, &pids, &n, &cap);
	free(pids);
}

static void fuzz_fdinfo(const char *text)
{
	struct proc_fdinfo info;

	(void)proc_fdinfo_parse(text, &info);
}

static void fuzz_limits(const char *text)
{
	struct proc_limits limits;

	(void)proc_limits_parse(text, &limits);
}

static void fuzz_maps(const char *text)
{
	struct proc_maps maps = {};

	if (proc_maps_parse(text, &maps) == 0)
		proc_maps_fini(&maps);
}

static void fuzz_mountinfo(const char *text)
{
	struct mountinfo info = {};

	if (mountinfo_parse(text, &info) == 0)
		mountinfo_fini(&info);
}

static void fuzz_stat(const char *text)
{
	struct proc_stat stat;

	(void)proc_stat_parse(text, &stat);
}

static void fuzz_status(const char *text)
{
	struct proc_status status = {};

	if (proc_status_parse(text, &status) == 0)
		proc_status_fini(&status);
}

static void fuzz_timers(const char *text)
{
	struct proc_timer *timers = NULL;
	size_t n = 0;

	if (proc_timers_parse(text, &timers, &n) == 0)
		free(timers);
}

static void (*const parsers[])(const char *text) = {
	fuzz_children, fuzz_fdinfo, fuzz_limits, fuzz_maps, fuzz_mountinfo, fuzz_stat,
	fuzz_status, fuzz_timers,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proc_auxv auxv;
	char *text;

	target_silence();
	if (!size)
		return 0;
	if (data[0] % (ARRAY_SIZE(parsers) + 1) == ARRAY_SIZE(parsers)) {
		(void)proc_auxv_parse(data + 1, size - 1, &auxv);
		return 0;
	}
	text = strndup((const char *)data + 1, size - 1);
	if (text)
		parsers[data[0] % (ARRAY_SIZE(parsers) + 1)](text);
	free(text);
	return 0;
}
