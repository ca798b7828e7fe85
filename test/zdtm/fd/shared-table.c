// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes with one descriptor table (CLONE_FILES): what one opens after the
 * restore, the other has, and what one closes is gone for both.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct shared {
	struct zdtm_gate gate;
	int opened;
};

struct state {
	struct shared *shared;
	int to_close;
	pid_t child;
};

static void child(struct state *s)
{
	zdtm_gate_arrive(&s->shared->gate);
	MUST(close(s->to_close));
	s->shared->opened = MUST(eventfd(33, 0));
	_exit(0);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->shared = map_anon(PAGE, MAP_SHARED);
	s->to_close = MUST(dup2(STDIN_FILENO, 30));
	s->child = MUST(syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL));
	if (!s->child)
		child(s);
	zdtm_gate_await(&s->shared->gate, 1);
}

static void spoil(void *arg)
{
	MUST(unshare(CLONE_FILES));
}

static void check(void *arg)
{
	struct state *s = arg;
	eventfd_t value;

	zdtm_gate_open(&s->shared->gate);
	zdtm_join(s->child);
	CHECK(fcntl(s->to_close, F_GETFD) < 0, "the table is not shared: it is open here");
	MUST(eventfd_read(s->shared->opened, &value));
	CHECK(value == 33, "the eventfd has %lu", value);
}

const struct zdtm_test zdtm_test = {
	.about = "two processes share one descriptor table",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
