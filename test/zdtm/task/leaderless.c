// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process group and a session that their leaders have left: the ids belong to no
 * task any more, but to the members that stayed.
 *
 *	root -- subreaper
 *	 |-- (leader of group) ended, waited for
 *	 |-- member of that group
 *	 |-- (leader of session) ended, waited for
 *	 '-- member of that session, adopted
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t *member_of_session;	/* shared: told by its parent */
	pid_t group, session, member;
};

static void member(void *arg)
{
	zdtm_wait();
}

static void joins(void *arg)
{
	struct state *s = arg;

	MUST(setpgid(0, s->group));
	zdtm_wait();
}

static void leads_group(void *arg)
{
	MUST(setpgid(0, 0));
	zdtm_wait();
}

static void leads_session(void *arg)
{
	struct state *s = arg;

	MUST(setsid());
	*s->member_of_session = zdtm_fork(member, NULL);
	zdtm_wait();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->member_of_session = map_anon(PAGE, MAP_SHARED);
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	s->group = zdtm_fork(leads_group, s);
	s->member = zdtm_fork(joins, s);
	zdtm_finish(s->group);
	s->session = zdtm_fork(leads_session, s);
	zdtm_finish(s->session);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(setpgid(s->member, s->member));
}

static void check(void *arg)
{
	struct state *s = arg;
	pid_t child = *s->member_of_session;

	CHECK(MUST(getpgid(s->member)) == s->group, "the group is %d, not %d",
	      getpgid(s->member), s->group);
	CHECK(MUST(getsid(child)) == s->session, "the session is %d, not %d", getsid(child),
	      s->session);
	CHECK(MUST(getpgid(child)) == s->session, "the group is %d, not %d", getpgid(child),
	      s->session);
	zdtm_finish(s->member);
	zdtm_finish(child);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "there are more children");
}

const struct zdtm_test zdtm_test = {
	.about = "a group and a session without their leaders",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
