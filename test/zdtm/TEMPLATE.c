// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pipe keeps what was written to it and not yet read.
 *
 * To write a test: copy this file to the directory of its object, add its name
 * to zdtm_tests in Makefile.inc, and say here which state it is about and what a
 * wrong restore would do to it. Keep all state in struct state: the library
 * zeroes it and passes it on. Set up one state, no more; look at all of it.
 *
 *	make test/zdtm/fd/NAME
 *	test/zdtm/run -t NAME --mode none,spoil		passes by itself; can fail
 *	test/zdtm/run -t NAME --mode running,eager,lazy
 */
#include <string.h>
#include <unistd.h>

#include "lib/zdtm.h"

static const char content[] = "not yet read";

struct state {
	int ends[2];
};

/* Runs before the dump. MUST() is for calls that have to succeed. */
static void setup(void *arg)
{
	struct state *s = arg;

	MUST(pipe(s->ends));
	MUST(write(s->ends[1], content, sizeof(content)));
}

/* Runs in mode "spoil" only, and does what a wrong restore would do. */
static void spoil(void *arg)
{
	struct state *s = arg;
	char byte;

	MUST(read(s->ends[0], &byte, 1));
}

/* Runs after the restore. CHECK() says what was found. */
static void check(void *arg)
{
	struct state *s = arg;
	char found[64] = "";
	ssize_t n = MUST(read(s->ends[0], found, sizeof(found)));

	CHECK(n == sizeof(content) && !memcmp(found, content, n), "%zd bytes are \"%.60s\"", n,
	      found);
}

const struct zdtm_test zdtm_test = {
	.about = "a pipe keeps its content",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
