// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks whose program is gone: of one it was deleted, of the other it was replaced, as an
 * upgrade does. Both go on with the program that they began with.
 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define PROGRAM "/bin/sleep"

struct state {
	pid_t deleted, replaced;
};

static void copy(const char *name)
{
	int in = MUST(open(PROGRAM, O_RDONLY));
	int out = MUST(open(name, O_WRONLY | O_CREAT | O_EXCL, 0755));
	struct stat st;
	off_t at = 0;

	MUST(fstat(in, &st));
	while (at < st.st_size)
		CHECK(sendfile(out, in, &at, st.st_size - at) > 0, "cannot copy the program");
	close(in);
	close(out);
}

static void read_link(pid_t pid, char *text)
{
	char path[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	n = MUST(readlink(path, text, PATH_MAX - 1));
	text[n] = '\0';
}

static pid_t start(const char *name)
{
	char before[PATH_MAX], now[PATH_MAX];
	pid_t pid;

	copy(name);
	read_link(getpid(), before);
	pid = MUST(fork());
	if (!pid) {
		MUST(execl(name, name, "1000", NULL));
		_exit(1);
	}
	do {
		usleep(1000);
		read_link(pid, now);
	} while (!strcmp(now, before));
	return pid;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->deleted = start("deleted");
	MUST(unlink("deleted"));
	s->replaced = start("replaced");
	close(MUST(open("new", O_WRONLY | O_CREAT | O_EXCL, 0755)));
	MUST(rename("new", "replaced"));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->deleted, SIGKILL));
	usleep(100000);
}

static int open_program(const char *path, struct stat *st)
{
	int fd = MUST(open(path, O_RDONLY));

	MUST(fstat(fd, st));
	return fd;
}

static void compare(const char *path)
{
	char ours[4096], theirs[4096];
	struct stat a, b;
	int fd = open_program(path, &a), program = open_program(PROGRAM, &b);
	ssize_t n;

	CHECK(!a.st_nlink && a.st_mode == (S_IFREG | 0755), "%s: %lu names, mode %o", path,
	      (unsigned long)a.st_nlink, a.st_mode);
	CHECK(a.st_size == b.st_size, "%s has %ld bytes", path, (long)a.st_size);
	while ((n = MUST(read(fd, theirs, sizeof(theirs)))) > 0)
		CHECK(read(program, ours, n) == n && !memcmp(ours, theirs, n),
		      "%s is another program", path);
	close(fd);
	close(program);
}

static void finish(pid_t pid)
{
	char path[PATH_MAX];
	int status;

	CHECK(!kill(pid, 0) && waitpid(pid, &status, WNOHANG) == 0, "pid %d has ended", pid);
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	compare(path);
	MUST(kill(pid, SIGKILL));
	MUST(waitpid(pid, &status, 0));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %#x", status);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;

	finish(s->deleted);
	finish(s->replaced);
	MUST(stat("replaced", &st));
	CHECK(!st.st_size, "the new program has %ld bytes", (long)st.st_size);
}

const struct zdtm_test zdtm_test = {
	.about = "tasks keep a program that was deleted or replaced",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
