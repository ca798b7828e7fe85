// SPDX-License-Identifier: GPL-2.0-only
/*
 * Working directories: one a task, with a blank in its name, and proof by relative
 * path that it is the directory itself and not another of that name.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	char parent[PATH_MAX];
	pid_t child;
};

static void enter(const char *name, char *path)
{
	int fd;

	MUST(mkdir(name, 0755));
	MUST(chdir(name));
	fd = MUST(open("here", O_CREAT | O_EXCL | O_WRONLY, 0644));
	MUST(write(fd, name, strlen(name)));
	close(fd);
	CHECK(getcwd(path, PATH_MAX), "getcwd fails");
}

static void compare(const char *name, const char *path)
{
	char found[PATH_MAX], content[32] = "";
	int fd;

	CHECK(getcwd(found, sizeof(found)), "getcwd fails");
	CHECK(!strcmp(found, path), "the directory is %s, not %s", found, path);
	fd = MUST(open("here", O_RDONLY));
	MUST(read(fd, content, sizeof(content) - 1));
	close(fd);
	CHECK(!strcmp(content, name), "this is the directory of \"%s\"", content);
}

static void child(void *arg)
{
	char path[PATH_MAX];

	enter("of the child", path);
	zdtm_wait();
	compare("of the child", path);
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
	enter("parent", s->parent);
}

static void spoil(void *arg)
{
	MUST(chdir(".."));
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("parent", s->parent);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each task keeps its working directory",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
