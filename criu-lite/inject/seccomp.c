// SPDX-License-Identifier: GPL-2.0-only
/*
 * The seccomp(2) filters of a stopped thread, and what they let us do in it.
 *
 * A filter judges our calls as it does the thread's own. PTRACE_O_SUSPEND_SECCOMP
 * would silence it, but only as long as we live: killed between any two
 * instructions we would leave a thread behind that is about to make a call of
 * ours with the filter in force again. So suspending alone is never a reason
 * to go on. Every call that we cause is judged beforehand by the programs
 * themselves, with all arguments that are known:
 *
 *	runs	nothing is suspended, nothing can happen
 *	fails	the filter is suspended, so that we get our answer. Were we
 *		killed, the call would return an error instead: the pad and the
 *		parasite leave then, with the calls of the way back, which are
 *		not allowed to fail
 *	harms	refused: a signal, the end of the thread, an answer that is a
 *		lie, or a wait for a supervisor
 *
 * A thread in strict mode is killed by anything but read, write, exit and
 * rt_sigreturn, and what it alone knows can't be asked with these: refused.
 *
 * Being stopped is enough to need restart_syscall(2), when the thread was in a
 * call with a time limit. Programs that don't allow it die of any SIGSTOP and
 * SIGCONT; with us the call starts over instead. (Not if we are killed in the
 * microseconds between its stop and tracee_stop(), as inject/tracee.h says of
 * EINTR.)
 */
#include "inject/seccomp.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "inject/abi/mempolicy.h"
#include "inject/abi/parasite.h"
#include "inject/arch.h"
#include "inject/stop.h"
#include "inject/tracee.h"
#include "sys/proc_status.h"
#include "sys/seccomp_filter.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* More than fit into what the kernel allows a thread. */
#define FILTERS_MAX 8192

enum {
	FOR_HOST = 1 << 0,		/* only where a parasite lives */
	WAY_BACK = 1 << 1,		/* may not even fail */
};

#define ARG(n) (1 << (n))
#define ALL_ARGS 0x3f
/* prctl() with one value behind the option, at an address of ours; the rest is zero. */
#define PRCTL_TO(option) { "prctl(" #option ")", __NR_prctl, ALL_ARGS & ~ARG(1), { option } }

#define PRCTL_HOST(name, option) { { name, __NR_prctl, ALL_ARGS, { option } }, FOR_HOST }

/*
 * All calls of the pad (arch/x86_64/pad-code.S), of the parasite (pie/parasite*.c)
 * and in a thread that is asked (parasite-thread.c). test/lint/calls looks for those
 * that are not here.
 */
