// SPDX-License-Identifier: GPL-2.0-only
/*
 * Credentials of a restored thread (capabilities(7), credentials(7)).
 *
 * We begin with all privileges and end with fewer; each step needs some that a
 * later one takes:
 *
 *	groups			CAP_SETGID
 *	inheritable set		must lie within the bounding set of before
 *	bounding set		CAP_SETPCAP
 *	securebits: no fixup	so that the change of ids keeps all capabilities
 *	ids			CAP_SETGID, CAP_SETUID
 *	ambient set		within permitted and inheritable; some securebits forbid it
 *	securebits		CAP_SETPCAP
 *	filters			CAP_SYS_ADMIN; in restorer_seccomp.c, as what follows then
 *	no_new_privs
 *	permitted, effective	the rest
 *	signal of the parent's death: any change above clears it
 *
 * A change of ids also sets the process's dumpable flag to fs.suid_dumpable.
 */
#include "pie/restorer.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "pie/syscall.h"

struct cap_sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[2];
};

static void must(const struct restorer_thread *th, long result)
{
	restorer_must(th->args, RESTORER_STEP_CREDS, result, th->tid);
}

static void get_caps(const struct restorer_thread *th, struct cap_sets *sets)
{
	sets->header.version = _LINUX_CAPABILITY_VERSION_3;
	sets->header.pid = 0;
	must(th, pie_call(capget, &sets->header, sets->data));
}

static void set_inheritable(const struct restorer_thread *th)
{
	struct cap_sets sets;

	get_caps(th, &sets);
	sets.data[0].inheritable = th->creds.cap_inh;
	sets.data[1].inheritable = th->creds.cap_inh >> 32;
	must(th, pie_call(capset, &sets.header, sets.data));
}

static void drop_bounding(const struct restorer_thread *th)
{
	for (uint32_t cap = 0; cap <= th->creds.last_cap; cap++) {
		if (th->creds.cap_bnd & 1ULL << cap)
			continue;
		if (pie_call(prctl, PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			must(th, pie_call(prctl, PR_CAPBSET_DROP, cap, 0, 0, 0));
	}
}

/* setfsuid() and setfsgid() return the old id, or the unchanged one: ask again. */
static void set_ids(const struct restorer_thread *th)
{
	const struct restorer_creds *c = &th->creds;

	must(th, pie_call(setresgid, c->gid[0], c->gid[1], c->gid[2]));
	pie_call(setfsgid, c->gid[3]);
	must(th, pie_call(setresuid, c->uid[0], c->uid[1], c->uid[2]));
	pie_call(setfsuid, c->uid[3]);
	if ((uint32_t)pie_call(setfsgid, -1) != c->gid[3] ||
	    (uint32_t)pie_call(setfsuid, -1) != c->uid[3])
		must(th, -EPERM);
}

static void raise_ambient(const struct restorer_thread *th)
{
	must(th, pie_call(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	for (uint32_t cap = 0; cap <= th->creds.last_cap; cap++)
		if (th->creds.cap_amb & 1ULL << cap)
			must(th, pie_call(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
}

static void set_caps(const struct restorer_thread *th)
{
	const struct restorer_creds *c = &th->creds;
	struct cap_sets sets = {
		.header = { .version = _LINUX_CAPABILITY_VERSION_3 },
		.data = {
			{ c->cap_eff, c->cap_prm, c->cap_inh },
			{ c->cap_eff >> 32, c->cap_prm >> 32, c->cap_inh >> 32 },
		},
	};

	must(th, pie_call(capset, &sets.header, sets.data));
}

void restorer_creds_end(struct restorer_thread *th)
{
	if (th->creds.no_new_privs)
		must(th, pie_call(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	set_caps(th);
	must(th, pie_call(prctl, PR_SET_PDEATHSIG, th->pdeath_sig, 0, 0, 0));
}

void restorer_creds(struct restorer_thread *th)
{
	const struct restorer_creds *c = &th->creds;

	must(th, pie_call(setgroups, c->n_groups, c->groups));
	set_inheritable(th);
	drop_bounding(th);
	must(th, pie_call(prctl, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
	set_ids(th);
	raise_ambient(th);
	must(th, pie_call(prctl, PR_SET_SECUREBITS, c->secbits, 0, 0, 0));
	if (!th->args->seccomp)
		restorer_creds_end(th);
}

/*
 * 2 can't be asked for. It comes with a change of ids where fs.suid_dumpable
 * is 2; so there is one, there and back.
 */
void restorer_dumpable_by_change(struct restorer_args *args)
{
	long gid;

	if (args->dumpable != 2)
		return;
	gid = pie_call(setfsgid, -1);
	pie_call(setfsgid, gid == 1 ? 2 : 1);
	pie_call(setfsgid, gid);
}

void restorer_dumpable(struct restorer_args *args)
{
	long now;

	if (args->dumpable != 2)
		restorer_must(args, RESTORER_STEP_PRCTL,
			      pie_call(prctl, PR_SET_DUMPABLE, args->dumpable, 0, 0, 0),
			      PR_SET_DUMPABLE);
	now = pie_call(prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	if (now != args->dumpable)
		restorer_fail(args, RESTORER_STEP_PRCTL, -EPERM, PR_SET_DUMPABLE);
}
