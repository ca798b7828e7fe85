// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exe link: it names the program that the task executes, by path and by inode,
 * and is not that of the program which restored it.
 */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	char before[PATH_MAX];
};

static void read_link(char *path)
{
	ssize_t n = MUST(readlink("/proc/self/exe", path, PATH_MAX - 1));

	path[n] = 0;
}

static void setup(void *arg)
{
	struct state *s = arg;

	read_link(s->before);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	strcpy(s->before, "/bin/true");
}

static void check(void *arg)
{
	struct state *s = arg;
	char after[PATH_MAX];
	struct stat by_link, by_path;

	read_link(after);
	CHECK(!strcmp(after, s->before), "the link says %s, not %s", after, s->before);
	MUST(stat("/proc/self/exe", &by_link));
	MUST(stat(after, &by_path));
	CHECK(by_link.st_ino == by_path.st_ino && by_link.st_dev == by_path.st_dev,
	      "the link leads to another file");
}

const struct zdtm_test zdtm_test = {
	.about = "the exe link names the program",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
