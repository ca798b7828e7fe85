// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX timers on clocks of CPU time: of the process, of one thread and of another, and
 * of the parent in its child. A second's work of the thread shows in the timer of its
 * clock, and not in that of the main thread.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FAR_S 1000

enum { PROCESS, MAIN, THREAD, N_TIMERS };

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
	pid_t child;
	clockid_t of_thread, of_parent;
	int ids[N_TIMERS];
	int far;			/* in the child */
};

static int make(clockid_t clock, int notify, struct timespec value)
{
	const struct itimerspec spec = { .it_value = value, .it_interval = { FAR_S, 9 } };
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = SIGUSR2 };
	int id;

	MUST(syscall(SYS_timer_create, clock, &event, &id));
	MUST(syscall(SYS_timer_settime, id, 0, &spec, NULL));
	return id;
}

static void check_far(const char *what, int id)
{
	struct itimerspec now;

	MUST(syscall(SYS_timer_gettime, id, &now));
	CHECK(now.it_interval.tv_sec == FAR_S && now.it_interval.tv_nsec == 9,
	      "the timer of %s has the interval %ld.%09ld", what, now.it_interval.tv_sec,
	      now.it_interval.tv_nsec);
	CHECK(now.it_value.tv_sec <= FAR_S && now.it_value.tv_sec >= FAR_S - 60,
	      "the timer of %s has %ld.%09ld to go", what, now.it_value.tv_sec,
	      now.it_value.tv_nsec);
}

/* Works until the timer of its clock says that it has worked enough. */
static void *worker(void *arg)
{
	struct state *s = arg;
	struct timespec used;
	struct itimerspec now;
	volatile int work = 0;

	MUST_ZERO(pthread_getcpuclockid(pthread_self(), &s->of_thread));
	zdtm_gate_arrive(&s->gate);
	do {
		for (int i = 0; i < 1000000; i++)
			work++;
		MUST(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used));
	} while (used.tv_sec < 1);
	MUST(syscall(SYS_timer_gettime, s->ids[THREAD], &now));
	CHECK(now.it_value.tv_sec == FAR_S - 1 || now.it_value.tv_sec == FAR_S - 2,
	      "the timer of the thread's clock has %ld.%09ld to go after a second's work",
	      now.it_value.tv_sec, now.it_value.tv_nsec);
	return NULL;
}

static void child(void *arg)
{
	struct state *s = arg;

	s->far = make(s->of_parent, SIGEV_NONE, (struct timespec){ .tv_sec = FAR_S });
	zdtm_wait();
	check_far("the parent", s->far);
}

static void setup(void *arg)
{
	const struct timespec far = { .tv_sec = FAR_S };
	struct state *s = arg;
	clockid_t of_main;

	s->thread = zdtm_thread(worker, s);
	zdtm_gate_await(&s->gate, 1);
	MUST_ZERO(pthread_getcpuclockid(pthread_self(), &of_main));
	MUST_ZERO(clock_getcpuclockid(getpid(), &s->of_parent));
	s->ids[PROCESS] = make(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, far);
	s->ids[MAIN] = make(of_main, SIGEV_SIGNAL, far);
	s->ids[THREAD] = make(s->of_thread, SIGEV_SIGNAL, far);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	const struct itimerspec none = {};
	struct state *s = arg;

	MUST(syscall(SYS_timer_settime, s->ids[THREAD], 0, &none, NULL));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct itimerspec now;

	check_far("the process", s->ids[PROCESS]);
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
	check_far("the main thread", s->ids[MAIN]);
	MUST(syscall(SYS_timer_gettime, s->ids[MAIN], &now));
	CHECK(now.it_value.tv_sec >= FAR_S - 1, "the main thread's clock counts another's work");
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "POSIX timers on CPU clocks of threads and of other tasks",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
