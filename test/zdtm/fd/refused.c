// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of a kind that nobody covers, here an inotify queue with an event in it: it
 * is refused by its number. The victim keeps queue and event.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct state {
	int fd;
};

static void setup(void *arg)
{
	struct state *s = arg;

	MUST(mkdir("watched", 0700));
	s->fd = MUST(inotify_init1(IN_NONBLOCK));
	MUST(inotify_add_watch(s->fd, "watched", IN_CREATE));
	close(MUST(open("watched/file", O_CREAT | O_WRONLY, 0600)));
}

static void spoil(void *arg)
{
	struct state *s = arg;
	char event[512];

	MUST(read(s->fd, event, sizeof(event)));
}

static void check(void *arg)
{
	struct state *s = arg;
	_Alignas(struct inotify_event) char buffer[512];
	const struct inotify_event *event = (const struct inotify_event *)buffer;

	MUST(read(s->fd, buffer, sizeof(buffer)));
	CHECK(event->mask == IN_CREATE && !strcmp(event->name, "file"), "event %#x of %s",
	      event->mask, event->name);
}

const struct zdtm_test zdtm_test = {
	.about = "a file of an unknown kind is refused, the victim unhurt",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "inotify",
};
