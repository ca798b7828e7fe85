// SPDX-License-Identifier: GPL-2.0-only
/*
 * A descriptor with a number as high as the limit allows, a million where it may be
 * raised to that: the table is as large, and the restorer has no number above it.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define MILLION 1000000

struct state {
	int highest;
};

static int table_limit(void)
{
	struct rlimit limit = { MILLION + 1, MILLION + 1 };

	/* Beyond its hard limit only with CAP_SYS_RESOURCE. */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return limit.rlim_cur;
	MUST(getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_max > MILLION + 1)
		limit.rlim_max = MILLION + 1;
	limit.rlim_cur = limit.rlim_max;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	return limit.rlim_cur;
}

static void setup(void *arg)
{
	struct state *s = arg;
	int fd = MUST(open("file", O_CREAT | O_RDWR, 0600));

	MUST(write(fd, "0123456789", 10));
	MUST(lseek(fd, 4, SEEK_SET));
	s->highest = table_limit() - 1;
	MUST(dup2(fd, s->highest));
	MUST(dup2(fd, s->highest - 1));
	close(fd);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	close(s->highest);
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(MUST(lseek(s->highest, 0, SEEK_CUR)) == 4, "another file");
	MUST(lseek(s->highest - 1, 6, SEEK_SET));
	CHECK(MUST(lseek(s->highest, 0, SEEK_CUR)) == 6, "the two are no longer one");
	for (int fd = 3; fd < s->highest - 1; fd++)
		CHECK(fcntl(fd, F_GETFD) < 0, "fd %d is open", fd);
}

const struct zdtm_test zdtm_test = {
	.about = "the highest descriptor number there is",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
