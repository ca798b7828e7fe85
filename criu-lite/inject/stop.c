// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ptrace stops.
 *
 * A stop is waited for with WNOWAIT, always: the stop's code stays in the
 * thread, and when we die the kernel goes on from it, so that a signal that
 * was about to be delivered is delivered. Collecting the stop clears the code.
 *
 * Any stop takes back an earlier PTRACE_INTERRUPT; after passing one by, it is
 * asked for anew.
 */
#include "inject/stop.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "inject/tracee.h"
#include "sys/proc_stat.h"
#include "util/clock.h"
#include "util/log.h"

enum {
	SYSCALL_STOP = SIGTRAP | 0x80,	/* with PTRACE_O_TRACESYSGOOD */
	LOOK_NS = 1000 * 1000,		/* looks when no SIGCHLD comes */
	COLLECT_TRIES = 500,
};

static const uint64_t wait_limit_ns = 10ULL * 1000 * 1000 * 1000;

/* A request failed: the thread was killed, or it is an error to be told. */
static int request_failed(struct tracee *t, int err, const char *action)
{
	if (err != -ESRCH)
		return log_errno(err, "thread %d: cannot %s", t->tid, action);
	t->state = TRACEE_GONE;
	return err;
}

static int request(struct tracee *t, int op, unsigned long addr, unsigned long data,
		   const char *action)
{
	if (ptrace(op, t->tid, addr, data) < 0)
		return request_failed(t, -errno, action);
	return 0;
}

static int regset(struct tracee *t, int op, struct user_regs_struct *regs, const char *action)
{
	struct iovec iov = { regs, sizeof(*regs) };
	int r = request(t, op, NT_PRSTATUS, (unsigned long)&iov, action);

	if (r >= 0 && iov.iov_len != sizeof(*regs))
		return log_errno(-ENOTSUP, "thread %d: runs 32-bit code: not covered", t->tid);
	return r;
}

int stop_get_regs(struct tracee *t, struct user_regs_struct *regs)
{
	return regset(t, PTRACE_GETREGSET, regs, "read its registers");
}

int stop_set_regs(struct tracee *t, const struct user_regs_struct *regs)
{
	struct user_regs_struct copy = *regs;

	return regset(t, PTRACE_SETREGSET, &copy, "set its registers");
}

int stop_get_mask(struct tracee *t, uint64_t *mask)
{
	return request(t, PTRACE_GETSIGMASK, sizeof(*mask), (unsigned long)mask,
		       "read its signal mask");
}

int stop_set_mask(struct tracee *t, uint64_t mask)
{
	return request(t, PTRACE_SETSIGMASK, sizeof(mask), (unsigned long)&mask,
		       "set its signal mask");
}

int stop_set_options(struct tracee *t, unsigned long options)
{
	if (t->suspended)
		options |= PTRACE_O_SUSPEND_SECCOMP;
	return request(t, PTRACE_SETOPTIONS, 0, options, t->suspended ?
		       "suspend its seccomp filters (are we under one ourselves?)" :
		       "set its trace options");
}

/* @sig is delivered, or 0. */
static int resume_with(struct tracee *t, enum stop_run how, int sig)
{
	int r = request(t, how == STOP_RUN_CONT ? PTRACE_CONT : PTRACE_SYSCALL, 0, sig, "resume");

	if (r >= 0)
		t->state = TRACEE_SEIZED;
	return r;
}

int stop_resume(struct tracee *t, enum stop_run how)
{
	return resume_with(t, how, 0);
}

