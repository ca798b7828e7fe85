// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that job control has stopped, each by another signal and with two threads:
 *
 *	SIGSTOP, SIGTSTP	their parent has waited for the stop
 *	SIGTTIN, SIGTTOU	it has not; the SIGCHLD is not there any more
 *	SIGSTOP			a child of its own is stopped too, and waited for
 *
 * The second has another SIGTSTP queued.
 * They come back stopped by the same signal, with nothing new for their parent: no
 * SIGCHLD, no second report. SIGCONT lets all threads go on where they were.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_CHILDREN 5
#define NESTED 4

static const struct {
	int sig;
	bool reported;
} table[N_CHILDREN] = {
	{ SIGSTOP, true },
	{ SIGTSTP, true },
	{ SIGTTIN, false },
	{ SIGTTOU, false },
	{ SIGSTOP, true },
};

struct shared {
	struct {
		atomic_long turns;
		pid_t tid;
	} threads[N_CHILDREN];
	pid_t grandchild;
};

struct state {
	struct shared *shared;
	pid_t children[N_CHILDREN];
	int index;
};

static void *turns(void *arg)
{
	struct state *s = arg;

	s->shared->threads[s->index].tid = gettid();
	for (;;) {
		atomic_fetch_add(&s->shared->threads[s->index].turns, 1);
		usleep(1000);
	}
	return NULL;
}

static void waits(void *arg)
{
	zdtm_wait();
}

/* The next event of a child, of those in @flags; no event: 0. */
static int event(pid_t pid, int flags, siginfo_t *info)
{
	info->si_pid = 0;
	MUST(waitid(P_PID, pid, info, flags | WNOHANG));
	return info->si_pid ? info->si_code : 0;
}

static void check_no_sigchld(void)
{
	sigset_t pending;

	MUST(sigpending(&pending));
	CHECK(!sigismember(&pending, SIGCHLD), "a SIGCHLD came out of nowhere");
}

static void take_sigchld(void)
{
	const struct timespec now = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (sigtimedwait(&set, NULL, &now) == SIGCHLD)
		;
}

static void stop(pid_t pid, int sig, bool report)
{
	siginfo_t info;

	MUST(kill(pid, sig));
	MUST(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
	if (report)
		MUST(waitid(P_PID, pid, &info, WSTOPPED));
	take_sigchld();
}

static void child(void *arg)
{
	struct state mine = *(struct state *)arg;
	siginfo_t info;

	MUST(setpgid(0, 0));
	zdtm_thread(turns, &mine);
	if (mine.index == NESTED) {
		mine.shared->grandchild = zdtm_fork(waits, NULL);
		stop(mine.shared->grandchild, SIGSTOP, true);
	}
	zdtm_wait();
	if (mine.index == NESTED) {
		check_no_sigchld();
		CHECK(!event(mine.shared->grandchild, WSTOPPED, &info), "a second report");
		MUST(kill(mine.shared->grandchild, SIGCONT));
		zdtm_finish(mine.shared->grandchild);
	}
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->shared = map_anon(PAGE, MAP_SHARED);
	for (s->index = 0; s->index < N_CHILDREN; s->index++)
		s->children[s->index] = zdtm_fork(child, s);
	for (int i = 0; i < N_CHILDREN; i++)
		while (!atomic_load(&s->shared->threads[i].turns))
			usleep(1000);
	for (int i = 0; i < N_CHILDREN; i++)
		stop(s->children[i], table[i].sig, table[i].reported);
	MUST(kill(s->children[1], SIGTSTP));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->children[1], SIGCONT));
	usleep(100 * 1000);
	MUST(kill(s->children[1], SIGSTOP));
	usleep(100 * 1000);
}

static void read_file(pid_t pid, pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	fd = MUST(open(path, O_RDONLY));
	n = MUST(read(fd, text, size - 1));
	text[n] = 0;
	close(fd);
}

static char state_of(pid_t pid, pid_t tid)
{
	char text[512];

	read_file(pid, tid, "stat", text, sizeof(text));
	return strrchr(text, ')')[2];
}

/* @sig is queued to the process, and nothing else. */
static void check_pending(pid_t pid, int sig)
{
	char text[4096];
	const char *at;

	read_file(pid, pid, "status", text, sizeof(text));
	at = strstr(text, "ShdPnd:");
	CHECK(at && strtoull(at + strlen("ShdPnd:"), NULL, 16) == 1ULL << (sig - 1),
	      "pid %d: %.30s, not signal %d", pid, at, sig);
}

/* As a tracer sees it; the task stays stopped. */
static int stop_signal(pid_t pid)
{
	int status;

	MUST(ptrace(PTRACE_SEIZE, pid, 0, 0));
	MUST(waitpid(pid, &status, __WALL));
	CHECK(status >> 16 == PTRACE_EVENT_STOP, "status %#x", status);
	MUST(ptrace(PTRACE_DETACH, pid, 0, 0));
	return WSTOPSIG(status);
}

static void check_child(const struct state *s, int i)
{
	pid_t pid = s->children[i], tid = s->shared->threads[i].tid;
	siginfo_t info;
	int code, sig;

	CHECK(state_of(pid, pid) == 'T' && state_of(pid, tid) == 'T', "states %c, %c of child %d",
	      state_of(pid, pid), state_of(pid, tid), i);
	code = event(pid, WSTOPPED, &info);
	sig = info.si_status;
	CHECK(code == (table[i].reported ? 0 : CLD_STOPPED), "child %d: its stop is code %d", i,
	      code);
	CHECK(table[i].reported || sig == table[i].sig, "child %d: stopped by %d", i, sig);
	sig = stop_signal(pid);
	CHECK(sig == table[i].sig, "child %d: its tracer sees signal %d", i, sig);
	CHECK(!event(pid, WCONTINUED, &info), "child %d was continued", i);
}

static void check_goes_on(const struct state *s, int i)
{
	long turns = atomic_load(&s->shared->threads[i].turns);

	MUST(kill(s->children[i], SIGCONT));
	while (atomic_load(&s->shared->threads[i].turns) == turns)
		usleep(1000);
	zdtm_finish(s->children[i]);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_no_sigchld();
	for (int i = 0; i < N_CHILDREN; i++)
		check_child(s, i);
	check_pending(s->children[1], SIGTSTP);
	CHECK(state_of(s->shared->grandchild, s->shared->grandchild) == 'T', "state %c",
	      state_of(s->shared->grandchild, s->shared->grandchild));
	for (int i = 0; i < N_CHILDREN; i++)
		check_goes_on(s, i);
}

const struct zdtm_test zdtm_test = {
	.about = "stopped tasks stay stopped, by their signal, and their parent hears nothing",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
