// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sessions and process groups of which the parent tells nothing:
 *
 *	root -- subreaper
 *	 |-- lives ---- leads a session
 *	 |-- (zombie) - leads a session, has ended
 *	 |-- orphan --- of the session of lives, adopted by root
 *	 |-- orphan --- of the session of the zombie, in a group of its own
 *	 |-- mover ---- founded a group and joined that of joined
 *	 |-- stays ---- joined the group of mover before that
 *	 |-- joined --- of a group of its own
 *	 '-- founder -- founded a session when it had the child older
 *	      |-- older		of the session and group of root
 *	      '-- nested	leads a session
 *	           '-- inner	of the session of founder
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

enum who { LIVES, ZOMBIE, ORPHAN, ZOMBIE_ORPHAN, MOVER, STAYS, JOINED, FOUNDER, OLDER, NESTED,
	   INNER, N_TASKS };

struct ids {
	pid_t pid, group, session;
};

struct state {
	struct ids *before;		/* shared */
};

static struct ids ids_of(pid_t pid)
{
	return (struct ids){ pid, MUST(getpgid(pid)), MUST(getsid(pid)) };
}

static void note(struct state *s, enum who who, pid_t pid)
{
	s->before[who].pid = pid;
}

static void waits(void *arg)
{
	zdtm_wait();
}

static void leads_group(void *arg)
{
	MUST(setpgid(0, 0));
	zdtm_wait();
}

static void leaves_orphan(void *arg)
{
	struct state *s = arg;

	note(s, ORPHAN, zdtm_fork(waits, NULL));
	zdtm_ready();
	_exit(0);
}

static void leaves_group(void *arg)
{
	struct state *s = arg;

	note(s, ZOMBIE_ORPHAN, zdtm_fork(leads_group, NULL));
	zdtm_ready();
	_exit(0);
}

static void lives(void *arg)
{
	MUST(setsid());
	zdtm_join(zdtm_fork(leaves_orphan, arg));
	zdtm_wait();
}

static void ends(void *arg)
{
	MUST(setsid());
	zdtm_join(zdtm_fork(leaves_group, arg));
	zdtm_ready();
	_exit(3);
}

static void nested(void *arg)
{
	struct state *s = arg;

	note(s, INNER, zdtm_fork(waits, NULL));
	MUST(setsid());
	zdtm_wait();
	zdtm_finish(s->before[INNER].pid);
}

static void founder(void *arg)
{
	struct state *s = arg;

	note(s, OLDER, zdtm_fork(waits, NULL));
	MUST(setsid());
	note(s, NESTED, zdtm_fork(nested, s));
	zdtm_wait();
	zdtm_finish(s->before[OLDER].pid);
	zdtm_finish(s->before[NESTED].pid);
}

static void setup(void *arg)
{
	struct state *s = arg;
	siginfo_t info;

	s->before = map_anon(PAGE, MAP_SHARED);
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
	note(s, LIVES, zdtm_fork(lives, s));
	note(s, ZOMBIE, zdtm_fork(ends, s));
	MUST(waitid(P_PID, s->before[ZOMBIE].pid, &info, WEXITED | WNOWAIT));
	note(s, MOVER, zdtm_fork(leads_group, NULL));
	note(s, STAYS, zdtm_fork(waits, NULL));
	note(s, JOINED, zdtm_fork(leads_group, NULL));
	MUST(setpgid(s->before[STAYS].pid, s->before[MOVER].pid));
	MUST(setpgid(s->before[MOVER].pid, s->before[JOINED].pid));
	note(s, FOUNDER, zdtm_fork(founder, s));
	for (int i = 0; i < N_TASKS; i++)
		s->before[i] = ids_of(s->before[i].pid);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(setpgid(s->before[MOVER].pid, s->before[MOVER].pid));
}

static void check(void *arg)
{
	static const enum who children[] = { LIVES, ORPHAN, ZOMBIE_ORPHAN, MOVER, STAYS, JOINED,
					     FOUNDER };
	struct state *s = arg;
	int status;

	for (int i = 0; i < N_TASKS; i++) {
		const struct ids *before = &s->before[i];
		struct ids now = ids_of(before->pid);

		CHECK(now.group == before->group && now.session == before->session,
		      "task %d: group %d, session %d, were %d, %d", i, now.group, now.session,
		      before->group, before->session);
	}
	CHECK(s->before[ORPHAN].session == s->before[LIVES].pid, "not the session it was to be");
	CHECK(s->before[MOVER].group == s->before[JOINED].pid, "not the group it was to be");
	CHECK(s->before[STAYS].group == s->before[MOVER].pid, "not the group it was to be");
	CHECK(s->before[INNER].session == s->before[FOUNDER].pid, "not the session it was to be");
	MUST(waitpid(s->before[ZOMBIE].pid, &status, WNOHANG));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3, "the status is %#x", status);
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		zdtm_finish(s->before[children[i]].pid);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "there are more children");
}

const struct zdtm_test zdtm_test = {
	.about = "orphans of sessions, groups that their founders left, nested sessions",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
