// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child with the memory of its parent, but no thread of it (clone() with CLONE_VM
 * alone): it is refused. Both go on sharing.
 */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define STACK (64 * KIB)

struct state {
	pid_t child;
	atomic_int word;
};

/* On a stack of its own; nothing of the C library's is safe here. */
static int answers(void *arg)
{
	struct state *s = arg;

	while (atomic_load(&s->word) != 1)
		usleep(1000);
	atomic_store(&s->word, 2);
	return 0;
}

static void setup(void *arg)
{
	struct state *s = arg;
	char *stack = map_anon(STACK, MAP_PRIVATE);

	s->child = MUST(clone(answers, stack + STACK, CLONE_VM | CLONE_FILES | SIGCHLD, s));
}

/* As if the memory was copied. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGKILL));
}

static void check(void *arg)
{
	struct state *s = arg;
	int status;

	atomic_store(&s->word, 1);
	MUST(waitpid(s->child, &status, 0));
	CHECK(!status && atomic_load(&s->word) == 2, "status %#x, word %d", status,
	      atomic_load(&s->word));
}

const struct zdtm_test zdtm_test = {
	.about = "a child that shares memory is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "shares its memory with pid",
};
