// SPDX-License-Identifier: GPL-2.0-only
/* Character devices without state of their own: null, zero, full, random, urandom. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/zdtm.h"

enum { NUL, ZERO, FULL, RANDOM, URANDOM, N_DEVICES };

static const struct {
	const char *path;
	int flags;
	unsigned int minor;
} devices[N_DEVICES] = {
	[NUL] = { "/dev/null", O_RDWR, 3 },
	[ZERO] = { "/dev/zero", O_RDONLY, 5 },
	[FULL] = { "/dev/full", O_WRONLY, 7 },
	[RANDOM] = { "/dev/random", O_RDONLY | O_NONBLOCK, 8 },
	[URANDOM] = { "/dev/urandom", O_RDONLY, 9 },
};

struct state {
	int fds[N_DEVICES];
	int flags[N_DEVICES];
};

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N_DEVICES; i++) {
		s->fds[i] = MUST(open(devices[i].path, devices[i].flags));
		s->flags[i] = MUST(fcntl(s->fds[i], F_GETFL));
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(dup2(s->fds[NUL], s->fds[ZERO]));
}

static void check(void *arg)
{
	struct state *s = arg;
	char found[64], zero[64] = {};
	struct stat st;

	for (int i = 0; i < N_DEVICES; i++) {
		MUST(fstat(s->fds[i], &st));
		CHECK(S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 &&
		      minor(st.st_rdev) == devices[i].minor, "%s is %u:%u", devices[i].path,
		      major(st.st_rdev), minor(st.st_rdev));
		CHECK(MUST(fcntl(s->fds[i], F_GETFL)) == s->flags[i], "the flags of %s are %#x",
		      devices[i].path, fcntl(s->fds[i], F_GETFL));
	}
	CHECK(!MUST(read(s->fds[NUL], found, sizeof(found))), "null has content");
	CHECK(MUST(write(s->fds[NUL], zero, sizeof(zero))) == sizeof(zero), "null is full");
	memset(found, 1, sizeof(found));
	MUST(read(s->fds[ZERO], found, sizeof(found)));
	CHECK(!memcmp(found, zero, sizeof(zero)), "zero is not zero");
	CHECK(write(s->fds[FULL], zero, 1) < 0 && errno == ENOSPC, "full is not full");
	MUST(read(s->fds[URANDOM], found, sizeof(found)));
	CHECK(memcmp(found, zero, sizeof(zero)), "urandom is zero");
}

const struct zdtm_test zdtm_test = {
	.about = "character devices without state",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