static const struct {
	struct seccomp_call call;
	unsigned int how;
} call_table[] = {
	{ { "rt_sigprocmask", __NR_rt_sigprocmask, ARG(0) | ARG(3),
	    { SIG_SETMASK, 0, 0, 8 } }, WAY_BACK },
	{ { "ppoll", __NR_ppoll, ARG(0) | ARG(1) | ARG(4), { 0, 0, 0, 0, 8 } }, WAY_BACK },
	{ { "sigaltstack", __NR_sigaltstack, ALL_ARGS & ~ARG(1), { 0 } }, 0 },
	{ PRCTL_TO(PR_GET_TID_ADDRESS), 0 },
	{ PRCTL_TO(PR_GET_PDEATHSIG), 0 },
	{ PRCTL_TO(PR_GET_TSC), 0 },
	{ { "get_mempolicy", __NR_get_mempolicy, ARG(2) | ARG(3) | ARG(4),
	    { 0, 0, MEMPOLICY_NODES_MAX, 0, 0 } }, 0 },
	{ { "prctl(PR_GET_SECUREBITS)", __NR_prctl, ALL_ARGS, { PR_GET_SECUREBITS } }, 0 },

	{ { "munmap", __NR_munmap, 0, { 0 } }, FOR_HOST | WAY_BACK },
	{ { "exit", __NR_exit, ARG(0), { 0 } }, FOR_HOST | WAY_BACK },
	{ { "clone", __NR_clone, ALL_ARGS,
	    { CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM } }, FOR_HOST },
	{ { "mmap", __NR_mmap, ALL_ARGS & ~ARG(1),
	    { 0, 0, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } }, FOR_HOST },
	{ { "mprotect", __NR_mprotect, ARG(2), { 0, 0, PROT_READ | PROT_WRITE } }, FOR_HOST },
	{ PRCTL_TO(PR_SET_NAME), FOR_HOST },
	{ { "close_range", __NR_close_range, ARG(0) | ARG(1) | ARG(2), { 0, ~0U, 0 } },
	  FOR_HOST },
	{ { "socket", __NR_socket, ARG(0) | ARG(1) | ARG(2),
	    { AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0 } }, FOR_HOST },
	{ { "connect", __NR_connect, 0, { 0 } }, FOR_HOST },
	{ { "sendto", __NR_sendto, ARG(3) | ARG(4) | ARG(5), { 0, 0, 0, MSG_NOSIGNAL, 0, 0 } },
	  FOR_HOST },
	{ { "recvmsg", __NR_recvmsg, ARG(2), { 0, 0, MSG_CMSG_CLOEXEC } }, FOR_HOST },
	{ { "close", __NR_close, 0, { 0 } }, FOR_HOST },
	{ { "vmsplice", __NR_vmsplice, ARG(3), { 0, 0, 0, 0 } }, FOR_HOST },
	{ { "get_mempolicy(MPOL_F_ADDR)", __NR_get_mempolicy, ARG(2) | ARG(4),
	    { 0, 0, MEMPOLICY_NODES_MAX, 0, MPOL_F_ADDR } }, FOR_HOST },
	{ { "brk", __NR_brk, ARG(0), { 0 } }, FOR_HOST },
	PRCTL_HOST("prctl(PR_GET_DUMPABLE)", PR_GET_DUMPABLE),
	PRCTL_HOST("prctl(PR_GET_THP_DISABLE)", PR_GET_THP_DISABLE),
	PRCTL_HOST("prctl(PR_GET_MDWE)", PRCTL_GET_MDWE),
	PRCTL_HOST("prctl(PR_GET_MEMORY_MERGE)", PRCTL_GET_MEMORY_MERGE),
	{ PRCTL_TO(PR_GET_CHILD_SUBREAPER), FOR_HOST },
	{ { "membarrier", __NR_membarrier, ARG(0) | ARG(1) | ARG(2),
	    { MEMBARRIER_GET_REGISTRATIONS } }, FOR_HOST },
	{ { "getitimer", __NR_getitimer, 0, { 0 } }, FOR_HOST },
	{ { "rt_sigaction", __NR_rt_sigaction, ARG(1) | ARG(3), { 0, 0, 0, 8 } }, FOR_HOST },
	{ { "timer_gettime", __NR_timer_gettime, 0, { 0 } }, FOR_HOST },
	{ { "timer_getoverrun", __NR_timer_getoverrun, 0, { 0 } }, FOR_HOST },
};

static const struct seccomp_call restart_call = { "restart_syscall", __NR_restart_syscall, 0, {} };

void tracee_filters_fini(struct tracee_filters *filters)
{
	for (size_t i = 0; i < filters->n; i++)
		free(filters->items[i].insns);
	free(filters->items);
	*filters = (struct tracee_filters){};
}

static int cannot_read(const struct tracee *t, size_t i, int err)
{
	switch (err) {
	case -EACCES:
		return log_errno(-EPERM, "pid %d: cannot read the seccomp filters of thread %d: "
				 "that takes CAP_SYS_ADMIN and being under no filter ourselves",
				 t->pid, t->tid);
	case -EMEDIUMTYPE:
		return log_errno(-ENOTSUP, "pid %d: seccomp filter %zu of thread %d is not classic "
				 "BPF: not covered", t->pid, i, t->tid);
	case -EIO:
		return log_errno(-ENOTSUP, "pid %d: this kernel does not let the seccomp filters "
				 "of thread %d be read (CONFIG_CHECKPOINT_RESTORE)", t->pid,
				 t->tid);
	}
	return log_errno(err, "pid %d: cannot read seccomp filter %zu of thread %d", t->pid, i,
			 t->tid);
}

static int read_program(const struct tracee *t, size_t i, size_t n, struct tracee_filter *f)
{
	struct __ptrace_seccomp_metadata meta = { .filter_off = i };
	size_t bad;
	long len;

	f->insns = calloc(n, sizeof(*f->insns));
	if (!f->insns)
		return cannot_read(t, i, -ENOMEM);
	len = ptrace(PTRACE_SECCOMP_GET_FILTER, t->tid, i, f->insns);
	if (len < 0)
		return cannot_read(t, i, -errno);
	f->n_insns = n;
	if ((size_t)len != n || seccomp_program_check(f->insns, n, &bad) < 0)
		return log_errno(-ENOTSUP, "pid %d: seccomp filter %zu of thread %d makes no sense",
				 t->pid, i, t->tid);
	if (ptrace(PTRACE_SECCOMP_GET_METADATA, t->tid, sizeof(meta), &meta) < 0)
		return log_errno(-errno, "pid %d: cannot read the flags of seccomp filter %zu of "
				 "thread %d", t->pid, i, t->tid);
	f->flags = meta.flags;
	return 0;
}

