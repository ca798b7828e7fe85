// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child in a changed root: absolute paths start there, ".." does not lead out,
 * and its working directory lies inside. The parent keeps the root of the system.
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

static const char *unsupported(void)
{
	return geteuid() ? "chroot needs root" : NULL;
}

static void compare(void)
{
	char content[16] = "", path[64];
	int fd = MUST(open("/../../mark", O_RDONLY));

	MUST(read(fd, content, sizeof(content) - 1));
	close(fd);
	CHECK(!strcmp(content, "inside"), "/mark says \"%s\"", content);
	CHECK(getcwd(path, sizeof(path)) && !strcmp(path, "/below"), "the directory is %s", path);
}

static void child(void *arg)
{
	int fd;

	MUST(mkdir("jail", 0755));
	MUST(mkdir("jail/below", 0755));
	fd = MUST(open("jail/mark", O_CREAT | O_EXCL | O_WRONLY, 0644));
	MUST(write(fd, "inside", 6));
	close(fd);
	MUST(chroot("jail"));
	MUST(chdir("/below"));
	zdtm_wait();
	if (zdtm_spoiling())
		MUST(chroot("/below"));
	compare();
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->child = zdtm_fork(child, NULL);
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(access("/jail", F_OK) && access("/mark", F_OK), "the parent is in the jail too");
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "a changed root directory is kept",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.check = check,
};
