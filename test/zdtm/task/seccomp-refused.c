// SPDX-License-Identifier: GPL-2.0-only
/*
 * A filter that kills the task for a call which a dump has to make in it: it is
 * refused, by the name of the call. The victim goes on, with its filter.
 */
#include <sys/syscall.h>

#include "lib/filter.h"
#include "lib/zdtm.h"

#define ERROR 77

static void setup(void *arg)
{
	const struct filter_rule rules[] = {
		{ SYS_vmsplice, SECCOMP_RET_KILL_PROCESS },
		{ SYS_getppid, FILTER_ERRNO(ERROR) },
	};

	filter_install(rules, 2, SECCOMP_RET_ALLOW, 0);
}

static void spoil(void *arg)
{
	filter_getppid(ERROR + 1, 0);
}

static void check(void *arg)
{
	CHECK(filter_getppid_errno() == ERROR, "getppid() fails with %d", filter_getppid_errno());
}

const struct zdtm_test zdtm_test = {
	.about = "a seccomp filter that would kill is refused, the victim unhurt",
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "its seccomp filter could hurt it for vmsplice",
};
