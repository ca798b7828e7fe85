// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page server, and the dump's way to one.
 *
 * The server receives what is large: page maps and pages. The dump writes all
 * other images where it runs; they are brought to the server's directory, for
 * the restore there, by whoever moves the tree. Only --tls tells a friend from
 * a stranger and hides the pages from the network: by default the server listens
 * on the loopback device.
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
#include "pages/tls.h"
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

struct tls_files page_server_tls_files(const struct options *opts)
{
	return (struct tls_files){
		.cacert = opts->tls_cacert, .cacrl = opts->tls_cacrl, .cert = opts->tls_cert,
		.key = opts->tls_key, .name = opts->tls_no_cn_verify ? NULL : opts->address,
	};
}

int page_server_tls(const struct options *opts, struct tls **tls)
{
	const struct tls_files files = page_server_tls_files(opts);

	*tls = NULL;
	return opts->tls ? tls_load(&files, tls) : 0;
}

/* Owns @sock. 0 or -errno, logged. */
static int begin(struct tls *tls, enum tls_role role, int sock, struct stream *stream)
{
	int r = tls_open(tls, role, sock, stream);

	if (r < 0)
		return log_errno(r, "page server: no session");
	r = stream_begin_wait(stream, PATIENCE_MS);
	if (r == 0)
		return 0;
	stream_begin_error(stream, r, role == TLS_ACCEPTS ? "page server: the dump" :
							    "page server");
	stream_close(stream);
	return r;
}

int page_server_run(const struct options *opts)
{
	_cleanup_(tls_cleanup) struct tls *tls = NULL;
	_cleanup_(image_dir_cleanup) struct image_dir *dir = NULL;
	_cleanup_(stream_close) struct stream stream = STREAM_CLOSED;
	int r = image_dir_open(opts->images_dir, &dir);

	if (r < 0)
		return r;
	r = page_server_tls(opts, &tls);
	if (r < 0)
		return r;
	r = pidfile_write(opts, getpid());
	if (r < 0)
		return r;
	r = take_connection(opts);
	if (r >= 0)
		r = begin(tls, TLS_ACCEPTS, r, &stream);
	return r < 0 ? r : page_receive(&stream, dir);
}

int page_server_connect(struct dump *d)
{
	_cleanup_(tls_cleanup) struct tls *tls = NULL;
	struct stream stream;
	int r;

	if (!d->opts->page_server)
		return 0;
	r = page_server_tls(d->opts, &tls);
	if (r >= 0)
		r = tcp_connect(d->opts->address, d->opts->port, PATIENCE_MS);
	if (r >= 0)
		r = begin(tls, TLS_CONNECTS, r, &stream);
	return r < 0 ? r : page_link_new(stream, &d->page_link);
}

int page_server_complete(struct dump *d)
{
	return d->page_link ? page_link_close(take_ptr(d->page_link)) : 0;
}
