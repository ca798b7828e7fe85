// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that the victim holds a lock on: between dump and restore somebody else
 * could take it, so it is refused. The victim keeps the lock.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int fd;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->fd = MUST(open("locked", O_CREAT | O_EXCL | O_RDWR, 0600));
	MUST(flock(s->fd, LOCK_EX));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(flock(s->fd, LOCK_UN));
}

static void check(void *arg)
{
	int other = MUST(open("locked", O_RDWR));

	CHECK(flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK, "the lock is gone");
}

const struct zdtm_test zdtm_test = {
	.about = "a held lock is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "lock",
};
