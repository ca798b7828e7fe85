// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children inherit their parent's seccomp filters and add their own. One has
 * given up every capability and has no no_new_privs: nobody but root could have
 * given it its filter. Another one has no_new_privs.
 */
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define ERROR 90

struct state {
	pid_t plain, bare, restricted;
};

static void check_all(int error, int filters, int no_new_privs)
{
	if (zdtm_spoiling())
		error++;
	CHECK(filter_getppid_errno() == error, "getppid() fails with %d, not %d",
	      filter_getppid_errno(), error);
	CHECK(filter_status("Seccomp_filters") == filters, "%d filters, not %d",
	      filter_status("Seccomp_filters"), filters);
	CHECK(filter_status("NoNewPrivs") == no_new_privs, "no_new_privs is not %d", no_new_privs);
}

static void plain(void *arg)
{
	zdtm_wait();
	check_all(ERROR, 1, 0);
}

static void bare(void *arg)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = {};

	filter_getppid(ERROR + 1, 0);
	MUST(setresgid(1002, 1002, 1002));
	MUST(setresuid(1002, 1002, 1002));
	MUST(syscall(SYS_capset, &header, sets));
	zdtm_wait();
	check_all(ERROR + 1, 2, 0);
	CHECK(getuid() == 1002, "uid %d", getuid());
	MUST(syscall(SYS_capget, &header, sets));
	CHECK(!sets[0].permitted && !sets[1].permitted, "permitted %#x", sets[0].permitted);
}

static void restricted(void *arg)
{
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	filter_getppid(ERROR + 2, 0);
	filter_getppid(ERROR + 3, 0);
	zdtm_wait();
	check_all(ERROR + 3, 3, 1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	filter_getppid(ERROR, 0);
	s->plain = zdtm_fork(plain, NULL);
	s->bare = zdtm_fork(bare, NULL);
	s->restricted = zdtm_fork(restricted, NULL);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->plain);
	zdtm_finish(s->bare);
	zdtm_finish(s->restricted);
	CHECK(filter_getppid_errno() == ERROR, "getppid() fails with %d", filter_getppid_errno());
}

const struct zdtm_test zdtm_test = {
	.about = "seccomp filters that children inherited, with and without no_new_privs",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