/* The kernel counts from the oldest; ENOENT is the end. */
static int read_all(const struct tracee *t, struct tracee_filters *filters)
{
	size_t cap = 0;

	for (;;) {
		long n = ptrace(PTRACE_SECCOMP_GET_FILTER, t->tid, filters->n, NULL);
		struct tracee_filter *f;
		int r;

		if (n < 0 && errno == ENOENT)
			return 0;
		if (n < 0)
			return cannot_read(t, filters->n, -errno);
		if (filters->n == FILTERS_MAX || n == 0 || n > SECCOMP_PROGRAM_MAX)
			return log_errno(-ENOTSUP, "pid %d: the seccomp filters of thread %d make "
					 "no sense", t->pid, t->tid);
		f = array_push(&filters->items, &filters->n, &cap);
		if (!f)
			return cannot_read(t, filters->n, -ENOMEM);
		r = read_program(t, filters->n - 1, n, f);
		if (r < 0)
			return r;
	}
}

int tracee_filters_read(const struct tracee *t, struct tracee_filters *filters)
{
	int r;

	*filters = (struct tracee_filters){};
	r = read_all(t, filters);
	if (r < 0)
		tracee_filters_fini(filters);
	return r;
}

/* The verdict of all filters: that of the strictest. */
static int judge(const struct tracee_filters *filters, const struct seccomp_call *call)
{
	int worst = SECCOMP_VERDICT_RUNS;

	for (size_t i = 0; i < filters->n; i++) {
		const struct tracee_filter *f = &filters->items[i];
		int r = seccomp_program_judge(f->insns, f->n_insns, call);

		if (r < 0)
			return log_errno(r, "seccomp filter %zu: cannot judge %s", i, call->name);
		worst = MAX(worst, r);
	}
	return worst;
}

/* *@suspend: some call is only possible with the filters suspended. */
static int judge_calls(const struct tracee *t, const struct tracee_filters *filters, bool host,
		       bool *suspend)
{
	for (size_t i = 0; i < ARRAY_SIZE(call_table); i++) {
		unsigned int how = call_table[i].how;
		int r;

		if (how & FOR_HOST && !host)
			continue;
		r = judge(filters, &call_table[i].call);
		if (r < 0)
			return r;
		if (r == SECCOMP_VERDICT_HARMS || (r == SECCOMP_VERDICT_FAILS && how & WAY_BACK))
			return log_errno(-ENOTSUP, "pid %d: thread %d: its seccomp filter could %s "
					 "it for %s, which a dump has to make it do: not covered; "
					 "allow it in the filter", t->pid, t->tid,
					 r == SECCOMP_VERDICT_HARMS ? "hurt" : "mislead",
					 call_table[i].call.name);
		*suspend |= r == SECCOMP_VERDICT_FAILS;
	}
	return 0;
}

static int suspend_filters(struct tracee *t)
{
	t->suspended = true;
	return stop_set_options(t, PTRACE_O_TRACESYSGOOD);
}

static int admit_filtered(struct tracee *t, bool host)
{
	_cleanup_(tracee_filters_fini) struct tracee_filters filters = {};
	bool suspend = false;
	int r = tracee_filters_read(t, &filters);

	if (r >= 0)
		r = judge_calls(t, &filters, host, &suspend);
	return r >= 0 && suspend ? suspend_filters(t) : r;
}

int tracee_admit(struct tracee *t, bool host)
{
	_cleanup_(proc_status_fini) struct proc_status status = {};
	int r;

	if (t->admitted_host || (t->admitted && !host))
		return 0;
	r = proc_status_read(t->pid, t->tid, &status);
	if (r < 0)
		return log_errno(r, "thread %d: cannot read its status", t->tid);
	if (status.seccomp == SECCOMP_MODE_STRICT)
		return log_errno(-ENOTSUP, "pid %d: thread %d is in seccomp's strict mode: the "
				 "system calls of a dump would kill it: not covered; dump it "
				 "before it enters that mode", t->pid, t->tid);
	r = status.seccomp == SECCOMP_MODE_DISABLED ? 0 : admit_filtered(t, host);
	if (r < 0)
		return r;
	t->admitted = true;
	t->admitted_host = host;
	return 0;
}

int tracee_avoid_restart(struct tracee *t, bool *changed)
{
	_cleanup_(tracee_filters_fini) struct tracee_filters filters = {};
	_cleanup_(proc_status_fini) struct proc_status status = {};
	int r;

	if (!arch_regs_goes_on(&t->regs))
		return 0;
	r = proc_status_read(t->pid, t->tid, &status);
	if (r < 0)
		return log_errno(r, "thread %d: cannot read its status", t->tid);
	if (status.seccomp != SECCOMP_MODE_FILTER)
		return 0;
	r = tracee_filters_read(t, &filters);
	if (r >= 0)
		r = judge(&filters, &restart_call);
	if (r < 0 || r == SECCOMP_VERDICT_RUNS)
		return r;
	arch_regs_start_over(&t->regs);
	*changed = true;
	return 0;
}
