// SPDX-License-Identifier: GPL-2.0-only
/*
 * A job of a shell: session and terminal come from outside and are there again at
 * the restore (--shell-job). The terminal's settings are the job's to keep: modes,
 * control characters, window size; and so are its descriptors on it.
 */
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	struct termios modes;
	struct winsize size;
	pid_t session;
	int dup;
};

static void setup(void *arg)
{
	struct state *s = arg;
	sigset_t set;

	/* Changing settings from the background stops a job that does not block this. */
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	MUST(tcgetattr(STDIN_FILENO, &s->modes));
	s->modes.c_lflag &= ~(ICANON | ECHO);
	s->modes.c_cc[VINTR] = 'X' & 0x1f;
	s->modes.c_cc[VMIN] = 3;
	MUST(tcsetattr(STDIN_FILENO, TCSANOW, &s->modes));
	MUST(tcgetattr(STDIN_FILENO, &s->modes));
	s->size = (struct winsize){ .ws_row = 33, .ws_col = 111 };
	MUST(ioctl(STDIN_FILENO, TIOCSWINSZ, &s->size));
	s->dup = MUST(dup(STDIN_FILENO));
	s->session = MUST(getsid(0));
}

static void spoil(void *arg)
{
	struct state *s = arg;
	struct termios modes = s->modes;

	modes.c_lflag |= ECHO;
	MUST(tcsetattr(STDIN_FILENO, TCSANOW, &modes));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct termios modes;
	struct winsize size;
	struct stat first, dup;

	CHECK(getpgrp() == getpid(), "the group is %d", getpgrp());
	CHECK(getsid(0) == s->session, "the session is %d, was %d", getsid(0), s->session);
	CHECK(tcgetsid(STDIN_FILENO) == s->session, "the terminal is of session %d",
	      tcgetsid(STDIN_FILENO));
	MUST(tcgetattr(STDIN_FILENO, &modes));
	CHECK(modes.c_lflag == s->modes.c_lflag && modes.c_iflag == s->modes.c_iflag &&
	      modes.c_oflag == s->modes.c_oflag && modes.c_cflag == s->modes.c_cflag,
	      "the modes are %#x %#x %#x %#x", modes.c_iflag, modes.c_oflag, modes.c_cflag,
	      modes.c_lflag);
	CHECK(!memcmp(modes.c_cc, s->modes.c_cc, sizeof(modes.c_cc)), "the control characters");
	MUST(ioctl(STDIN_FILENO, TIOCGWINSZ, &size));
	CHECK(size.ws_row == 33 && size.ws_col == 111, "the window is %u x %u", size.ws_row,
	      size.ws_col);
	MUST(fstat(STDIN_FILENO, &first));
	MUST(fstat(s->dup, &dup));
	CHECK(first.st_rdev == dup.st_rdev && isatty(s->dup), "the dup is another file");
	MUST(write(s->dup, "still here\n", 11));
}

const struct zdtm_test zdtm_test = {
	.about = "the terminal of a shell's job keeps its settings",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.dump_options = "--shell-job",
	.restore_options = "--shell-job",
	.terminal = true,
};
