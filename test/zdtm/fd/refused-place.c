// SPDX-License-Identifier: GPL-2.0-only
/*
 * A deleted file whose directory was replaced by another file: nothing can be made at its
 * old path without harm to that one, so it is refused.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int fd;
};

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(mkdir("place", 0700));
	s->fd = MUST(open("place/gone", O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(unlink("place/gone"));
	MUST(rmdir("place"));
	MUST(symlink("elsewhere", "place"));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(ftruncate(s->fd, 1));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;

	MUST(fstat(s->fd, &st));
	CHECK(!st.st_nlink && !st.st_size, "%lu names, %ld bytes", (unsigned long)st.st_nlink,
	      (long)st.st_size);
}

const struct zdtm_test zdtm_test = {
	.about = "a deleted file is refused when another stands in its directory's place",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "another file stands where its directory was",
};
