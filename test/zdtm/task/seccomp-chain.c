// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three seccomp filters stacked in a child, the second with SECCOMP_FILTER_FLAG_LOG.
 * The parent reads them as a tracer does: programs, order, flags. A wrong restore
 * loses the flag, or turns the order around: the newest filter decides.
 */
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_FILTERS 3
#define ERROR 80

struct state {
	pid_t child;
};

/* Its length tells the filters apart as well. */
static void install(int i)
{
	const struct filter_rule rules[N_FILTERS] = {
		{ SYS_getppid, FILTER_ERRNO(ERROR + i) },
		{ SYS_getpgid, FILTER_ERRNO(ERROR + i) },
		{ SYS_getsid, FILTER_ERRNO(ERROR + i) },
	};

	filter_install(rules, i + 1, SECCOMP_RET_ALLOW, i == 1 ? SECCOMP_FILTER_FLAG_LOG : 0);
}

static void child(void *arg)
{
	for (int i = 0; i < N_FILTERS; i++)
		install(i);
	zdtm_wait();
	if (zdtm_spoiling())
		install(1);
	CHECK(filter_getppid_errno() == ERROR + N_FILTERS - 1, "getppid() fails with %d",
	      filter_getppid_errno());
	CHECK(filter_status("Seccomp_filters") == N_FILTERS, "%d filters",
	      filter_status("Seccomp_filters"));
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
}

static void check_filter(pid_t pid, int i)
{
	struct __ptrace_seccomp_metadata meta = { .filter_off = i };
	struct sock_filter insns[64];
	long n = MUST(ptrace(PTRACE_SECCOMP_GET_FILTER, pid, i, insns));

	CHECK(n == 2 * i + 4, "filter %d has %ld instructions", i, n);
	CHECK(insns[2].k == (uint32_t)FILTER_ERRNO(ERROR + i), "filter %d has action %#x", i,
	      insns[2].k);
	MUST(ptrace(PTRACE_SECCOMP_GET_METADATA, pid, sizeof(meta), &meta));
	CHECK(meta.flags == (i == 1 ? SECCOMP_FILTER_FLAG_LOG : 0), "filter %d has flags %#llx", i,
	      (unsigned long long)meta.flags);
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(ptrace(PTRACE_SEIZE, s->child, 0, 0));
	MUST(ptrace(PTRACE_INTERRUPT, s->child, 0, 0));
	MUST(waitpid(s->child, NULL, __WALL));
	for (int i = 0; i < N_FILTERS; i++)
		check_filter(s->child, i);
	MUST(ptrace(PTRACE_DETACH, s->child, 0, 0));
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "stacked seccomp filters, one with the LOG flag",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
