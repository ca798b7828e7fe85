// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deleted files of a task that has another root: one below that root, one outside of it, and
 * its working directory. Paths are ours at dump and restore, and the task's again then.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
};

static int make(const char *name)
{
	int fd = MUST(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));

	MUST(write(fd, name, strlen(name)));
	return fd;
}

static void compare(int fd, const char *wanted)
{
	char found[16] = "";
	struct stat st;

	MUST(fstat(fd, &st));
	CHECK(!st.st_nlink, "it has %lu names", (unsigned long)st.st_nlink);
	MUST(pread(fd, found, sizeof(found) - 1, 0));
	CHECK(!strcmp(found, wanted), "\"%s\" contains \"%s\"", wanted, found);
}

static void child(void *arg)
{
	int outside = make("outside"), inside;
	struct stat st;

	MUST(unlink("outside"));
	MUST(mkdir("jail", 0755));
	MUST(chdir("jail"));
	inside = make("inside");
	MUST(mkdir("here", 0700));
	MUST(chroot("."));
	MUST(chdir("/here"));
	MUST(unlink("/inside"));
	MUST(rmdir("/here"));
	zdtm_wait();
	compare(outside, zdtm_spoiling() ? "spoilt" : "outside");
	compare(inside, "inside");
	MUST(stat(".", &st));
	CHECK(!st.st_nlink, "the working directory has a name");
	CHECK(access("/here", F_OK) < 0 && access("/jail", F_OK) < 0, "this is another root");
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "deleted files inside and outside of a task's own root",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
