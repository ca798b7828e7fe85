// SPDX-License-Identifier: GPL-2.0-only
/*
 * A seccomp filter that makes one system call fail, installed by root without
 * no_new_privs. A wrong restore has no filter, one more, or sets no_new_privs.
 */
#include "lib/filter.h"
#include "lib/zdtm.h"

#define ERROR 77

static void setup(void *arg)
{
	filter_getppid(ERROR, 0);
}

static void spoil(void *arg)
{
	filter_getppid(ERROR + 1, 0);
}

static void check(void *arg)
{
	CHECK(filter_getppid_errno() == ERROR, "getppid() fails with %d", filter_getppid_errno());
	CHECK(filter_status("Seccomp") == 2, "mode %d", filter_status("Seccomp"));
	CHECK(filter_status("Seccomp_filters") == 1, "%d filters",
	      filter_status("Seccomp_filters"));
	CHECK(filter_status("NoNewPrivs") == 0, "no_new_privs is set");
}

const struct zdtm_test zdtm_test = {
	.about = "a seccomp filter without no_new_privs",
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
