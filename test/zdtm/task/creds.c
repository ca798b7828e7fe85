// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identity: real, effective, saved and file system ids, all different from each
 * other, and the supplementary groups, for a child that gave up root. Changing ids
 * also makes a process non-dumpable, which has to come back as well.
 */
#include <grp.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

static const gid_t groups[] = { 3003, 3001, 4001, 0x12345678 };

#define N_GROUPS (sizeof(groups) / sizeof(*groups))

struct ids {
	uid_t ruid, euid, suid, fsuid;
	gid_t rgid, egid, sgid, fsgid;
	gid_t groups[N_GROUPS];
	int n_groups, dumpable;
};

struct state {
	pid_t child;
};

static void get(struct ids *ids)
{
	*ids = (struct ids){};
	MUST(getresuid(&ids->ruid, &ids->euid, &ids->suid));
	MUST(getresgid(&ids->rgid, &ids->egid, &ids->sgid));
	/* An impossible id changes nothing and returns the one that is set. */
	ids->fsuid = setfsuid(-1);
	ids->fsgid = setfsgid(-1);
	ids->n_groups = MUST(getgroups(N_GROUPS, ids->groups));
	ids->dumpable = MUST(prctl(PR_GET_DUMPABLE));
}

static void child(void *arg)
{
	struct ids before, after;

	MUST(setgroups(N_GROUPS, groups));
	MUST(setresgid(2001, 2002, 2003));
	setfsgid(2004);
	/* fs ids need a privilege that the last call gives up. */
	MUST(setresuid(1001, 0, 1003));
	setfsuid(1004);
	MUST(prctl(PR_SET_DUMPABLE, 0));
	get(&before);
	CHECK(before.fsuid == 1004 && before.fsgid == 2004, "fs ids are %u, %u", before.fsuid,
	      before.fsgid);
	CHECK(before.n_groups == N_GROUPS, "%d groups are set", before.n_groups);
	zdtm_wait();
	if (zdtm_spoiling())
		setfsgid(2002);
	get(&after);
	CHECK(!memcmp(&before, &after, sizeof(after)),
	      "uids %u %u %u %u, gids %u %u %u %u, %d groups, dumpable %d", after.ruid, after.euid,
	      after.suid, after.fsuid, after.rgid, after.egid, after.sgid, after.fsgid,
	      after.n_groups, after.dumpable);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "user and group ids of all four sorts, and groups",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
