// SPDX-License-Identifier: GPL-2.0-only
/*
 * Status flags of regular files that open() and fcntl() treat apart: O_DIRECT from the
 * start and set later, O_DSYNC, O_NOATIME; offsets beyond the end of the file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define BEYOND ((off_t)5 << 30)

enum { DIRECT, LATER, DSYNC, PAST, N_FILES };

static const int flags[N_FILES] = {
	[DIRECT] = O_RDWR | O_DIRECT,
	[LATER] = O_RDONLY | O_NOATIME,
	[DSYNC] = O_WRONLY | O_DSYNC,
	[PAST] = O_RDWR,
};

struct state {
	int fds[N_FILES];
	int flags[N_FILES];
};

static void setup(void *arg)
{
	struct state *s = arg;
	char name[16];

	for (int i = 0; i < N_FILES; i++) {
		snprintf(name, sizeof(name), "file.%d", i);
		close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
		s->fds[i] = MUST(open(name, flags[i]));
	}
	MUST(fcntl(s->fds[LATER], F_SETFL, O_DIRECT | O_NOATIME | O_NONBLOCK));
	MUST(lseek(s->fds[PAST], BEYOND, SEEK_SET));
	for (int i = 0; i < N_FILES; i++)
		s->flags[i] = MUST(fcntl(s->fds[i], F_GETFL));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(fcntl(s->fds[DIRECT], F_SETFL, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;

	for (int i = 0; i < N_FILES; i++)
		CHECK(MUST(fcntl(s->fds[i], F_GETFL)) == s->flags[i],
		      "the flags of file %d are %#x, not %#x", i, fcntl(s->fds[i], F_GETFL),
		      s->flags[i]);
	CHECK(MUST(lseek(s->fds[PAST], 0, SEEK_CUR)) == BEYOND, "the offset has moved");
	MUST(fstat(s->fds[PAST], &st));
	CHECK(st.st_size == 0, "the file has grown to %ld", (long)st.st_size);
	MUST(write(s->fds[PAST], "x", 1));
	MUST(fstat(s->fds[PAST], &st));
	CHECK(st.st_size == BEYOND + 1, "the write went to %ld", (long)st.st_size - 1);
}

const struct zdtm_test zdtm_test = {
	.about = "O_DIRECT and its kin, offsets beyond the end",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
