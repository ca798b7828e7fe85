// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child that sends numbered real-time signals to its parent all the time: handlers
 * run, signals are queued, a frame may be half built when the dump comes. Each number
 * is handled once, in order.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

/* Sent but not handled yet: below any limit of the queue. */
#define MOST_QUEUED 50

struct shared {
	atomic_int sent, handled, wrong;
};

struct state {
	struct shared *shared;
	pid_t child;
};

/* A handler gets no argument of ours. */
static struct shared *shared;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	if (info->si_code != SI_QUEUE || info->si_value.sival_int != shared->handled)
		atomic_store(&shared->wrong, info->si_value.sival_int + 1);
	atomic_fetch_add(&shared->handled, 1);
}

static void child(void *arg)
{
	struct state *s = arg;
	pid_t parent = getppid();
	sigset_t term, pending;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	MUST(sigprocmask(SIG_BLOCK, &term, NULL));
	zdtm_ready();
	do {
		int next = atomic_load(&s->shared->sent);

		if (next - atomic_load(&s->shared->handled) < MOST_QUEUED) {
			MUST(sigqueue(parent, SIGRTMIN + 1, (union sigval){ .sival_int = next }));
			atomic_store(&s->shared->sent, next + 1);
		}
		MUST(sigpending(&pending));
	} while (!sigismember(&pending, SIGTERM));
}

static void setup(void *arg)
{
	struct state *s = arg;
	struct sigaction action = {
		.sa_sigaction = on_signal,
		.sa_flags = SA_SIGINFO | SA_RESTART,
	};

	s->shared = map_anon(PAGE, MAP_SHARED);
	shared = s->shared;
	MUST(sigaction(SIGRTMIN + 1, &action, NULL));
	s->child = zdtm_fork(child, s);
}

static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	while (!*stop)
		__builtin_ia32_pause();
}

static void spoil(void *arg)
{
	struct state *s = arg;

	atomic_fetch_add(&s->shared->handled, 1);
}

static void check(void *arg)
{
	struct state *s = arg;
	int before = atomic_load(&s->shared->handled), left;

	for (int i = 0; i < 500 && atomic_load(&s->shared->handled) < before + 100; i++)
		usleep(10000);
	zdtm_finish(s->child);
	for (int i = 0; i < 100; i++)
		usleep(1000);
	left = atomic_load(&s->shared->sent) - atomic_load(&s->shared->handled);
	CHECK(!atomic_load(&s->shared->wrong), "number %d came at the wrong time",
	      atomic_load(&s->shared->wrong) - 1);
	CHECK(!left, "%d signals were lost", left);
	CHECK(atomic_load(&s->shared->handled) >= before + 100, "no more signals come");
}

const struct zdtm_test zdtm_test = {
	.about = "numbered signals that come all the time",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
	.busy = true,
};
