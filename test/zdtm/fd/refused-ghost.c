// SPDX-License-Identifier: GPL-2.0-only
/*
 * A deleted file that holds more than --ghost-limit allows is refused, and the error names
 * the option. Holes do not count: the other file is longer, but holds next to nothing.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

struct state {
	int large, sparse;
};

static void setup(void *arg)
{
	static const char data[20 * KIB];
	struct state *s = arg;

	s->sparse = MUST(open("sparse", O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(ftruncate(s->sparse, GIB));
	s->large = MUST(open("large", O_RDWR | O_CREAT | O_EXCL, 0600));
	MUST(write(s->large, data, sizeof(data)));
	MUST(unlink("sparse"));
	MUST(unlink("large"));
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(ftruncate(s->large, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct stat st;

	MUST(fstat(s->large, &st));
	CHECK(st.st_size == 20 * KIB, "it has %ld bytes", (long)st.st_size);
}

const struct zdtm_test zdtm_test = {
	.about = "a deleted file above --ghost-limit is refused",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.dump_options = "--ghost-limit 16K",
	.refusal = "large (deleted)): it is deleted, and holds 20480 bytes",
};
