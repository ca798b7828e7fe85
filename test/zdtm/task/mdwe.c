// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose memory may not become executable (PR_SET_MDWE), and one of its
 * children, which inherits it; the child of one that does not hand it on is free.
 */
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

/* Newer than the headers of some distributions. */
enum { SET_MDWE = 65, GET_MDWE = 66, REFUSE = 1, NO_INHERIT = 2 };

struct state {
	pid_t free, child, grandchild;
	void *page;
};

static void compare(struct state *s, const char *who, int mdwe)
{
	int found = MUST(prctl(GET_MDWE, 0, 0, 0, 0));
	bool may = mprotect(s->page, PAGE, PROT_READ | PROT_EXEC) == 0;

	CHECK(found == mdwe, "%s has PR_MDWE %d, not %d", who, found, mdwe);
	CHECK(may == !mdwe, "%s may%s make memory executable", who, may ? "" : " not");
}

static void free_child(void *arg)
{
	zdtm_wait();
	compare(arg, "the child from before", 0);
}

static void grandchild(void *arg)
{
	zdtm_wait();
	compare(arg, "the child of who keeps it to itself", 0);
}

static void child(void *arg)
{
	struct state *s = arg;

	MUST(prctl(SET_MDWE, REFUSE | NO_INHERIT, 0, 0, 0));
	s->grandchild = zdtm_fork(grandchild, s);
	zdtm_wait();
	compare(s, "who keeps it to itself", REFUSE | NO_INHERIT);
	zdtm_finish(s->grandchild);
}

static const char *unsupported(void)
{
	return prctl(GET_MDWE, 0, 0, 0, 0) < 0 ? "this kernel does not know PR_SET_MDWE" : NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->page = MUST(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0));
	s->free = zdtm_fork(free_child, s);
	s->child = zdtm_fork(child, s);
	/* It can't be taken back: where it is to be wrong, it was never there. */
	if (!zdtm_spoiling())
		MUST(prctl(SET_MDWE, REFUSE, 0, 0, 0));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare(s, "the parent", REFUSE);
	zdtm_finish(s->free);
	zdtm_finish(s->child);
}

static void spoil(void *arg)
{
}

const struct zdtm_test zdtm_test = {
	.about = "memory that may not become executable stays so",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
