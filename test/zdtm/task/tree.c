// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree of tasks with their sessions and process groups:
 *
 *	root ------ own session
 *	 |-- a ---- group of its own
 *	 |-- b ---- group of a, not its leader
 *	 |-- c ---- session of its own
 *	 |    '-- d ---- group of its own in the session of c
 *	 '-- e ---- session of its own
 *	      '-- f ---- session and group of e, which has a child of the same group
 *	           '-- g
 *
 * Each task writes down what it is before the dump and compares after it.
 */
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

enum node { A, B, C, D, E, F, G, N_NODES, NONE = N_NODES };
enum leads { NOTHING, GROUP, SESSION };

static const struct {
	enum node parent;
	enum leads leads;
} tree[N_NODES] = {
	[A] = { NONE, GROUP },
	[B] = { NONE, NOTHING },
	[C] = { NONE, SESSION },
	[D] = { C, GROUP },
	[E] = { NONE, SESSION },
	[F] = { E, NOTHING },
	[G] = { F, NOTHING },
};

struct ids {
	pid_t pid, parent, group, session;
};

struct state {
	enum node self;
	pid_t first;			/* A, whose group B joins */
	pid_t children[N_NODES];
};

static struct ids ids_now(void)
{
	return (struct ids){ getpid(), getppid(), getpgrp(), getsid(0) };
}

static void fork_children(struct state *s);

static void finish_children(const struct state *s)
{
	for (enum node i = 0; i < N_NODES; i++)
		if (s->children[i])
			zdtm_finish(s->children[i]);
}

static void node(void *arg)
{
	struct state mine = *(struct state *)arg;
	struct ids before, after;

	if (mine.self == B)
		MUST(setpgid(0, mine.first));
	if (tree[mine.self].leads == GROUP)
		MUST(setpgid(0, 0));
	if (tree[mine.self].leads == SESSION)
		MUST(setsid());
	for (enum node i = 0; i < N_NODES; i++)
		mine.children[i] = 0;
	fork_children(&mine);
	before = ids_now();
	zdtm_wait();
	if (zdtm_spoiling() && mine.self == F)
		MUST(setpgid(0, 0));
	after = ids_now();
	CHECK(after.pid == before.pid && after.parent == before.parent,
	      "pid %d, parent %d, were %d, %d", after.pid, after.parent, before.pid,
	      before.parent);
	CHECK(after.group == before.group && after.session == before.session,
	      "group %d, session %d, were %d, %d", after.group, after.session, before.group,
	      before.session);
	finish_children(&mine);
}

static void fork_children(struct state *s)
{
	enum node self = s->self;

	for (enum node i = 0; i < N_NODES; i++) {
		if (tree[i].parent != self)
			continue;
		s->self = i;
		s->children[i] = zdtm_fork(node, s);
		if (i == A)
			s->first = s->children[i];
	}
	s->self = self;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->self = NONE;
	fork_children(s);
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(getsid(0) == getpid() && getpgrp() == getpid(), "session %d, group %d", getsid(0),
	      getpgrp());
	/* The kernel knows the groups as we do: one signal 0 reaches each of them. */
	MUST(kill(-s->children[A], 0));
	MUST(kill(-s->children[E], 0));
	finish_children(s);
}

const struct zdtm_test zdtm_test = {
	.about = "a tree keeps its pids, parents, groups and sessions",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
