// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task whose leader has ended, and whose other threads a SIGTSTP has stopped: the
 * leader is a zombie and the threads stand still, until SIGCONT.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 2

struct shared {
	atomic_long turns[N_THREADS];
	pid_t tids[N_THREADS];
};

struct state {
	struct shared *shared;
	pid_t child;
};

static struct shared *shared;

static void *turns(void *arg)
{
	long i = (long)arg;

	shared->tids[i] = gettid();
	for (;;) {
		atomic_fetch_add(&shared->turns[i], 1);
		usleep(1000);
	}
	return NULL;
}

static void leads(void *arg)
{
	struct state *s = arg;

	shared = s->shared;
	MUST(setpgid(0, 0));
	for (long i = 0; i < N_THREADS; i++)
		zdtm_thread(turns, (void *)i);
	zdtm_ready();
	syscall(SYS_exit, 0);
}

static char state_of(pid_t pid, pid_t tid)
{
	char path[64], text[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fd = MUST(open(path, O_RDONLY));
	n = MUST(read(fd, text, sizeof(text) - 1));
	text[n] = 0;
	close(fd);
	return strrchr(text, ')')[2];
}

static void setup(void *arg)
{
	struct state *s = arg;
	siginfo_t info;

	s->shared = map_anon(PAGE, MAP_SHARED);
	s->child = zdtm_fork(leads, s);
	for (int i = 0; i < N_THREADS; i++)
		while (!atomic_load(&s->shared->turns[i]))
			usleep(1000);
	while (state_of(s->child, s->child) != 'Z')
		usleep(1000);
	MUST(kill(s->child, SIGTSTP));
	MUST(waitid(P_PID, s->child, &info, WSTOPPED | WNOWAIT));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGCONT));
}

static void check(void *arg)
{
	struct state *s = arg;
	siginfo_t info = {};
	int status;

	MUST(waitid(P_PID, s->child, &info, WSTOPPED | WNOHANG));
	CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGTSTP, "code %d, status %d",
	      info.si_code, info.si_status);
	CHECK(state_of(s->child, s->child) == 'Z', "the leader is in state %c",
	      state_of(s->child, s->child));
	for (int i = 0; i < N_THREADS; i++)
		CHECK(state_of(s->child, s->shared->tids[i]) == 'T', "thread %d is in state %c", i,
		      state_of(s->child, s->shared->tids[i]));
	MUST(kill(s->child, SIGCONT));
	for (int i = 0; i < N_THREADS; i++)
		for (long turns = atomic_load(&s->shared->turns[i]);
		     atomic_load(&s->shared->turns[i]) == turns;)
			usleep(1000);
	MUST(kill(s->child, SIGKILL));
	MUST(waitpid(s->child, &status, 0));
	CHECK(status == SIGKILL, "the status is %#x", status);
}

const struct zdtm_test zdtm_test = {
	.about = "a stopped task whose leader has ended",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
