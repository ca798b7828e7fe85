// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that reach beyond the end of their file, one of them since the file was cut
 * behind a page that the task had changed: behind the end SIGBUS stays SIGBUS, what is
 * before it is there, and what the file grows by shows.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (8 * PAGE)
#define LENGTH (2 * PAGE + 100)

struct state {
	char *shared, *private;
};

static void setup(void *arg)
{
	int fd = MUST(open("cut", O_CREAT | O_EXCL | O_RDWR, 0600));
	struct state *s = arg;

	MUST(ftruncate(fd, SIZE));
	s->shared = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	s->private = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	MUST(close(fd));
	pattern_fill(s->shared, SIZE, 1);
	/* One that stays, one that goes with the cut. */
	pattern_fill(s->private + PAGE, PAGE, 2);
	pattern_fill(s->private + 4 * PAGE, PAGE, 2);
	MUST(truncate("cut", LENGTH));
}

static void spoil(void *arg)
{
	MUST(truncate("cut", SIZE));
}

static void check(void *arg)
{
	struct state *s = arg;

	pattern_check(s->shared, 2 * PAGE, 1);
	pattern_check(s->private, PAGE, 1);
	pattern_check(s->private + PAGE, PAGE, 2);
	for (size_t at = 3 * PAGE; at < SIZE; at += PAGE) {
		CHECK(fault_signal(s->shared + at, false) == SIGBUS, "shared: no SIGBUS at %#lx",
		      at);
		CHECK(fault_signal(s->private + at, true) == SIGBUS, "private: no SIGBUS at %#lx",
		      at);
	}
	MUST(truncate("cut", SIZE));
	pattern_check_zero(s->shared + 3 * PAGE, SIZE - 3 * PAGE);
	pattern_check_zero(s->private + 3 * PAGE, SIZE - 3 * PAGE);
}

const struct zdtm_test zdtm_test = {
	.about = "mappings beyond the end of their file",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
