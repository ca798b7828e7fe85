// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that waits inside of vfork(): it is refused at once, since nothing could stop
 * it. When the child has ended it goes on.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define CODE 9

struct state {
	pthread_t thread;
	volatile pid_t tid;
	int pipe[2];
};

/* The child uses our memory: it calls the kernel and nothing else. */
static void *vforks(void *arg)
{
	struct state *s = arg;
	int status;
	pid_t pid;

	s->tid = gettid();
	pid = vfork();
	if (!pid) {
		/* Who waits for the test to be ready waits for the end of a pipe. */
		syscall(SYS_dup2, s->pipe[0], 0);
		syscall(SYS_close_range, 3, UINT32_MAX, 0);
		syscall(SYS_read, 0, &status, 1);
		_exit(CODE);
	}
	MUST(waitpid(pid, &status, 0));
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CODE, "the status is %#x", status);
	return NULL;
}

static char state_of(pid_t tid)
{
	char path[64], text[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = MUST(open(path, O_RDONLY));
	n = MUST(read(fd, text, sizeof(text) - 1));
	text[n] = 0;
	close(fd);
	return strrchr(text, ')')[2];
}

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->pipe));
	s->thread = zdtm_thread(vforks, s);
	while (!s->tid || state_of(s->tid) != 'D')
		usleep(1000);
}

/* As if its child had ended otherwise. */
static void spoil(void *arg)
{
	struct state *s = arg;

	close(s->pipe[0]);
	close(s->pipe[1]);
	s->pipe[1] = -1;
}

static void check(void *arg)
{
	struct state *s = arg;

	MUST(write(s->pipe[1], "!", 1));
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "a thread inside of vfork() is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "waits in vfork()",
};
