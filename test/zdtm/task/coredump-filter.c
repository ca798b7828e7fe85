// SPDX-License-Identifier: GPL-2.0-only
/* Which memory a core dump has: chosen by the parent, left as it is by the child. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FILTER_FILE "/proc/self/coredump_filter"
#define CHOSEN 0x15c
#define USUAL 0x33

struct state {
	pid_t child;
};

static void set(unsigned int filter)
{
	int fd = MUST(open(FILTER_FILE, O_WRONLY));

	MUST(dprintf(fd, "%#x", filter));
	close(fd);
}

static void compare(const char *who, unsigned int filter)
{
	int fd = MUST(open(FILTER_FILE, O_RDONLY));
	char text[16] = "";
	unsigned long found;

	MUST(read(fd, text, sizeof(text) - 1));
	close(fd);
	found = strtoul(text, NULL, 16);
	CHECK(found == filter, "%s has the filter %#lx, not %#x", who, found, filter);
}

static void child(void *arg)
{
	zdtm_wait();
	compare("the child", USUAL);
}

static void setup(void *arg)
{
	struct state *s = arg;

	set(USUAL);
	s->child = zdtm_fork(child, NULL);
	set(CHOSEN);
}

static void spoil(void *arg)
{
	set(USUAL);
}

static void check(void *arg)
{
	struct state *s = arg;

	compare("the parent", CHOSEN);
	zdtm_finish(s->child);
}

const struct zdtm_test zdtm_test = {
	.about = "each task keeps its choice of memory for core dumps",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
