// SPDX-License-Identifier: GPL-2.0-only
/*
 * System V shared memory lives in an IPC namespace, with an id that others use too:
 * it is refused. The victim keeps it, with its content.
 */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (4 * PAGE)

struct state {
	char *map;
};

static void setup(void *arg)
{
	struct state *s = arg;
	int id = MUST(shmget(IPC_PRIVATE, SIZE, 0600));

	s->map = MUST((char *)shmat(id, NULL, 0));
	/* Gone with its last user, however the test ends. */
	MUST(shmctl(id, IPC_RMID, NULL));
	pages_fill(s->map, SIZE, 1);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->map[PAGE]++;
}

static void check(void *arg)
{
	struct state *s = arg;

	pages_check(s->map, SIZE, 1);
	MUST(shmdt(s->map));
}

const struct zdtm_test zdtm_test = {
	.about = "System V shared memory is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "System V shared memory",
};
