// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that sleeps on a futex without a time limit, in memory that it shares
 * with the one that wakes it. The call restarts: no EINTR, no lost wake-up. A
 * spurious return of 0 would be an error too: the value has not changed then.
 */
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	atomic_int *word;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;
	long result;

	zdtm_let_usr1_interrupt();
	zdtm_ready();
	result = syscall(SYS_futex, s->word, FUTEX_WAIT, 1, NULL, NULL, 0);
	/* EAGAIN: the restarted call found the word changed already. */
	CHECK(!result || errno == EAGAIN, "futex: %s", strerror(errno));
	CHECK(atomic_load(s->word) == 2, "woken while the word is %d", atomic_load(s->word));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->word = map_anon(PAGE, MAP_SHARED);
	atomic_store(s->word, 1);
	s->child = zdtm_fork(child, s);
	zdtm_until_in_syscall(s->child, SYS_futex);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;

	atomic_store(s->word, 2);
	MUST(syscall(SYS_futex, s->word, FUTEX_WAKE, 1, NULL, NULL, 0));
	zdtm_join(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a futex wait goes on and is woken",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