/* Positive: it has stopped or ended, see *@info. 0: it runs. */
static int look(struct tracee *t, siginfo_t *info)
{
	info->si_pid = 0;
	if (waitid(P_PID, t->tid, info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0)
		return info->si_pid ? 1 : 0;
	if (errno != ECHILD)
		return log_errno(-errno, "thread %d: cannot wait for it", t->tid);
	/* Nobody waits for it: the kernel has collected it already. */
	t->state = TRACEE_GONE;
	t->collected = true;
	return -ESRCH;
}

static bool has_ended(const siginfo_t *info)
{
	return info->si_code == CLD_EXITED || info->si_code == CLD_KILLED ||
	       info->si_code == CLD_DUMPED;
}

/* Its parent hears of the end only when the tracer has collected it. */
static int collect_end(struct tracee *t)
{
	siginfo_t info = {};

	waitid(P_PID, t->tid, &info, WEXITED | WNOHANG | __WALL);
	t->state = TRACEE_GONE;
	t->collected = true;
	t->exited = info.si_code == CLD_EXITED;
	return -ESRCH;
}

static enum stop_kind kind_of(int code)
{
	if (code >> 8 == PTRACE_EVENT_STOP)
		return STOP_INTERRUPT;
	if (code >> 8 == PTRACE_EVENT_CLONE)
		return STOP_CLONE;
	return code == SYSCALL_STOP ? STOP_SYSCALL : STOP_SIGNAL;
}

static void entered(struct tracee *t, enum stop_kind kind, int code)
{
	int sig = code & 0xff;

	t->state = TRACEE_STOPPED;
	t->interrupted = kind == STOP_INTERRUPT;
	t->signal = kind == STOP_SIGNAL ? sig : 0;
	if (kind == STOP_INTERRUPT)
		t->stop_signal = sig == SIGTRAP ? 0 : sig;
}

static int get_child(struct tracee *t, pid_t *child)
{
	unsigned long msg;
	int r = request(t, PTRACE_GETEVENTMSG, 0, (unsigned long)&msg, "tell its new thread");

	if (r >= 0 && child)
		*child = msg;
	return r;
}

/* Leaves a stop that was not waited for. */
static int pass_by(struct tracee *t, enum stop_run how, enum stop_kind kind, int code,
		   pid_t *child)
{
	int r = kind == STOP_CLONE ? get_child(t, child) : 0;

	return r < 0 ? r : resume_with(t, how, kind == STOP_SIGNAL ? code : 0);
}

/*
 * A leader that ends while other threads run on is not collected before them. It
 * stays as it is: a zombie, and ours until we end.
 */
static int look_for_ended_leader(struct tracee *t)
{
	struct proc_stat stat;

	if (t->tid != t->pid || proc_stat_read(t->pid, t->pid, &stat) < 0)
		return 0;
	if (stat.state != 'Z' || stat.num_threads < 2)
		return 0;
	t->state = TRACEE_GONE;
	return -ESRCH;
}

/*
 * Waits until @t has stopped or ended: 0 and *@info; -ESRCH, -ETIMEDOUT. Its
 * stops send us SIGCHLD, which is waited for because that can be limited in
 * time, unlike waitid(). That a SIGCHLD may go to another, or not be sent at
 * all (SIG_IGN), costs time only.
 */
static int await(struct tracee *t, siginfo_t *info)
{
	const struct timespec a_while = { .tv_nsec = LOOK_NS };
	uint64_t deadline = clock_ns() + wait_limit_ns;
	sigset_t sigchld, old;
	int r;

	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &sigchld, &old) < 0)
		return log_errno(-errno, "cannot block SIGCHLD");
	while ((r = look(t, info)) == 0 && clock_ns() < deadline) {
		if (sigtimedwait(&sigchld, NULL, &a_while) > 0)
			continue;
		r = look_for_ended_leader(t);
		if (r < 0)
			break;
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		return log_errno(-ETIMEDOUT, "thread %d does not stop: it waits in the kernel "
				 "where no signal reaches it", t->tid);
	return r < 0 ? r : 0;
}

int stop_wait(struct tracee *t, enum stop_run how, enum stop_kind want, pid_t *child)
{
	for (;;) {
		enum stop_kind kind;
		siginfo_t info;
		int r = await(t, &info);

		if (r < 0)
			return r;
		if (has_ended(&info))
			return collect_end(t);
		kind = kind_of(info.si_status);
		entered(t, kind, info.si_status);
		if (kind == want)
			return 0;
		if (want == STOP_INTERRUPT)
			r = request(t, PTRACE_INTERRUPT, 0, 0, "interrupt");
		if (r >= 0)
			r = pass_by(t, how, kind, info.si_status, child);
		if (r < 0)
			return r;
	}
}

int stop_run_to(struct tracee *t, enum stop_run how, enum stop_kind want, pid_t *child)
{
	int r = resume_with(t, how, 0);

	return r < 0 ? r : stop_wait(t, how, want, child);
}

int stop_interrupt(struct tracee *t)
{
	int r;

	if (t->state == TRACEE_STOPPED && t->interrupted)
		return 0;
	r = request(t, PTRACE_INTERRUPT, 0, 0, "interrupt");
	if (r >= 0 && t->state == TRACEE_STOPPED)
		r = resume_with(t, STOP_RUN_CONT, 0);
	return r < 0 ? r : stop_wait(t, STOP_RUN_CONT, STOP_INTERRUPT, NULL);
}

int stop_deliver(struct tracee *t, int sig)
{
	int r = request(t, PTRACE_INTERRUPT, 0, 0, "interrupt");

	if (r >= 0)
		r = resume_with(t, STOP_RUN_CONT, sig);
	return r < 0 ? r : stop_wait(t, STOP_RUN_CONT, STOP_INTERRUPT, NULL);
}

void stop_collect(struct tracee *t)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	siginfo_t info;

	for (int i = 0; !t->collected && i < COLLECT_TRIES; i++) {
		int r = look(t, &info);

		if (r > 0 && has_ended(&info))
			collect_end(t);
		else if (r >= 0)
			nanosleep(&pause, NULL);
	}
}

int stop_pass_by(struct tracee *t)
{
	siginfo_t info;
	int r = look(t, &info);

	if (r <= 0)
		return r;
	if (has_ended(&info))
		return collect_end(t);
	entered(t, kind_of(info.si_status), info.si_status);
	return pass_by(t, STOP_RUN_CONT, kind_of(info.si_status), info.si_status, NULL);
}
