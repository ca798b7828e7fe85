// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of tasks as prctl(PR_SET_NAME) and /proc have them: one with characters
 * that a careless reader of /proc/PID/stat trips over, an empty one, a full one.
 */
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define NAME_SIZE 16

static const char *const names[] = { "a) Z 1 (b\n c", "", "fifteen letters" };

#define N_NAMES (sizeof(names) / sizeof(*names))

struct state {
	int index;
	pid_t children[N_NAMES];
};

static void compare(const char *wanted)
{
	char found[NAME_SIZE];

	MUST(prctl(PR_GET_NAME, found));
	CHECK(!strcmp(found, wanted), "the name is \"%s\"", found);
}

static void child(void *arg)
{
	struct state *s = arg;
	const char *name = names[s->index];

	MUST(prctl(PR_SET_NAME, name));
	zdtm_wait();
	compare(name);
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (s->index = 0; s->index < (int)N_NAMES; s->index++)
		s->children[s->index] = zdtm_fork(child, s);
	MUST(prctl(PR_SET_NAME, "the parent"));
}

static void spoil(void *arg)
{
	MUST(prctl(PR_SET_NAME, "criu-lite"));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the parent");
	for (size_t i = 0; i < N_NAMES; i++)
		zdtm_finish(s->children[i]);
}

const struct zdtm_test zdtm_test = {
	.about = "tasks keep their names",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
