// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/tty, by which a task opens the terminal of its session whatever that is: the
 * descriptor leads to the terminal of the session in which the task is restored.
 */
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int fd;
	int flags;
};

static void setup(void *arg)
{
	struct state *s = arg;

	s->fd = MUST(open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK));
	s->flags = MUST(fcntl(s->fd, F_GETFL));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(dup2(MUST(open("/dev/null", O_RDWR | O_NONBLOCK)), s->fd));
}

static void check(void *arg)
{
	struct state *s = arg;

	CHECK(isatty(s->fd), "/dev/tty is no terminal");
	CHECK(fcntl(s->fd, F_GETFL) == s->flags, "the flags are %#x, were %#x",
	      fcntl(s->fd, F_GETFL), s->flags);
	CHECK(tcgetsid(s->fd) == getsid(0), "the terminal is of session %d", tcgetsid(s->fd));
	MUST(write(s->fd, "still here\n", 11));
}

const struct zdtm_test zdtm_test = {
	.about = "/dev/tty is the terminal of the session",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.dump_options = "--shell-job",
	.restore_options = "--shell-job",
	.terminal = true,
};
