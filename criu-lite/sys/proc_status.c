// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/status.
 *
 * Lines of "Name:" and values, in an order that differs between kernels and
 * with lines that some kernels lack. The table says how each line that is
 * used looks, and whether a kernel that we can run on may lack it. A line that
 * is named twice is refused: it can't come from a kernel.
 */
#include "sys/proc_status.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sys/proc.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"
#include "util/scan.h"

/* Takes the value at the cursor into @to. Returns 0, -EINVAL, -ENOMEM. */
typedef int (*take_fn)(const char **p, struct proc_status *status, void *to);

static int verdict(bool good)
{
	return good ? 0 : -EINVAL;
}

static int take_dec(const char **p, struct proc_status *status, void *to)
{
	return verdict(scan_u32(p, 10, to));
}

static int take_oct(const char **p, struct proc_status *status, void *to)
{
	return verdict(scan_u32(p, 8, to));
}

static int take_hex(const char **p, struct proc_status *status, void *to)
{
	return verdict(scan_u64(p, 16, to));
}

static int take_pid(const char **p, struct proc_status *status, void *to)
{
	return verdict(scan_i32(p, to));
}

static int take_bool(const char **p, struct proc_status *status, void *to)
{
	uint32_t v;

	if (!scan_u32(p, 10, &v) || v > 1)
		return -EINVAL;
	*(bool *)to = v;
	return 0;
}

static int take_thp(const char **p, struct proc_status *status, void *to)
{
	status->has_thp_enabled = true;
	return take_bool(p, status, to);
}

static int take_untag_mask(const char **p, struct proc_status *status, void *to)
{
	status->has_untag_mask = true;
	return verdict(scan_text(p, "0x") && scan_u64(p, 16, to));
}

/* What the whole machine has decided is told in other words: no thread's choice. */
static int take_speculation(const char **p, struct proc_status *status, void *to)
{
	static const struct { const char *text; uint32_t choice; } choice_table[] = {
		{ "conditional disabled\n", PR_SPEC_PRCTL | PR_SPEC_DISABLE },
		{ "conditional enabled\n", PR_SPEC_PRCTL | PR_SPEC_ENABLE },
		{ "conditional force disabled\n", PR_SPEC_PRCTL | PR_SPEC_FORCE_DISABLE },
		{ "thread force mitigated\n", PR_SPEC_PRCTL | PR_SPEC_FORCE_DISABLE },
		{ "thread mitigated\n", PR_SPEC_PRCTL | PR_SPEC_DISABLE },
		{ "thread vulnerable\n", PR_SPEC_PRCTL | PR_SPEC_ENABLE },
	};
	uint32_t *choice = to;

	for (size_t i = 0; i < ARRAY_SIZE(choice_table); i++)
		if (!strncmp(*p, choice_table[i].text, strlen(choice_table[i].text)))
			*choice = choice_table[i].choice;
	*p += strcspn(*p, "\n");
	return 0;
}

/* "S (sleeping)" */
static int take_state(const char **p, struct proc_status *status, void *to)
{
	if (**p < 'A' || **p > 'z')
		return -EINVAL;
	*(char *)to = *(*p)++;
	*p += strcspn(*p, "\n");
	return 0;
}

static int take_kb(const char **p, struct proc_status *status, void *to)
{
	uint64_t kb;

	if (!scan_u64(p, 10, &kb) || kb > UINT64_MAX / 1024 || !scan_text(p, " kB"))
		return -EINVAL;
	*(uint64_t *)to = kb * 1024;
	return 0;
}

/* Real, effective, saved, file system. */
static int take_ids(const char **p, struct proc_status *status, void *to)
{
	uint32_t *id = to;
	int i;

	for (i = 0; i < 4; i++) {
		scan_blanks(p);
		if (!scan_u32(p, 10, &id[i]))
			return -EINVAL;
	}
	return 0;
}

static int take_groups(const char **p, struct proc_status *status, void *to)
{
	size_t cap = 0;

	for (;;) {
		uint32_t gid, *slot;

		scan_blanks(p);
		if (!scan_u32(p, 10, &gid))
			return 0;
		slot = array_push(&status->groups, &status->n_groups, &cap);
		if (!slot)
			return -ENOMEM;
		*slot = gid;
	}
}

static int take_nspid(const char **p, struct proc_status *status, void *to)
{
	struct proc_nspid *ns = to;

	for (;;) {
		int32_t id;

		scan_blanks(p);
		if (!scan_i32(p, &id))
			return verdict(ns->n > 0);
		if (ns->n == PROC_NSPID_MAX)
			return -EINVAL;
		ns->id[ns->n++] = id;
	}
}

/* "QUEUED/LIMIT" */
static int take_sigq(const char **p, struct proc_status *status, void *to)
{
	return verdict(scan_u64(p, 10, &status->sig_queued) && scan_text(p, "/") &&
		       scan_u64(p, 10, &status->sig_limit));
}

struct field {
	const char *name;
	take_fn take;
	size_t offset;
	bool optional;
};

