// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared anonymous memory that is missing in two tasks at once: a page that one has
 * fetched and changed must never be overwritten with the old one because the other
 * touches it first later.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (16 * MIB)

struct state {
	char *map;
	struct zdtm_gate *written;
	pid_t child;
};

/* The child writes every second page while the parent reads the others. */
static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	for (size_t at = 0; at < SIZE; at += 2 * PAGE)
		pages_fill(s->map + at, PAGE, 2);
	zdtm_gate_open(s->written);
	for (size_t at = PAGE; at < SIZE; at += 2 * PAGE)
		pages_check(s->map + at, PAGE, 1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->written = map_anon(PAGE, MAP_SHARED);
	s->map = map_anon(SIZE, MAP_SHARED);
	pages_fill(s->map, SIZE, 1);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pages_fill(s->map + 9 * PAGE, PAGE, 2);
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGTERM));
	for (size_t at = SIZE - PAGE; at < SIZE; at -= 2 * PAGE)
		pages_check(s->map + at, PAGE, 1);
	zdtm_gate_pass(s->written);
	for (size_t at = 0; at < SIZE; at += 2 * PAGE)
		pages_check(s->map + at, PAGE, 2);
	zdtm_join(s->child);
	usleep(100000);
	for (size_t at = 0; at < SIZE; at += 2 * PAGE)
		pages_check(s->map + at, PAGE, 2);
}

const struct zdtm_test zdtm_test = {
	.about = "shared memory that two tasks miss at once",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
