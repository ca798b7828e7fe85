// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that executes another program while its memory is missing: the old memory
 * is gone, the arguments for the new program are read from pages that have to be
 * fetched first, and the new program is not the server's to serve.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (32 * MIB)
/* Far from any page that the task touches by itself. */
#define ARGUMENTS_AT (SIZE / 2)

struct state {
	char *map;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	char *text = s->map + ARGUMENTS_AT;
	char **args = (char **)(s->map + ARGUMENTS_AT + 16 * PAGE);
	char *const environment[] = { NULL };

	pages_fill(s->map, SIZE, 2);
	strcpy(text, "/bin/sh");
	strcpy(text + PAGE, "-c");
	strcpy(text + 2 * PAGE, zdtm_spoiling() ? "exit 1" : "test $0 = zero");
	strcpy(text + 3 * PAGE, "zero");
	for (int i = 0; i < 4; i++)
		args[i] = text + i * PAGE;
	args[4] = NULL;
	zdtm_wait();
	execve(text, args, environment);
	zdtm_fail("execve returns: %s", strerror(errno));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	s->child = zdtm_fork(child, s);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->child);
	pages_check(s->map, SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "a program is executed while memory is missing",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
