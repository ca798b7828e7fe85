// SPDX-License-Identifier: GPL-2.0-only
/*
 * All threads of a task stand still.
 *
 * A thread that is made while others are being seized shows up when the list
 * of threads is read again; it is complete when a whole reading brings nothing
 * new, and all that were stopped still stand.
 *
 * They need not: a thread that executes a program ends all others, also those that
 * stand already, and goes on with the leader's number. For a moment the leader is a
 * zombie, then the thread's own number is gone. So whenever a thread other than the
 * leader vanishes, who has the leader's number is looked at anew; and a zombie is
 * believed only when it is the last of its task.
 */
#include "engine/freeze.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "core/dump.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "sys/proc_tasks.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/log.h"

/* A task that makes threads faster than we seize them, or does not settle, is given up. */
#define MAX_ROUNDS 1000

static struct thread *find_thread(struct task *t, int tid)
{
	for (size_t i = 0; i < t->n_threads; i++)
		if (t->threads[i].tid == tid)
			return &t->threads[i];
	return NULL;
}

/*
 * There is room for it: as many as were known, and as many as the last list had. The leader
 * comes first, also one that is looked at anew, and one that has ended and has no @tracee.
 */
static void add_thread(struct dump *d, struct task *t, int tid, struct tracee *tracee)
{
	size_t i = tid == t->pid ? 0 : t->n_threads;

	memmove(&t->threads[i + 1], &t->threads[i], (t->n_threads - i) * sizeof(*t->threads));
	t->threads[i] = (struct thread){
		.tid = tid,
		.dump = arena_new_object(d->arena, struct thread_dump),
	};
	t->threads[i].dump->tracee = tracee;
	t->n_threads++;
}

static void drop_thread(struct task *t, size_t i)
{
	t->n_threads--;
	memmove(&t->threads[i], &t->threads[i + 1], (t->n_threads - i) * sizeof(*t->threads));
}

/* The leader's number may be another's now: that of a thread which executes a program. */
static void forget_leader(struct task *t)
{
	if (t->n_threads && t->threads[0].tid == t->pid)
		drop_thread(t, 0);
}

/* Seizes the threads that are not ours yet. Returns how many, or -errno. */
static int seize_new_threads(struct dump *d, struct task *t, bool *vanished)
{
	_cleanup_free_ pid_t *tids = NULL;
	struct thread *threads;
	size_t n, known = t->n_threads;
	int r = proc_threads_read(t->pid, &tids, &n);

	if (r < 0)
		return r;
	threads = arena_new_array(d->arena, struct thread, known + n);
	for (size_t i = 0; i < known; i++)
		threads[i] = t->threads[i];
	t->threads = threads;
	for (size_t i = 0; i < n; i++) {
		struct tracee *tracee;

		if (find_thread(t, tids[i]))
			continue;
		tracee = arena_new_object(d->arena, struct tracee);
		r = tracee_seize(t->pid, tids[i], tracee);
		if (r == -EPERM)
			return log_errno(r, "pid %d: cannot seize thread %d (its tracer is pid "
					 "%d)", t->pid, tids[i], proc_tracer_read(t->pid, tids[i]));
		if (r < 0 && r != -ESRCH)
			return r;
		if (r == 0)
			add_thread(d, t, tids[i], tracee);
		else if (tids[i] != t->pid)
			*vanished = true;
	}
	return t->n_threads - known;
}

/*
 * Waits for the threads that do not stand yet; those that ended are forgotten. From
 * the end: the leader of a task that is being killed shows as dead only when
 * its other threads have been collected.
 */
static int stop_threads(struct task *t, bool *vanished)
{
	for (size_t i = t->n_threads; i-- > 0;) {
		int r = tracee_stop(t->threads[i].dump->tracee);

		if (r < 0 && r != -ESRCH)
			return r;
		if (r == 0)
			continue;
		if (t->threads[i].tid != t->pid)
			*vanished = true;
		drop_thread(t, i);
	}
	return 0;
}

/* Forgets the threads that no longer stand where they were stopped. Returns how many. */
static int forget_fallen(struct task *t)
{
	int fallen = 0;

	for (size_t i = t->n_threads; i-- > 0;) {
		if (tracee_stands(t->threads[i].dump->tracee))
			continue;
		drop_thread(t, i);
		fallen++;
	}
	return fallen;
}

static bool is_stopping(const struct thread *th)
{
	return th->dump->tracee->stop_signal;
}

/* Whether a SIGSTOP is on its way, to the task or to a thread. -ESRCH: it vanished. */
static int awaits_stop(const struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		_cleanup_(proc_status_fini) struct proc_status status = {};
		int r = proc_status_read(t->pid, t->threads[i].tid, &status);

		if (r < 0)
			return r == -ENOENT ? -ESRCH : r;
		if ((status.sig_pending | status.shared_pending) >> (SIGSTOP - 1) & 1)
			return 1;
	}
	return 0;
}

/*
 * A SIGSTOP may have come at the moment when the threads were seized: the task stops
 * when one of them has taken it, and all have joined. Those that have not done so yet
 * may run on for a moment. Positive: they did, look again; 0: all are of one mind.
 */
