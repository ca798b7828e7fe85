// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that forks all the time: whenever the dump comes, a child is just being
 * made, works, or has ended without having been waited for. Each child verifies
 * memory that only it was given, and tells so by its exit code.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)
/* Children that are there at a time. */
#define N_CHILDREN 4

struct state {
	char *map;
	pid_t children[N_CHILDREN];
	unsigned int forks;
	bool spoilt;
};

static void child(const struct state *s, unsigned int version)
{
	pages_check(s->map, SIZE, version);
	_exit(version & 0x7f);
}

/* Waits for the child of a slot and starts another one there. */
static void turn(struct state *s)
{
	pid_t *slot = &s->children[s->forks % N_CHILDREN];
	unsigned int last = s->forks - N_CHILDREN;
	int status;

	if (*slot) {
		while (waitpid(*slot, &status, 0) < 0)
			CHECK(errno == EINTR, "child %d is gone", *slot);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (int)(last & 0x7f),
		      "child %u ended with status %#x", last, status);
	}
	pages_fill(s->map, SIZE, s->forks);
	*slot = MUST(fork());
	if (!*slot)
		child(s, s->spoilt ? s->forks + 1 : s->forks);
	s->forks++;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->map = map_anon(SIZE, MAP_PRIVATE);
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
		MUST(waitpid(s->children[s->forks++ % N_CHILDREN], NULL, 0));
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "there are more children");
	zdtm_log("%u forks", s->forks - N_CHILDREN);
}

const struct zdtm_test zdtm_test = {
	.about = "a task that forks all the time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
