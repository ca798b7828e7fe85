// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that end while most of their memory is missing: one exits, one is killed,
 * one is killed while it waits for a page. The server must not mind, and the task
 * that stays gets its own memory.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (32 * MIB)

struct state {
	char *map;
	pid_t exits, dies, dies_at_work;
};

/* Memory of its own, so that there is something to deliver to it. */
static void exits(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map, SIZE, 2);
	zdtm_wait();
}

static void works(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map, SIZE, 2);
	zdtm_wait();
	for (;;)
		pages_check(s->map, SIZE, 2);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
	pages_fill(s->map, SIZE, 1);
	s->exits = zdtm_fork(exits, s);
	s->dies = zdtm_fork(exits, s);
	s->dies_at_work = zdtm_fork(works, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + SIZE - PAGE, PAGE, 2);
}

static void expect_killed(pid_t pid)
{
	int status;

	CHECK(MUST(waitpid(pid, &status, 0)) == pid, "waitpid");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d ended with %#x", pid,
	      status);
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->dies, SIGKILL));
	MUST(kill(s->dies_at_work, SIGTERM));
	zdtm_finish(s->exits);
	MUST(kill(s->dies_at_work, SIGKILL));
	expect_killed(s->dies);
	expect_killed(s->dies_at_work);
	pages_check(s->map, SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "tasks end while their memory is missing",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
