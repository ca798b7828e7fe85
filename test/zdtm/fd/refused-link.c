// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file whose name is gone, but which has another one: without --link-remap it is refused,
 * and the error says how to have it saved.
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

	s->fd = MUST(open("name", O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(link("name", "kept"));
	MUST(unlink("name"));
}

static void spoil(void *arg)
{
	MUST(unlink("kept"));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;

	MUST(fstat(s->fd, &st));
	CHECK(st.st_nlink == 1, "it has %lu names", (unsigned long)st.st_nlink);
}

const struct zdtm_test zdtm_test = {
	.about = "a file with another name left is refused without --link-remap",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "--link-remap",
};
