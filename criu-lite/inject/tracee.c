// SPDX-License-Identifier: GPL-2.0-only
/*
 * A traced thread: seizing it, reading it, letting it go.
 *
 * What the kernel would do to the thread only because we stopped it is undone
 * at the stop, so that both the thread and its image go on rightly:
 *
 *  - a system call that fails with a plain EINTR is marked to be restarted;
 *  - one that a seccomp filter would not let go on starts over (seccomp.c);
 *  - a thread inside a restartable sequence (rseq) is put at its abort
 *    handler. The kernel does that to any thread that was scheduled out in
 *    one, but later than we look, and not at all if the thread makes a system
 *    call from the pad in between.
 */
#include "inject/tracee.h"

#include <elf.h>
#include <errno.h>
#include <linux/rseq.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "inject/arch.h"
#include "inject/pad.h"
#include "inject/seccomp.h"
#include "inject/stop.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

/* Newer than the headers of some distributions. */
#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif

struct dispatch_config {		/* struct ptrace_sud_config */
	uint64_t mode, selector, offset, len;
};

enum {
	SIGNALS_AT_ONCE = 32,
	XSTATE_START = 16 << 10,	/* bytes; AVX-512 and AMX fit */
	XSTATE_MAX = 1 << 20,
	PAD_TRIES = 1000,
	SEIZE_TRIES = 5,
};

/*
 * A leader that ended because another thread executes a program can't be seized, and
 * is no zombie when we look: its number is that thread's now. If we had seized that
 * one it is ours by either number; else we try again.
 */
static int seize(pid_t pid, pid_t tid)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	int err = 0;

	for (int i = 0; i < SEIZE_TRIES; i++) {
		if (ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) == 0)
			return 0;
		err = -errno;
		if (err != -EPERM || proc_has_ended(pid, tid))
			return err;
		if (proc_tracer_read(pid, tid) == gettid())
			return 0;
		nanosleep(&pause, NULL);
	}
	return err;
}

int tracee_seize(pid_t pid, pid_t tid, struct tracee *t)
{
	int err;

	*t = (struct tracee){ .pid = pid, .tid = tid };
	err = seize(pid, tid);
	if (err < 0) {
		if (err == -EPERM && proc_has_ended(pid, tid))
			return -ESRCH;
		if (err == -EPERM || err == -ESRCH)
			return err;
		return log_errno(err, "thread %d: cannot seize it", tid);
	}
	t->state = TRACEE_SEIZED;
	return tracee_ask_stop(t);
}

static int read_rseq(struct tracee *t)
{
	struct __ptrace_rseq_configuration conf = {};

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, t->tid, sizeof(conf), &conf) < 0) {
		/* EIO: a kernel before 5.13 or without rseq. */
		if (errno == EIO)
			return 0;
		if (errno == ESRCH)
			return -ESRCH;
		return log_errno(-errno, "thread %d: cannot read its rseq registration", t->tid);
	}
	t->rseq = (struct tracee_rseq){
		.addr = conf.rseq_abi_pointer,
		.len = conf.rseq_abi_size,
		.signature = conf.signature,
		.flags = conf.flags,
	};
	return 0;
}

static bool peek(const struct tracee *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len };
	struct iovec remote = { (void *)addr, len };

	return process_vm_readv(t->tid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/*
 * True: *@ip was inside a restartable sequence and is now at its abort
 * handler. Whatever does not make sense is left for the kernel to judge.
 */
static bool abort_rseq(const struct tracee *t, uint64_t *ip)
{
	struct rseq_cs cs;
	uint64_t cs_addr;
	uint32_t signature;

	if (!t->rseq.addr ||
	    !peek(t, t->rseq.addr + offsetof(struct rseq, rseq_cs), &cs_addr, sizeof(cs_addr)))
		return false;
	if (!cs_addr || !peek(t, cs_addr, &cs, sizeof(cs)) || cs.version != 0)
		return false;
	if (*ip - cs.start_ip >= cs.post_commit_offset)
		return false;
	if (!peek(t, cs.abort_ip - sizeof(signature), &signature, sizeof(signature)) ||
	    signature != t->rseq.signature)
		return false;
	*ip = cs.abort_ip;
	return true;
}

/* A program that catches its own system calls would catch ours. */
static int check_dispatch(const struct tracee *t)
{
	struct dispatch_config conf = {};

	if (ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, t->tid, sizeof(conf), &conf) < 0)
		return errno == ESRCH ? -ESRCH : 0;	/* EIO: a kernel before 6.4 */
	if (conf.mode)
		return log_errno(-ENOTSUP, "thread %d: has its system calls diverted "
				 "(PR_SET_SYSCALL_USER_DISPATCH): not covered", t->tid);
	return 0;
}