#define FIELD(name, take, member) { name, take, offsetof(struct proc_status, member), false }
#define OPTIONAL(name, take, member) { name, take, offsetof(struct proc_status, member), true }

/* In the kernel's order, so that the search for a line mostly ends at once. */
static const struct field field_table[] = {
	OPTIONAL("Umask:", take_oct, umask),		/* not a zombie */
	FIELD("State:", take_state, state),
	FIELD("Tgid:", take_pid, tgid),
	FIELD("Pid:", take_pid, pid),
	FIELD("PPid:", take_pid, ppid),
	FIELD("TracerPid:", take_pid, tracer_pid),
	FIELD("Uid:", take_ids, uid),
	FIELD("Gid:", take_ids, gid),
	FIELD("Groups:", take_groups, groups),
	OPTIONAL("NStgid:", take_nspid, nstgid),	/* CONFIG_PID_NS */
	OPTIONAL("NSpid:", take_nspid, nspid),
	OPTIONAL("NSpgid:", take_nspid, nspgid),
	OPTIONAL("NSsid:", take_nspid, nssid),
	OPTIONAL("VmLck:", take_kb, vm_locked),		/* a task with memory */
	OPTIONAL("THP_enabled:", take_thp, thp_enabled),
	OPTIONAL("untag_mask:", take_untag_mask, untag_mask),
	FIELD("Threads:", take_dec, threads),
	FIELD("SigQ:", take_sigq, sig_queued),
	FIELD("SigPnd:", take_hex, sig_pending),
	FIELD("ShdPnd:", take_hex, shared_pending),
	FIELD("SigBlk:", take_hex, sig_blocked),
	FIELD("SigIgn:", take_hex, sig_ignored),
	FIELD("SigCgt:", take_hex, sig_caught),
	FIELD("CapInh:", take_hex, cap_inh),
	FIELD("CapPrm:", take_hex, cap_prm),
	FIELD("CapEff:", take_hex, cap_eff),
	FIELD("CapBnd:", take_hex, cap_bnd),
	FIELD("CapAmb:", take_hex, cap_amb),
	FIELD("NoNewPrivs:", take_bool, no_new_privs),
	OPTIONAL("Seccomp:", take_dec, seccomp),	/* CONFIG_SECCOMP */
	OPTIONAL("Seccomp_filters:", take_dec, seccomp_filters),	/* Linux 5.9 */
	OPTIONAL("Speculation_Store_Bypass:", take_speculation, store_bypass),
	OPTIONAL("SpeculationIndirectBranch:", take_speculation, indirect_branch),
};

_Static_assert(ARRAY_SIZE(field_table) <= 64, "one bit of `seen` a field");

/* Which field the line at @p is, beginning the search at @hint. -1: none. */
static int find_field(const char **p, size_t hint)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(field_table); i++) {
		size_t index = (hint + i) % ARRAY_SIZE(field_table);

		if (scan_text(p, field_table[index].name))
			return index;
	}
	return -1;
}

static int parse_line(const char *value, const struct field *f, struct proc_status *status)
{
	int r;

	scan_blanks(&value);
	r = f->take(&value, status, (char *)status + f->offset);
	if (r < 0)
		return r;
	scan_blanks(&value);
	return verdict(*value == '\n');
}

static int parse_lines(const char *text, struct proc_status *status, uint64_t *seen)
{
	const char *line, *p = text;
	size_t hint = 0, len;

	while (*p) {
		const char *value = p;
		int r, index = find_field(&value, hint);

		if (index >= 0) {
			if (*seen & 1ULL << index)
				return -EINVAL;
			*seen |= 1ULL << index;
			hint = index + 1;
			r = parse_line(value, &field_table[index], status);
			if (r < 0)
				return r;
		}
		scan_line(&p, &line, &len);
	}
	return 0;
}

int proc_status_parse(const char *text, struct proc_status *status)
{
	uint64_t seen = 0;
	size_t i;
	int r;

	*status = (struct proc_status){};
	r = parse_lines(text, status, &seen);
	if (r < 0) {
		proc_status_fini(status);
		return log_errno(r, "proc status: cannot take a line");
	}
	for (i = 0; i < ARRAY_SIZE(field_table); i++) {
		if (seen & 1ULL << i || field_table[i].optional)
			continue;
		proc_status_fini(status);
		return log_errno(-EINVAL, "proc status: no line \"%s\"", field_table[i].name);
	}
	return 0;
}

int proc_status_read(pid_t pid, pid_t tid, struct proc_status *status)
{
	_cleanup_free_ char *text = NULL;
	int r = tid ? proc_read(pid, &text, NULL, "task/%d/status", tid) :
		      proc_read(pid, &text, NULL, "status");

	if (r < 0)
		return r;
	return proc_status_parse(text, status);
}

pid_t proc_tracer_read(pid_t pid, pid_t tid)
{
	_cleanup_(proc_status_fini) struct proc_status status = {};

	return proc_status_read(pid, tid, &status) < 0 ? 0 : status.tracer_pid;
}

void proc_status_fini(struct proc_status *status)
{
	free(status->groups);
	status->groups = NULL;
	status->n_groups = 0;
}
