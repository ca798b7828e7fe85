// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task whose main thread has ended while others run on: the leader is a zombie with
 * a name, a mask and an exit code of its own. The threads keep memory, descriptors and
 * thread-local variables; when the last one has ended there is a status for the parent.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define CODE 7
#define N_THREADS 3

struct shared {
	struct zdtm_gate gate;
	pid_t tids[N_THREADS];
};

struct state {
	struct shared *shared;
	pid_t child;
	char *memory;
	int file;
};

struct worker {
	struct state *state;
	int index;
};

static __thread int number;

static void *works(void *arg)
{
	struct worker *w = arg;
	struct state *s = w->state;
	char found[8] = "";

	number = w->index;
	s->shared->tids[w->index] = gettid();
	zdtm_gate_arrive(&s->shared->gate);
	CHECK(number == w->index, "thread %d believes to be %d", w->index, number);
	CHECK(gettid() == s->shared->tids[w->index], "the tid is %d, was %d", gettid(),
	      s->shared->tids[w->index]);
	pattern_check(s->memory, 4 * PAGE, 5);
	CHECK(MUST(pread(s->file, found, sizeof(found), 0)) == 5 && !strcmp(found, "words"),
	      "the file says \"%s\"", found);
	if (w->index)
		return NULL;
	/* The last one. */
	for (int i = 1; i < N_THREADS; i++)
		while (syscall(SYS_tgkill, getpid(), s->shared->tids[i], 0) == 0)
			usleep(1000);
	syscall(SYS_exit, CODE);
	return NULL;
}

static void *says_ready(void *arg)
{
	struct state *s = arg;

	zdtm_gate_await(&s->shared->gate, N_THREADS);
	zdtm_ready();
	return NULL;
}

static void leads(void *arg)
{
	struct state *s = arg;
	static struct worker workers[N_THREADS];
	sigset_t set;

	s->memory = map_anon(4 * PAGE, MAP_PRIVATE);
	/* What only a mapping that is made later shows. */
	MUST(mlockall(MCL_FUTURE | MCL_ONFAULT));
	pattern_fill(s->memory, 4 * PAGE, 5);
	s->file = MUST(memfd_create("words", 0));
	MUST(write(s->file, "words", 5));
	for (int i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){ s, i };
		zdtm_thread(works, &workers[i]);
	}
	zdtm_thread(says_ready, s);
	MUST(prctl(PR_SET_NAME, "the late leader"));
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	sigaddset(&set, SIGHUP);
	MUST_ZERO(pthread_sigmask(SIG_SETMASK, &set, NULL));
	syscall(SYS_exit, CODE);
}

static void read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, pid, name);
	fd = MUST(open(path, O_RDONLY));
	n = MUST(read(fd, text, size - 1));
	text[n] = 0;
	close(fd);
}

static char state_of(pid_t pid)
{
	char text[512];

	read_file(pid, "stat", text, sizeof(text));
	return strrchr(text, ')')[2];
}

/* The last field of all. */
static int code_of(pid_t pid)
{
	char text[512];

	read_file(pid, "stat", text, sizeof(text));
	return atoi(strrchr(text, ' ') + 1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->shared = map_anon(PAGE, MAP_SHARED);
	s->child = zdtm_fork(leads, s);
	while (state_of(s->child) != 'Z')
		usleep(1000);
}

/* As if the leader came back alive or with another code: it is the process that ends. */
static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->child, SIGKILL));
	usleep(100 * 1000);
}

static void check(void *arg)
{
	struct state *s = arg;
	char text[4096], wanted[64];
	int status;

	CHECK(state_of(s->child) == 'Z', "the leader is in state %c", state_of(s->child));
	CHECK(waitpid(s->child, &status, WNOHANG) == 0, "the process has ended");
	CHECK(code_of(s->child) == CODE << 8, "the leader's code is %#x", code_of(s->child));
	read_file(s->child, "comm", text, sizeof(text));
	CHECK(!strcmp(text, "the late leader\n"), "the leader is called %s", text);
	read_file(s->child, "status", text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "SigBlk:\t%016llx\n",
		 1ULL << (SIGRTMIN + 2) | 1ULL << (SIGHUP - 1));
	CHECK(strstr(text, wanted), "the leader's status has no %s: %s", wanted, text);
	CHECK(strstr(text, "TracerPid:\t0\n"), "the leader is traced");
	for (int i = 0; i < N_THREADS; i++)
		MUST(syscall(SYS_tgkill, s->child, s->shared->tids[i], 0));
	zdtm_gate_open(&s->shared->gate);
	MUST(waitpid(s->child, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "the status is %#x", status);
}

const struct zdtm_test zdtm_test = {
	.about = "a task whose leader has ended goes on with its threads",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
