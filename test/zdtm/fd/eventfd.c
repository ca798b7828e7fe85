// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eventfds keep their counter, their semaphore mode and their file flags. The
 * largest counter is one below the value that poll reports as an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct state {
	int zero, counter, semaphore, full;
};

static void setup(void *arg)
{
	struct state *s = arg;
	uint64_t most = COUNT_MAX;

	s->zero = MUST(eventfd(0, EFD_NONBLOCK));
	s->counter = MUST(eventfd(17, EFD_CLOEXEC));
	s->semaphore = MUST(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
	s->full = MUST(eventfd(0, EFD_NONBLOCK));
	MUST(write(s->full, &most, sizeof(most)));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(eventfd_write(s->semaphore, 1));
}

static uint64_t take(int fd)
{
	eventfd_t value;

	MUST(eventfd_read(fd, &value));
	return value;
}

static void check_flags(int fd, int status, int descriptor)
{
	int found = MUST(fcntl(fd, F_GETFL));

	CHECK((found & O_NONBLOCK) == status, "status flags of %d are %#x", fd, found);
	found = MUST(fcntl(fd, F_GETFD));
	CHECK(found == descriptor, "descriptor flags of %d are %#x", fd, found);
}

static void check(void *arg)
{
	struct state *s = arg;
	eventfd_t value;

	check_flags(s->zero, O_NONBLOCK, 0);
	check_flags(s->counter, 0, FD_CLOEXEC);
	check_flags(s->semaphore, O_NONBLOCK, 0);
	CHECK(eventfd_read(s->zero, &value) < 0 && errno == EAGAIN, "zero is not zero");
	value = take(s->counter);
	CHECK(value == 17, "the counter is %lu", value);
	for (int i = 0; i < 3; i++) {
		value = take(s->semaphore);
		CHECK(value == 1, "the semaphore gives %lu", value);
	}
	CHECK(eventfd_read(s->semaphore, &value) < 0 && errno == EAGAIN,
	      "the semaphore counts past 3");
	CHECK(eventfd_write(s->full, 1) < 0 && errno == EAGAIN, "the full counter takes more");
	value = take(s->full);
	CHECK(value == COUNT_MAX, "the full counter is %#lx", value);
}

const struct zdtm_test zdtm_test = {
	.about = "eventfds keep counter, semaphore mode and flags",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
