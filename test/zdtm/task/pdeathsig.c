// SPDX-License-Identifier: GPL-2.0-only
/* The signal that a child wants when its parent ends; and that it comes then. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct shared {
	struct zdtm_gate told;
	int got;
};

struct state {
	struct shared *shared;
	pid_t parent;
};

static void child(void *arg)
{
	struct state *s = arg;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(prctl(PR_SET_PDEATHSIG, zdtm_spoiling() ? SIGUSR2 : SIGUSR1));
	zdtm_ready();
	while ((sig = sigwaitinfo(&set, NULL)) < 0)
		CHECK(errno == EINTR, "sigwaitinfo fails");
	s->shared->got = sig;
	zdtm_gate_open(&s->shared->told);
}

static void parent(void *arg)
{
	zdtm_fork(child, arg);
	zdtm_wait();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->shared = map_anon(PAGE, MAP_SHARED);
	/* The child of the child comes to us and not to init. */
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	s->parent = zdtm_fork(parent, s);
}

static void check(void *arg)
{
	struct state *s = arg;
	int subreaper;

	MUST(prctl(PR_GET_CHILD_SUBREAPER, &subreaper));
	CHECK(subreaper, "no longer a subreaper");
	zdtm_finish(s->parent);
	zdtm_gate_pass(&s->shared->told);
	CHECK(s->shared->got == SIGUSR1, "the death signal is %d", s->shared->got);
	while (wait(NULL) > 0)
		;
}

const struct zdtm_test zdtm_test = {
	.about = "the parent death signal is kept",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
