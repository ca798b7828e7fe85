// SPDX-License-Identifier: GPL-2.0-only
/* A child that adopts orphans (PR_SET_CHILD_SUBREAPER), below a parent that does not. */
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define CODE 9

struct state {
	pid_t child;
};

static int adopts(void)
{
	int found;

	MUST(prctl(PR_GET_CHILD_SUBREAPER, &found));
	return found;
}

/* A grandchild whose parent ends at once comes to us, and tells its end to nobody else. */
static void adopt(void)
{
	const pid_t self = getpid();
	pid_t pid = MUST(fork());
	int status;

	if (!pid) {
		if (!fork()) {
			while (getppid() != self)
				usleep(1000);
			_exit(CODE);
		}
		_exit(0);
	}
	CHECK(MUST(waitpid(pid, &status, 0)) == pid, "waitpid returned another pid");
	MUST(waitpid(-1, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "the orphan's status is %#x",
	      status);
}

static void child(void *arg)
{
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	zdtm_wait();
	CHECK(adopts(), "the child adopts no orphans");
	adopt();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
}

static void spoil(void *arg)
{
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(!adopts(), "the parent adopts orphans");
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "who adopts orphans still does",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
