/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A traced thread: one that stands still and is looked at from outside.
 *
 * The tracer is one thread of the dumper: every call on a tracee comes from
 * the thread that seized it. If the dumper dies, at any instruction, the
 * kernel lets the tracee go on exactly where it was; that is why a stop is
 * only ever looked at (WNOWAIT) and never collected: a collected stop takes
 * the signal that the thread was about to get with it.
 *
 * Two things can't be taken back if we die within the microseconds between
 * asking a thread to stop and tracee_stop(): a few system calls fail with EINTR
 * in a thread that is merely stopped (epoll_wait and others: signal(7), last
 * section), as they do after ^Z and fg; and a thread whose seccomp filter kills it
 * for restart_syscall(2) dies, as it does after ^Z and fg. tracee_stop() sets
 * both right.
 *
 *	tracee_seize	any number of threads, without waiting for any
 *	tracee_stop	waits until the thread stands; fills what follows
 *	...
 *	tracee_detach	it goes on, or stays stopped when its task is (^Z)
 *	tracee_fini
 */
#ifndef CRIU_LITE_INJECT_TRACEE_H
#define CRIU_LITE_INJECT_TRACEE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

enum tracee_state {
	TRACEE_FREE,			/* not traced: before seize, after detach */
	TRACEE_SEIZED,			/* traced, on its way to the stop */
	TRACEE_STOPPED,			/* stands; its registers can be changed */
	TRACEE_GONE,			/* ended */
};

/* Where the kernel and the thread talk about restartable sequences. */
struct tracee_rseq {
	uint64_t addr;			/* 0: not registered */
	uint32_t len, signature, flags;
};

struct tracee {
	pid_t pid, tid;			/* of its task, of itself, as we see them */
	enum tracee_state state;
	/* SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU: its task is stopped by job control; 0: not. */
	int stop_signal;
	/*
	 * General registers at the stop. In an interrupted system call orig_rax
	 * is its number and rax what the kernel makes of it: -ERESTARTSYS (512),
	 * -ERESTARTNOINTR (513), -ERESTARTNOHAND (514), -ERESTART_RESTARTBLOCK
	 * (516). On detach the kernel restarts it by its own rules.
	 */
	struct user_regs_struct regs;
	uint64_t sigmask;		/* blocked signals: signal N is bit N - 1 */
	struct tracee_rseq rseq;
	bool admitted, admitted_host;	/* inject/seccomp.c: what it was found fit for */
	bool suspended;			/* its seccomp filters are, while it is traced */
	int signal;			/* inject/stop.c: the stop is one of this signal; 0: not */
	bool interrupted;		/* inject/stop.c: the stop is one of PTRACE_INTERRUPT */
	bool collected;			/* inject/stop.c: the end of a TRACEE_GONE was collected */
	bool exited;			/* inject/stop.c: it ended by exit(), not by a signal */
};

/*
 * Starts tracing the thread @tid of task @pid and asks it to stop. Fills @t. A thread that
 * we trace already, by a number that it had before it executed a program, is taken as it is.
 * -ESRCH: it is gone or a zombie; -EPERM: we may not, or it is traced by
 * another (TracerPid in its status). Not logged: both are verdicts, and the
 * caller knows what a vanishing thread means. Other failures are logged.
 */
int tracee_seize(pid_t pid, pid_t tid, struct tracee *t);

/*
 * Waits until the thread stands still and fills regs, sigmask, rseq and
 * stop_signal. A signal that was just being delivered is delivered first, so
 * the thread may end by it. -ESRCH: it ended (not logged; the end has been
 * collected, so that its parent hears of it). -ETIMEDOUT: it sits in the
 * kernel where no signal reaches it (vfork, a dead NFS server), named in the log.
 * -ENOTSUP: it runs 32-bit code, or has its system calls diverted to a handler.
 * With a seccomp filter against restart_syscall(2) it also fails as
 * tracee_filters_read() does.
 */
int tracee_stop(struct tracee *t);

/*
 * Whether what tracee_stop() stopped still stands there. SIGKILL ends a stop, and so does
 * another thread of the task that executes a program: it goes on with the leader's number.
 */
bool tracee_stands(const struct tracee *t);

/*
 * Lets a stopped thread run on, and asks it to stop again: for a moment in which it does
 * what it was about to do. tracee_stop() follows. -ESRCH as there.
 */
int tracee_run_on(struct tracee *t);
int tracee_ask_stop(struct tracee *t);

/*
 * Lets it go on, exactly as it was. Whatever was changed with remote.h has
 * been put back by then. Does nothing when it is not traced (any more).
 * Detach the leader of a task last: if the task was killed meanwhile, the
 * leader's end, which its parent waits for, comes after that of all others.
 */
int tracee_detach(struct tracee *t);
/* As detach; errors are logged only. Safe on a zeroed struct. */
void tracee_fini(struct tracee *t);

/*
 * The whole extended state (NT_X86_XSTATE, standard format as CPUID leaf 0xd
 * lays it out), in a new buffer that the caller frees.
 */
int tracee_xstate(const struct tracee *t, void **xstate, size_t *len);

/*
 * Signals queued to this thread, or, with @shared, to its task; in delivery
 * order within one signal number. A new array that the caller frees. The
 * queues are left as they are.
 */
int tracee_signals(const struct tracee *t, bool shared, siginfo_t **infos, size_t *n_infos);

#endif
