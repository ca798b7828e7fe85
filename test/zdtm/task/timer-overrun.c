// SPDX-License-Identifier: GPL-2.0-only
/*
 * The count of missed expirations that belongs to the last signal of a timer: one for
 * the process, one for a thread. The signals were taken, none comes again, and the
 * timers go on in their phase.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define INTERVAL_S 1000
#define OF_PROCESS 5
#define OF_THREAD 1000

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	int id, thread_id;
};

/* A timer that has long expired still takes its interrupt to say so. */
static int take(int sig, int seconds)
{
	const struct timespec longest = { .tv_sec = seconds };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, &info, &longest) < 0 ? -1 : info.si_overrun;
}

/* Starts a timer that has missed @overrun expirations, and takes its signal. */
static int make(int notify, int sig, int overrun)
{
	struct itimerspec spec = { .it_interval = { .tv_sec = INTERVAL_S } };
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = sig };
	int id, missed;

	event._sigev_un._tid = gettid();
	MUST(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id));
	MUST(clock_gettime(CLOCK_REALTIME, &spec.it_value));
	spec.it_value.tv_sec -= overrun * INTERVAL_S + INTERVAL_S / 2;
	MUST(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &spec, NULL));
	missed = take(sig, 10);
	CHECK(missed == overrun, "a signal tells of %d missed expirations, not %d", missed,
	      overrun);
	return id;
}

static void compare(const char *who, int id, int sig, int overrun)
{
	int found = MUST(syscall(SYS_timer_getoverrun, id));
	struct itimerspec spec;

	CHECK(found == overrun, "%s timer has missed %d expirations, not %d", who, found, overrun);
	CHECK(take(sig, 0) == -1, "%s timer has sent a signal again", who);
	MUST(syscall(SYS_timer_gettime, id, &spec));
	CHECK(spec.it_interval.tv_sec == INTERVAL_S && spec.it_value.tv_sec <= INTERVAL_S / 2 &&
	      spec.it_value.tv_sec > INTERVAL_S / 2 - 60, "%s timer has %ld.%09ld s to go", who,
	      spec.it_value.tv_sec, spec.it_value.tv_nsec);
}

static void *worker(void *arg)
{
	struct state *s = arg;

	s->thread_id = make(SIGEV_THREAD_ID, SIGUSR2, OF_THREAD);
	zdtm_gate_arrive(&s->gate);
	compare("the thread's", s->thread_id, SIGUSR2, OF_THREAD);
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	s->id = make(SIGEV_SIGNAL, SIGRTMIN, OF_PROCESS);
}

static void spoil(void *arg)
{
	struct state *s = arg;
	struct itimerspec spec;

	MUST(syscall(SYS_timer_gettime, s->id, &spec));
	MUST(syscall(SYS_timer_settime, s->id, 0, &spec, NULL));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the process's", s->id, SIGRTMIN, OF_PROCESS);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "POSIX timers keep the overrun count of their last signal",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