static int read_stopped(struct tracee *t)
{
	int r = stop_get_regs(t, &t->regs);
	bool changed;

	if (r < 0)
		return r;
	if (!arch_regs_native(&t->regs))
		return log_errno(-ENOTSUP, "thread %d: runs 32-bit code: not covered", t->tid);
	r = stop_get_mask(t, &t->sigmask);
	if (r >= 0)
		r = read_rseq(t);
	if (r >= 0)
		r = check_dispatch(t);
	if (r < 0)
		return r;
	changed = arch_regs_restart_plain_eintr(&t->regs);
	changed |= abort_rseq(t, arch_regs_ip(&t->regs));
	r = tracee_avoid_restart(t, &changed);
	if (r < 0)
		return r;
	return changed ? stop_set_regs(t, &t->regs) : 0;
}

/*
 * A dumper was killed a moment ago and the thread is still on its pad, on the
 * way back to its frame: a millisecond is plenty.
 */
static int leave_pad(struct tracee *t)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };

	for (int i = 0; i < PAD_TRIES; i++) {
		struct user_regs_struct regs;
		int r = stop_get_regs(t, &regs);

		if (r < 0 || !pad_holds(t->tid, *arch_regs_ip(&regs)))
			return r;
		r = stop_resume(t, STOP_RUN_CONT);
		if (r < 0)
			return r;
		nanosleep(&pause, NULL);
		r = stop_interrupt(t);
		if (r < 0)
			return r;
	}
	return log_errno(-EBUSY, "thread %d: does not come back from the pad of a dumper that was "
			 "killed", t->tid);
}

int tracee_stop(struct tracee *t)
{
	int r;

	if (t->state == TRACEE_STOPPED)
		return 0;
	r = stop_wait(t, STOP_RUN_CONT, STOP_INTERRUPT, NULL);
	if (r >= 0)
		r = leave_pad(t);
	return r < 0 ? r : read_stopped(t);
}

bool tracee_stands(const struct tracee *t)
{
	uint64_t mask;

	return ptrace(PTRACE_GETSIGMASK, t->tid, sizeof(mask), &mask) == 0;
}

int tracee_run_on(struct tracee *t)
{
	return stop_resume(t, STOP_RUN_CONT);
}

int tracee_ask_stop(struct tracee *t)
{
	if (ptrace(PTRACE_INTERRUPT, t->tid, 0, 0) < 0 && errno != ESRCH)
		return log_errno(-errno, "thread %d: cannot interrupt it", t->tid);
	return 0;
}

int tracee_detach(struct tracee *t)
{
	int r = 0;

	if (t->state == TRACEE_SEIZED)
		r = stop_interrupt(t);
	if (r >= 0 && t->state == TRACEE_STOPPED && ptrace(PTRACE_DETACH, t->tid, 0, 0) < 0) {
		r = -errno;
		if (r != -ESRCH)
			return log_errno(r, "thread %d: cannot let it go", t->tid);
	}
	if (r == -ESRCH || t->state == TRACEE_GONE) {
		stop_collect(t);
		r = 0;
	}
	if (r >= 0)
		t->state = TRACEE_FREE;
	return r;
}

void tracee_fini(struct tracee *t)
{
	if (t->state != TRACEE_FREE)
		tracee_detach(t);
}

int tracee_xstate(const struct tracee *t, void **xstate, size_t *len)
{
	for (size_t size = XSTATE_START; size <= XSTATE_MAX; size *= 2) {
		_cleanup_free_ void *buf = malloc(size);
		struct iovec iov = { buf, size };

		if (!buf)
			return -ENOMEM;
		if (ptrace(PTRACE_GETREGSET, t->tid, NT_X86_XSTATE, &iov) < 0)
			return log_errno(-errno, "thread %d: cannot read its extended state",
					 t->tid);
		if (iov.iov_len == size)
			continue;	/* there may be more */
		*len = iov.iov_len;
		*xstate = take_ptr(buf);
		return 0;
	}
	return log_errno(-E2BIG, "thread %d: its extended state is too large", t->tid);
}

static int append_signals(siginfo_t **all, size_t *n_all, size_t *cap, const siginfo_t *some,
			  long n)
{
	for (long i = 0; i < n; i++) {
		siginfo_t *slot = array_push(all, n_all, cap);

		if (!slot)
			return -ENOMEM;
		*slot = some[i];
	}
	return 0;
}

int tracee_signals(const struct tracee *t, bool shared, siginfo_t **infos, size_t *n_infos)
{
	_cleanup_free_ siginfo_t *all = NULL;
	siginfo_t some[SIGNALS_AT_ONCE];
	size_t n_all = 0, cap = 0;
	long n;

	do {
		struct __ptrace_peeksiginfo_args args = {
			.off = n_all,
			.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0,
			.nr = SIGNALS_AT_ONCE,
		};

		n = ptrace(PTRACE_PEEKSIGINFO, t->tid, &args, some);
		if (n < 0)
			return log_errno(-errno, "thread %d: cannot read its queued signals",
					 t->tid);
		if (append_signals(&all, &n_all, &cap, some, n) < 0)
			return -ENOMEM;
	} while (n > 0);
	*infos = take_ptr(all);
	*n_infos = n_all;
	return 0;
}
