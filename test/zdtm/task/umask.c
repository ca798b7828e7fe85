// SPDX-License-Identifier: GPL-2.0-only
/* The file mode creation mask, a different one in parent and child. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define PARENT_MASK 0345
#define CHILD_MASK 0021

struct state {
	pid_t child;
};

static void compare(const char *path, mode_t mask)
{
	struct stat st;
	mode_t found;
	int fd;

	fd = MUST(open(path, O_CREAT | O_EXCL | O_RDWR, 0777));
	MUST(fstat(fd, &st));
	close(fd);
	MUST(unlink(path));
	CHECK((st.st_mode & 0777) == (0777 & ~mask), "%s was made with mode %#o", path,
	      st.st_mode);
	found = umask(0);
	CHECK(found == mask, "the mask is %#o, not %#o", found, mask);
}

static void child(void *arg)
{
	umask(CHILD_MASK);
	zdtm_wait();
	compare("child", CHILD_MASK);
}

static void setup(void *arg)
{
	struct state *s = arg;

	umask(PARENT_MASK);
	s->child = zdtm_fork(child, NULL);
}

static void spoil(void *arg)
{
	umask(022);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("parent", PARENT_MASK);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each task keeps its umask",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
