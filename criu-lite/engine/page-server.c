// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page server, and the dump's way to one.
 *
 * The server receives what is large: page maps and pages. The dump writes all
 * other images where it runs; they are brought to the server's directory, for
 * the restore there, by whoever moves the tree. There is nothing yet that
 * tells a friend from a stranger or hides the pages from the network: by
 * default it listens on the loopback device only.
 */
#include "engine/page-server.h"

#include <stdio.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/options.h"
#include "engine/pidfile.h"
#include "image/dir.h"
#include "pages/link.h"
#include "pages/receive.h"
#include "pages/stream.h"
#include "sys/tcp.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"

/* A tree stands still while its page server does. */
#define PATIENCE_MS 60000

int page_server_listen(const struct options *opts)
{
	uint16_t port = opts->port;

	return tcp_listen(opts->address, &port);
}

int page_server_ready(const struct options *opts, int listener)
{
	uint16_t port;
	int r = tcp_port(listener, &port);

	if (r < 0)
		return r;
	/* For who let us choose. */
	if (!opts->port) {
		printf("%u\n", port);
		fflush(stdout);
	}
	log_info("page server: listening on %s port %u", opts->address, port);
	return status_ready(opts->status_fd);
}

int page_server_accept(int listener)
{
	return tcp_accept(listener, PATIENCE_MS);
}

/* Waits for the one connection. Returns its descriptor or -errno, logged. */
static int take_connection(const struct options *opts)
{
	_cleanup_close_ int listener = page_server_listen(opts);
	int r;

	if (listener < 0)
		return listener;
	r = page_server_ready(opts, listener);
	return r < 0 ? r : page_server_accept(listener);
}

int page_server_run(const struct options *opts)
{
	_cleanup_(image_dir_cleanup) struct image_dir *dir = NULL;
	_cleanup_(stream_close) struct stream stream = STREAM_CLOSED;
	int r = image_dir_open(opts->images_dir, &dir);

	if (r < 0)
		return r;
	r = pidfile_write(opts, getpid());
	if (r < 0)
		return r;
	r = take_connection(opts);
	if (r < 0)
		return r;
	stream = stream_plain(r);
	return page_receive(&stream, dir);
}

int page_server_connect(struct dump *d)
{
	int sock;

	if (!d->opts->page_server)
		return 0;
	sock = tcp_connect(d->opts->address, d->opts->port, PATIENCE_MS);
	return sock < 0 ? sock : page_link_new(stream_plain(sock), &d->page_link);
}

int page_server_complete(struct dump *d)
{
	return d->page_link ? page_link_close(take_ptr(d->page_link)) : 0;
}
