// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities: effective below permitted, inheritable, ambient, a smaller bounding
 * set, securebits and no_new_privs, for a child with an ordinary uid. The restorer
 * has to give up what it needs itself, in the one order in which that works.
 */
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define BIT(cap) (1U << (cap))
#define PERMITTED (BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SYS_PTRACE))
#define EFFECTIVE (BIT(CAP_CHOWN) | BIT(CAP_SYS_PTRACE))
#define INHERITABLE (BIT(CAP_KILL) | BIT(CAP_NET_BIND_SERVICE))
#define SECUREBITS (SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS_LOCKED)

struct caps {
	struct __user_cap_data_struct sets[2];
	int ambient[CAP_LAST_CAP + 1], bounding[CAP_LAST_CAP + 1];
	int securebits, no_new_privs;
	uid_t uid;
};

struct state {
	pid_t child;
};

static struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

static void get(struct caps *caps)
{
	memset(caps, 0, sizeof(*caps));
	MUST(syscall(SYS_capget, &header, caps->sets));
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		caps->ambient[cap] = MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0));
		caps->bounding[cap] = MUST(prctl(PR_CAPBSET_READ, cap));
	}
	caps->securebits = MUST(prctl(PR_GET_SECUREBITS));
	caps->no_new_privs = MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	caps->uid = getuid();
}

static void child(void *arg)
{
	struct __user_cap_data_struct sets[2] = {
		{ .effective = EFFECTIVE, .permitted = PERMITTED, .inheritable = INHERITABLE },
	};
	struct caps before, after;

	MUST(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT));
	MUST(prctl(PR_CAPBSET_DROP, CAP_MKNOD));
	MUST(prctl(PR_SET_SECUREBITS, SECUREBITS));
	MUST(setresuid(1001, 1001, 1001));
	MUST(syscall(SYS_capset, &header, sets));
	MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	get(&before);
	zdtm_wait();
	if (zdtm_spoiling())
		MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
	get(&after);
	CHECK(!memcmp(before.sets, after.sets, sizeof(after.sets)),
	      "effective %#x, permitted %#x, inheritable %#x", after.sets[0].effective,
	      after.sets[0].permitted, after.sets[0].inheritable);
	CHECK(!memcmp(before.ambient, after.ambient, sizeof(after.ambient)), "the ambient set");
	CHECK(!memcmp(before.bounding, after.bounding, sizeof(after.bounding)),
	      "the bounding set");
	CHECK(before.securebits == after.securebits, "securebits are %#x", after.securebits);
	CHECK(after.no_new_privs, "no_new_privs is gone");
	CHECK(after.uid == 1001, "uid is %u", after.uid);
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
	.about = "five capability sets, securebits and no_new_privs",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
