// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a deleted file: a private one keeps what was changed and what was not, a
 * shared one and a descriptor see each other's writes.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define SIZE (16 * PAGE)

struct state {
	char *private, *shared, *reader;
	int fd;
};

static void setup(void *arg)
{
	struct state *s = arg;
	int only;

	s->fd = MUST(open("gone", O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(ftruncate(s->fd, SIZE));
	s->shared = MUST((char *)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0));
	s->private = MUST((char *)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, s->fd, 0));
	s->reader = MUST((char *)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, s->fd, 0));
	only = MUST(open("other", O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(ftruncate(only, PAGE));
	MUST(unlink("gone"));
	pattern_fill(s->shared, SIZE, 5);
	pattern_fill(s->private + PAGE, PAGE, 6);
	close(only);
	MUST(unlink("other"));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->shared[3 * PAGE]++;
}

static void check(void *arg)
{
	struct state *s = arg;
	char text[4] = "";

	pattern_check(s->shared, SIZE, 5);
	pattern_check(s->private + PAGE, PAGE, 6);
	CHECK(!memcmp(s->private, s->shared, PAGE) &&
	      !memcmp(s->private + 2 * PAGE, s->shared + 2 * PAGE, SIZE - 2 * PAGE),
	      "the private mapping has other content");
	memcpy(s->shared + 5 * PAGE, "one", 3);
	CHECK(pread(s->fd, text, 3, 5 * PAGE) == 3 && !strcmp(text, "one"),
	      "the descriptor does not see the mapping's write");
	MUST(pwrite(s->fd, "two", 3, 6 * PAGE));
	CHECK(!memcmp(s->reader + 6 * PAGE, "two", 3),
	      "the mapping does not see the descriptor's write");
	memcpy(s->private + 5 * PAGE, "own", 3);
	CHECK(!memcmp(s->shared + 5 * PAGE, "one", 3), "a private write is seen by others");
}

const struct zdtm_test zdtm_test = {
	.about = "mappings of a deleted file keep their content and stay joined",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
