// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pending signals, those of the process and those of one thread, with all that
 * came along: sender, code, value; and in their order, which for real-time
 * signals is the order of sending.
 */
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define N_QUEUED 5

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t tid;
};

static sigset_t all_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGRTMIN + 1);
	return set;
}

static void take(int sig, siginfo_t *info)
{
	const struct timespec none = {};
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, sig);
	memset(info, 0, sizeof(*info));
	/* Not through the C library, which makes SI_TKILL look like SI_USER. */
	do
		got = syscall(SYS_rt_sigtimedwait, &set, info, &none, _NSIG / 8);
	while (got < 0 && errno == EINTR);
	CHECK(got == sig, "signal %d is not pending in %d", sig, gettid());
	CHECK(info->si_pid == getpid() && info->si_uid == getuid(), "signal %d is from %d, uid %d",
	      sig, info->si_pid, info->si_uid);
}

static void check_none_left(void)
{
	sigset_t set;

	MUST(sigpending(&set));
	for (int sig = 1; sig <= SIGRTMAX; sig++)
		CHECK(sigismember(&set, sig) != 1, "signal %d is pending in %d", sig, gettid());
}

static void *worker(void *arg)
{
	struct state *s = arg;
	siginfo_t info;

	s->tid = gettid();
	zdtm_gate_arrive(&s->gate);
	take(SIGUSR2, &info);
	CHECK(info.si_code == SI_TKILL, "USR2 has code %d", info.si_code);
	for (int i = 0; i < N_QUEUED; i++) {
		take(SIGRTMIN + 1, &info);
		CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == 100 + i,
		      "number %d of the thread is code %d, value %d", i, info.si_code,
		      info.si_value.sival_int);
	}
	check_none_left();
	return NULL;
}

static void queue_to_thread(pid_t tid, int sig, int value)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_QUEUE };

	/* Members of a union: an initialiser would keep the last of them only. */
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, sig, &info));
}

static void setup(void *arg)
{
	struct state *s = arg;
	sigset_t set = all_signals();

	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	MUST(kill(getpid(), SIGUSR1));
	MUST(tgkill(getpid(), s->tid, SIGUSR2));
	for (int i = 0; i < N_QUEUED; i++) {
		MUST(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = i }));
		queue_to_thread(s->tid, SIGRTMIN + 1, 100 + i);
	}
}

/* As if the first of the queue was lost. */
static void spoil(void *arg)
{
	siginfo_t info;

	take(SIGRTMIN, &info);
}

static void check(void *arg)
{
	struct state *s = arg;
	siginfo_t info;

	take(SIGUSR1, &info);
	CHECK(info.si_code == SI_USER, "USR1 has code %d", info.si_code);
	for (int i = 0; i < N_QUEUED; i++) {
		take(SIGRTMIN, &info);
		CHECK(info.si_code == SI_QUEUE && info.si_value.sival_int == i,
		      "number %d of the process is code %d, value %d", i, info.si_code,
		      info.si_value.sival_int);
	}
	check_none_left();
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "pending signals of process and thread, with siginfo and order",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
