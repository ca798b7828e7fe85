// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task stays in a directory that was removed, its child in one below that; a path from
 * there leads nowhere, until the task leaves it.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
	int home;
};

static void check_here(mode_t mode)
{
	char path[PATH_MAX];
	struct stat st;

	MUST(stat(".", &st));
	CHECK(st.st_mode == (S_IFDIR | mode) && !st.st_nlink, "mode %o, %lu names", st.st_mode,
	      (unsigned long)st.st_nlink);
	CHECK(!getcwd(path, sizeof(path)) && errno == ENOENT, "it has the path %s", path);
	CHECK(open("new", O_WRONLY | O_CREAT, 0600) < 0 && errno == ENOENT,
	      "a file can be made here");
}

static void child(void *arg)
{
	MUST(chdir("below"));
	zdtm_wait();
	check_here(0750);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->home = MUST(open(".", O_RDONLY | O_DIRECTORY));
	MUST(mkdir("here", 0700));
	MUST(mkdir("here/below", 0750));
	MUST(chdir("here"));
	s->child = zdtm_fork(child, NULL);
	MUST(rmdir("below"));
	MUST(rmdir("../here"));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(fchdir(s->home));
}

static void check(void *arg)
{
	struct state *s = arg;

	check_here(0700);
	zdtm_finish(s->child);
	MUST(chdir(".."));
}

const struct zdtm_test zdtm_test = {
	.about = "a removed directory stays the working directory",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