static int finish_stop(struct task *t, bool *vanished)
{
	const struct timespec moment = { .tv_nsec = 1000 * 1000 };
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < t->n_threads; i++)
		n += is_stopping(&t->threads[i]);
	if (n == t->n_threads)
		return 0;
	r = n ? 1 : awaits_stop(t);
	if (r <= 0)
		return r;
	r = 0;
	for (size_t i = 0; r >= 0 && i < t->n_threads; i++)
		if (!is_stopping(&t->threads[i]))
			r = tracee_run_on(t->threads[i].dump->tracee);
	nanosleep(&moment, NULL);
	for (size_t i = 0; r >= 0 && i < t->n_threads; i++)
		if (!is_stopping(&t->threads[i]))
			r = tracee_ask_stop(t->threads[i].dump->tracee);
	if (r >= 0)
		r = stop_threads(t, vanished);
	return r < 0 ? r : 1;
}

/*
 * Positive: there may be more, or others. 0: all that there are stand, if there are any.
 * -ESRCH: the task is gone.
 */
static int freeze_some(struct dump *d, struct task *t)
{
	bool vanished = false;
	int n = seize_new_threads(d, t, &vanished), r;

	if (n < 0)
		return n == -ENOENT ? 1 : n;
	r = n ? stop_threads(t, &vanished) : finish_stop(t, &vanished);
	if (r < 0 && r != -ESRCH)
		return r;
	if (vanished)
		forget_leader(t);
	return forget_fallen(t) || n || r || vanished;
}

static int read_stat(struct task *t)
{
	int r = proc_stat_read(t->pid, 0, t->dump->stat);

	if (r < 0)
		return r;
	t->ppid = t->dump->stat->ppid;
	t->pgid = t->dump->stat->pgrp;
	t->sid = t->dump->stat->session;
	return 0;
}

/* Positive: no thread could be seized, but the task has not ended either. */
static int check_zombie(struct task *t)
{
	int r = read_stat(t);

	if (r < 0)
		return r == -ENOENT ? 1 : r;
	return t->dump->stat->state != 'Z' || t->dump->stat->num_threads != 1;
}

static int freeze_threads(struct dump *d, struct task *t)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };

	for (int round = 0; round < MAX_ROUNDS; round++) {
		int r = freeze_some(d, t);

		if (r == 0 && !t->n_threads) {
			r = check_zombie(t);
			if (r > 0)
				nanosleep(&pause, NULL);
		}
		if (r <= 0)
			return r;
	}
	return log_errno(-EAGAIN, "pid %d: makes threads, or is stopped and continued, faster than "
			 "it can be seized", t->pid);
}

/*
 * The leader is a zombie that is nobody's tracee: it stands in the list of threads
 * with what /proc tells of it.
 */
static int add_ended_leader(struct dump *d, struct task *t)
{
	pid_t runner = t->threads[0].tid;

	add_thread(d, t, t->pid, NULL);
	t->leader_ended = true;
	/* Its files can't be had through a descriptor of the leader. */
	t->dump->runner_pidfd = sys_pidfd_open(runner, SYS_PIDFD_THREAD);
	if (t->dump->runner_pidfd == -EINVAL)
		return log_errno(-ENOTSUP, "pid %d: its leader has ended and other threads run on: "
				 "needs Linux 6.9", t->pid);
	if (t->dump->runner_pidfd < 0)
		return log_errno(t->dump->runner_pidfd, "pid %d: cannot open a pidfd of thread %d",
				 t->pid, runner);
	return 0;
}

/* What a stopped task's wait status says: it was stopped by job control. */
static void note_state(struct task *t)
{
	t->state = TASK_ALIVE;
	t->dump->stop_signal = task_runner(t)->dump->tracee->stop_signal;
	if (t->dump->stop_signal)
		t->state = TASK_STOPPED;
}

static int zombie(struct dump *d, struct task *t)
{
	t->state = TASK_DEAD;
	t->threads = arena_new_array(d->arena, struct thread, 1);
	t->threads[0].tid = t->pid;
	t->n_threads = 1;
	return 0;
}

/* By way of a thread that runs. A zombie has no memory that anything could be left in. */
static int settle(const struct task *t)
{
	_cleanup_free_ pid_t *tids = NULL;
	size_t n;
	int r = proc_threads_read(t->pid, &tids, &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct proc_stat stat;

		r = proc_stat_read(t->pid, tids[i], &stat);
		if (r >= 0 && stat.state != 'Z' && stat.state != 'X')
			return inject_settle(tids[i]);
		if (r == -ESRCH || r == -ENOENT)
			r = 0;
	}
	return r;
}

static int freeze_threads_of(struct dump *d, struct task *t)
{
	int r = freeze_threads(d, t);

	if (r >= 0)
		r = read_stat(t);
	if (r < 0)
		return r;
	if (!t->n_threads)
		return zombie(d, t);
	if (t->threads[0].tid != t->pid) {
		r = add_ended_leader(d, t);
		if (r < 0)
			return r;
	}
	note_state(t);
	return 0;
}

int freeze_task(struct dump *d, struct task *t)
{
	int r = settle(t);

	if (r < 0 && r != -ESRCH)
		return r;
	t->dump->pidfd = sys_pidfd_open(t->pid, 0);
	if (t->dump->pidfd < 0 && t->dump->pidfd != -ESRCH)
		return log_errno(t->dump->pidfd, "pid %d: cannot open a pidfd", t->pid);
	r = freeze_threads_of(d, t);
	return r == -ESRCH ? 1 : r;
}
