// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task whose children execute another program all the time, one of them from a thread
 * that is not the leader: such a task loses all its threads but one, which takes the
 * leader's number. Each program's exit code must arrive.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

/* Children that are there at a time. */
#define N_CHILDREN 3

struct state {
	pid_t children[N_CHILDREN];
	unsigned int execs;
	bool spoilt;
};

static int expected_code(unsigned int number)
{
	return number % 100 + 1;
}

static void *execute(void *arg)
{
	char command[] = "exit 000";
	int code = (int)(uintptr_t)arg;

	for (int i = sizeof(command) - 2; code; i--, code /= 10)
		command[i] = '0' + code % 10;
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

static void child(unsigned int number, int code)
{
	void *arg = (void *)(uintptr_t)code;

	if (number % 2)
		execute(arg);
	zdtm_thread(execute, arg);
	for (;;)
		pause();
}

static void wait_for(pid_t pid, unsigned int number)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		CHECK(errno == EINTR, "child %d is gone", pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected_code(number),
	      "program %u ended with status %#x", number, status);
}

static void turn(struct state *s)
{
	pid_t *slot = &s->children[s->execs % N_CHILDREN];

	if (*slot)
		wait_for(*slot, s->execs - N_CHILDREN);
	*slot = MUST(fork());
	if (!*slot)
		child(s->execs, expected_code(s->execs + s->spoilt));
	s->execs++;
}

static void setup(void *arg)
{
}

static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	while (!*stop)
		turn(arg);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < 2 * N_CHILDREN; i++)
		turn(s);
	for (int i = 0; i < N_CHILDREN; i++)
		MUST(waitpid(s->children[i], NULL, 0));
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "there are more children");
}

const struct zdtm_test zdtm_test = {
	.about = "children that execute another program all the time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
