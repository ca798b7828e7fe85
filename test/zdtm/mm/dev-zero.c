// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/zero, mapped shared, which is shared memory, and privately, which is anonymous
 * memory that says where it came from.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define SIZE (8 * PAGE)

struct state {
	char *shared, *private;
	pid_t child;
};

static void child(void *arg)
{
	struct state *s = arg;

	zdtm_wait();
	pages_check(s->shared, PAGE, 3);
	pages_check(s->private, SIZE / 2, 2);
	pages_fill(s->shared + PAGE, PAGE, 4);
}

static void setup(void *arg)
{
	int fd = MUST(open("/dev/zero", O_RDWR));
	struct state *s = arg;

	s->shared = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	s->private = MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	MUST(close(fd));
	pages_fill(s->shared, SIZE / 2, 1);
	pages_fill(s->private, SIZE / 2, 2);
	s->child = zdtm_fork(child, s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(mmap(s->private, SIZE / 2, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	pages_fill(s->private, SIZE / 2, 2);
}

static void check(void *arg)
{
	struct state *s = arg;
	struct mapping m;

	mapping_get(s->private, &m);
	CHECK(!strcmp(m.name, "/dev/zero"), "the private mapping is of \"%s\"", m.name);
	pages_check(s->shared, SIZE / 2, 1);
	pages_check(s->private, SIZE / 2, 2);
	pattern_check_zero(s->shared + SIZE / 2, SIZE / 2);
	pattern_check_zero(s->private + SIZE / 2, SIZE / 2);
	pages_fill(s->shared, PAGE, 3);
	pages_fill(s->private, PAGE, 5);
	zdtm_finish(s->child);
	pages_check(s->shared + PAGE, PAGE, 4);
	pages_check(s->private, PAGE, 5);
}

const struct zdtm_test zdtm_test = {
	.about = "/dev/zero, mapped shared and privately",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
