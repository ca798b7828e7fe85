// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two threads that open, duplicate and close descriptors all the time: a table that was
 * listed a moment ago is wrong already. What is written into a pipe must come out of
 * that pipe, by whatever number it is known.
 */
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define N_OPENERS 2
/* Each opener has numbers of its own. */
#define FIRST_NUMBER 100
#define N_NUMBERS 20

struct opener {
	struct state *state;
	int first;
	atomic_ulong rounds;
	pthread_t thread;
};

struct state {
	atomic_bool stop, spoilt;
	struct opener openers[N_OPENERS];
};

static void round_trip(struct opener *o, unsigned long round)
{
	int in = o->first + round % (N_NUMBERS / 2), out = in + N_NUMBERS / 2, ends[2];
	unsigned long found;

	MUST(pipe2(ends, O_CLOEXEC));
	MUST(dup3(ends[0], in, O_CLOEXEC));
	MUST(dup3(ends[1], out, 0));
	MUST(close(ends[0]));
	CHECK(MUST(write(out, &round, sizeof(round))) == sizeof(round), "short write");
	MUST(close(out));
	CHECK(MUST(read(in, &found, sizeof(found))) == sizeof(found), "short read");
	CHECK(found == round + atomic_load(&o->state->spoilt), "%lu came out for %lu", found,
	      round);
	CHECK(MUST(fcntl(in, F_GETFD)) == FD_CLOEXEC, "descriptor %d lost its flag", in);
	MUST(close(ends[1]));
	CHECK(!MUST(read(in, &found, sizeof(found))), "the pipe has another writer");
	MUST(close(in));
}

static void *opener(void *arg)
{
	struct opener *o = arg;

	while (!atomic_load(&o->state->stop))
		round_trip(o, atomic_fetch_add(&o->rounds, 1));
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_OPENERS; i++) {
		s->openers[i].state = s;
		s->openers[i].first = FIRST_NUMBER + i * N_NUMBERS;
		s->openers[i].thread = zdtm_thread(opener, &s->openers[i]);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	atomic_store(&s->spoilt, true);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_OPENERS; i++) {
		unsigned long goal = atomic_load(&s->openers[i].rounds) + 10;

		while (atomic_load(&s->openers[i].rounds) < goal)
			usleep(1000);
	}
	atomic_store(&s->stop, true);
	for (int i = 0; i < N_OPENERS; i++)
		MUST_ZERO(pthread_join(s->openers[i].thread, NULL));
	for (int fd = FIRST_NUMBER; fd < FIRST_NUMBER + N_OPENERS * N_NUMBERS; fd++)
		CHECK(fcntl(fd, F_GETFD) < 0, "descriptor %d is open", fd);
}

const struct zdtm_test zdtm_test = {
	.about = "threads that open and close descriptors all the time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
