// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets with names: a listening one in the file system, a listening one in the
 * abstract name space, a datagram one that another is connected to. New connections
 * are accepted after the restore, by the same names.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define BACKLOG 3

struct name {
	struct sockaddr_un address;
	socklen_t len;
};

struct state {
	struct name path, abstract, datagram;
	int by_path, abstract_listener, receiver, sender;
};

static struct name path_name(const char *path)
{
	struct name name = { .address.sun_family = AF_UNIX };

	strcpy(name.address.sun_path, path);
	name.len = sizeof(name.address);
	return name;
}

/* A name that begins with a NUL and is as long as it is; the pid keeps runs apart. */
static struct name abstract_name(void)
{
	struct name name = { .address.sun_family = AF_UNIX };
	int n = snprintf(name.address.sun_path + 1, sizeof(name.address.sun_path) - 1,
			 "zdtm.%d", getpid());

	name.len = offsetof(struct sockaddr_un, sun_path) + 1 + n;
	return name;
}

static int bound(int type, const struct name *name)
{
	int fd = MUST(socket(AF_UNIX, type, 0));

	MUST(bind(fd, (const struct sockaddr *)&name->address, name->len));
	return fd;
}

static void setup(void *arg)
{
	struct state *s = arg;

	s->path = path_name("stream.sock");
	s->abstract = abstract_name();
	s->datagram = path_name("dgram.sock");
	s->by_path = bound(SOCK_STREAM, &s->path);
	MUST(chmod("stream.sock", 0642));
	MUST(listen(s->by_path, BACKLOG));
	s->abstract_listener = bound(SOCK_SEQPACKET, &s->abstract);
	MUST(listen(s->abstract_listener, BACKLOG));
	s->receiver = bound(SOCK_DGRAM, &s->datagram);
	s->sender = MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	MUST(connect(s->sender, (const struct sockaddr *)&s->datagram.address, s->datagram.len));
}

static void spoil(void *arg)
{
	MUST(rename("stream.sock", "other.sock"));
}

static void check_listener(int listener, int type, const struct name *name)
{
	int client = MUST(socket(AF_UNIX, type, 0)), server;
	char content[8];

	MUST(connect(client, (const struct sockaddr *)&name->address, name->len));
	server = MUST(accept(listener, NULL, NULL));
	MUST(write(client, "hello", 5));
	CHECK(MUST(read(server, content, sizeof(content))) == 5, "no greeting comes");
	close(client);
	close(server);
}

static void check(void *arg)
{
	struct state *s = arg;
	char content[8];
	struct stat st;

	check_listener(s->by_path, SOCK_STREAM, &s->path);
	check_listener(s->abstract_listener, SOCK_SEQPACKET, &s->abstract);
	MUST(stat("stream.sock", &st));
	CHECK((st.st_mode & 0777) == 0642, "the mode of the file is %#o", st.st_mode);
	MUST(send(s->sender, "datagram", 8, 0));
	CHECK(MUST(recv(s->receiver, content, sizeof(content), MSG_DONTWAIT)) == 8,
	      "no datagram comes");
}

const struct zdtm_test zdtm_test = {
	.about = "named unix sockets: listening, abstract, connected datagram",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
