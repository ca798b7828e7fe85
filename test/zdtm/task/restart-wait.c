// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that sleeps in waitpid() for a child of its own: the call restarts, and
 * the child is still its child.
 */
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define CODE 7

struct state {
	int ends[2];
	pid_t child;
};

static void grandchild(void *arg)
{
	struct state *s = arg;
	char code;

	zdtm_ready();
	while (read(s->ends[0], &code, 1) != 1)
		CHECK(errno == EINTR, "cannot read the code");
	_exit(code);
}

static void child(void *arg)
{
	pid_t pid = zdtm_fork(grandchild, arg);
	int status;

	zdtm_let_usr1_interrupt();
	zdtm_ready();
	CHECK(MUST(waitpid(pid, &status, 0)) == pid, "waitpid returned another pid");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "status is %#x", status);
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->ends));
	s->child = zdtm_fork(child, s);
	zdtm_until_in_syscall(s->child, SYS_wait4);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;
	const char code = CODE;

	MUST(write(s->ends[1], &code, 1));
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "waitpid goes on waiting for the same child",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
