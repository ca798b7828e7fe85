// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child in which a thread that is not the leader has executed a program: the kernel has
 * ended all others, and the thread has the id of the leader. It is one task of one
 * thread, in the system call of its program, and ends with that program's status.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
	int pipe[2];
};

static void *sleeps(void *arg)
{
	for (;;)
		pause();
	return NULL;
}

/* Reads a line, and ends with the code that stands there. */
static void *executes(void *arg)
{
	struct state *s = arg;

	MUST(dup2(s->pipe[0], 0));
	MUST(execl("/bin/sh", "reader", "-c", "read code; exit $code", NULL));
	return NULL;
}

static void leads(void *arg)
{
	zdtm_thread(sleeps, NULL);
	zdtm_ready();
	zdtm_thread(executes, arg);
	sleeps(NULL);
}

static void read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = MUST(open(path, O_RDONLY));
	n = MUST(read(fd, text, size - 1));
	text[n] = 0;
	close(fd);
}

static bool reads(pid_t pid)
{
	char text[256];

	/* The first argument, and system call 0 on descriptor 0. */
	read_file(pid, "cmdline", text, sizeof(text));
	if (strcmp(text, "reader"))
		return false;
	read_file(pid, "syscall", text, sizeof(text));
	return !strncmp(text, "0 0x0 ", 6);
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->pipe));
	s->child = zdtm_fork(leads, s);
	while (!reads(s->child))
		usleep(1000);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(write(s->pipe[1], "5\n", 2));
	usleep(100 * 1000);
}

static void check(void *arg)
{
	struct state *s = arg;
	char text[4096];
	int status;

	CHECK(reads(s->child), "the child does not read");
	read_file(s->child, "status", text, sizeof(text));
	CHECK(strstr(text, "\nThreads:\t1\n"), "the child has more threads: %s", text);
	MUST(write(s->pipe[1], "23\n", 3));
	MUST(waitpid(s->child, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 23, "the status is %#x", status);
}

const struct zdtm_test zdtm_test = {
	.about = "a program that a thread has executed",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
