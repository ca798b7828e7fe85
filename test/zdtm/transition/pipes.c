// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three tasks in a ring of pipes pass numbers on, each adding one: there is always
 * something on its way, in a pipe or in a task's hands. None may be lost, doubled, or
 * overtaken.
 */
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_TASKS 3
/* Numbers under way at the same time. */
#define N_NUMBERS 7

struct state {
	int pipes[N_TASKS][2];
	int self;
	pid_t children[N_TASKS];
	uint64_t rounds;
	bool spoilt;
};

static void pass_on(struct state *s, uint64_t number)
{
	MUST(write(s->pipes[(s->self + 1) % N_TASKS][1], &number, sizeof(number)));
}

/* False at end of file. */
static bool receive(struct state *s, uint64_t *number)
{
	ssize_t n = read(s->pipes[s->self][0], number, sizeof(*number));

	CHECK(n == sizeof(*number) || !n || (n < 0 && errno == EINTR), "read returns %zd", n);
	return n > 0;
}

static void child(void *arg)
{
	struct state *s = arg;
	uint64_t number;

	for (int i = 0; i < N_TASKS; i++) {
		close(s->pipes[i][i == (s->self + 1) % N_TASKS ? 0 : 1]);
		if (i != s->self)
			close(s->pipes[i][0]);
	}
	zdtm_ready();
	while (receive(s, &number))
		pass_on(s, number + 1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_TASKS; i++)
		MUST(pipe(s->pipes[i]));
	for (s->self = 1; s->self < N_TASKS; s->self++)
		s->children[s->self] = zdtm_fork(child, s);
	s->self = 0;
	for (int i = 0; i < N_TASKS; i++) {
		if (i != 1)
			close(s->pipes[i][1]);
		if (i)
			close(s->pipes[i][0]);
	}
	for (uint64_t i = 0; i < N_NUMBERS; i++)
		pass_on(s, i << 32);
}

/* Numbers come in the order of their upper halves, all of one round after another. */
static void turn(struct state *s)
{
	uint64_t number, wanted = (s->rounds % N_NUMBERS) << 32;

	wanted += (s->rounds / N_NUMBERS + 1) * (N_TASKS - 1);
	if (!receive(s, &number))
		return;
	CHECK(number == wanted, "number %#lx comes, not %#lx", number, wanted);
	s->rounds++;
	pass_on(s, s->spoilt ? number + 1 : number);
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
	uint64_t until = s->rounds + 10 * N_NUMBERS;

	while (s->rounds < until)
		turn(s);
	close(s->pipes[1][1]);
	for (int i = 1; i < N_TASKS; i++)
		zdtm_join(s->children[i]);
}

const struct zdtm_test zdtm_test = {
	.about = "numbers on their way through a ring of pipes",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
