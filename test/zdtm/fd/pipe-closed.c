// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pipes with one end gone: content and then end of file for the reader that has no
 * writer, EPIPE for the writer that has no reader.
 */
#include <signal.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

struct state {
	int no_writer, no_reader;
};

static void setup(void *arg)
{
	struct state *s = arg;
	char content[512];
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	MUST(pipe(ends));
	pattern_fill(content, sizeof(content), 1);
	MUST(write(ends[1], content, sizeof(content)));
	close(ends[1]);
	s->no_writer = ends[0];
	MUST(pipe(ends));
	close(ends[0]);
	s->no_reader = ends[1];
}

static void spoil(void *arg)
{
	struct state *s = arg;
	int ends[2];

	MUST(pipe(ends));
	MUST(dup2(ends[1], s->no_reader));
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[513];
	ssize_t n = MUST(read(s->no_writer, content, sizeof(content)));

	CHECK(n == 512, "%zd bytes were left", n);
	pattern_check(content, 512, 1);
	CHECK(!MUST(read(s->no_writer, content, 1)), "there is no end of file");
	CHECK(write(s->no_reader, content, 1) < 0 && errno == EPIPE, "there is a reader");
}

const struct zdtm_test zdtm_test = {
	.about = "pipes without a writer, without a reader",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
