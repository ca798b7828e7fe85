// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that have ended and were not waited for: one that exited with a code,
 * one that a signal killed. They hold nothing but pid, group and status; the parent
 * gets both statuses after the restore, and a child that lives is still there.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define CODE 42

struct state {
	pid_t exited, killed, alive, group;
};

static void exits(void *arg)
{
	zdtm_ready();
	_exit(CODE);
}

static void waits(void *arg)
{
	zdtm_wait();
}

static void leads(void *arg)
{
	MUST(setpgid(0, 0));
	zdtm_ready();
}

static void until_zombie(pid_t pid)
{
	siginfo_t info;

	MUST(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->exited = zdtm_fork(exits, NULL);
	s->killed = zdtm_fork(waits, NULL);
	s->alive = zdtm_fork(waits, NULL);
	s->group = zdtm_fork(leads, NULL);
	MUST(kill(s->killed, SIGKILL));
	until_zombie(s->exited);
	until_zombie(s->killed);
	until_zombie(s->group);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(waitpid(s->exited, NULL, 0));
}

static int reap(pid_t pid)
{
	int status;

	CHECK(MUST(waitpid(pid, &status, WNOHANG)) == pid, "child %d has not ended", pid);
	return status;
}

static void check(void *arg)
{
	struct state *s = arg;
	int status;

	MUST(kill(-s->group, 0));
	status = reap(s->exited);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "the first status is %#x", status);
	status = reap(s->killed);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the second status is %#x",
	      status);
	status = reap(s->group);
	CHECK(!status, "the third status is %#x", status);
	zdtm_finish(s->alive);
	CHECK(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD, "there are more children");
}

const struct zdtm_test zdtm_test = {
	.about = "zombies keep pid, group and status",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
