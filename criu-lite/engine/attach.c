// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving another source of pages to a lazy-pages server that is at work.
 *
 * What may take time is done here, so that the server answers faults meanwhile: it is found
 * among all that there are, and the page server is connected to. Whether the source is the right
 * one is for the server to say, who has what the old one was.
 */
#include "engine/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/options.h"
#include "pages/attach.h"
#include "sys/proc.h"
#include "sys/tcp.h"
#include "util/cleanup.h"
#include "util/log.h"

/* A server that is alive answers at once; one that died leaves its socket to its guardian. */
#define FIND_TIMEOUT_MS 5000
/* The server reads all images but the pages, or waits for a word of the page server. */
#define GIVE_TIMEOUT_MS 120000
/* A page server whose host is silent for so long is gone. */
#define PATIENCE_MS 60000

static enum attach_type kind_of(const struct options *opts)
{
	return opts->page_server ? ATTACH_PAGE_SERVER : ATTACH_IMAGES;
}

/*
 * Says *m, and puts the answer in its place; -errno, logged, when there is none, but for
 * -ECONNRESET: the server has turned us away, or has ended.
 */
static int say(int sock, struct attach_message *m, int given, int timeout_ms)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	int ret = attach_send(sock, m, given), fd;

	/* Who has hung up is heard of below. */
	if (ret && ret != -EPIPE)
		return ret;
	do
		ret = poll(&pfd, 1, timeout_ms);
	while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return log_errno(-errno, "--attach: cannot wait for a lazy-pages server");
	if (!ret)
		return log_errno(-ETIMEDOUT, "--attach: a lazy-pages server does not answer");
	ret = attach_receive(sock, m, &fd);
	if (ret == 0)
		return -ECONNRESET;
	if (ret > 0 && m->type == ATTACH_ANSWER)
		return 0;
	close_cleanup(&fd);
	return ret > 0 ? log_errno(-EPROTO, "--attach: a lazy-pages server gives no answer") : ret;
}

/*
 * 0: it serves that task, and *sock is the connection; -ESRCH: it does not; -ECONNRESET: it
 * does not say, since it has ended, or takes nothing from us; -errno, logged.
 */
static int ask(const char *name, const struct options *opts, int *sock)
{
	_cleanup_close_ int to = attach_connect(name);
	struct attach_message m = {
		.type = ATTACH_FIND, .number = opts->attach, .kind = kind_of(opts),
		.pid_ns = attach_pid_ns(),
	};
	int err;

	/* It has ended, or is somebody else's. */
	if (to < 0)
		return to == -ECONNREFUSED || to == -EPERM ? -ESRCH : to;
	err = say(to, &m, -1, FIND_TIMEOUT_MS);
	if (err)
		return err;
	if (!m.number) {
		*sock = take_fd(&to);
		return 0;
	}
	return m.number == -ESRCH || m.number == -EXDEV ? -ESRCH :
	       log_errno(m.number, "--attach %d: %s", opts->attach, m.text);
}

/* The connection to who serves the tree. */
static int find_server(const struct options *opts, int *sock)
{
	_cleanup_free_ char *text = NULL;
	char name[ATTACH_NAME_SIZE];
	int err = proc_read(getpid(), &text, NULL, "net/unix"), failed = 0;
	const char *at = text;

	if (err)
		return err;
	while (attach_next_name(&at, name)) {
		err = ask(name, opts, sock);
		if (!err)
			return 0;
		/* Another one may still be who is meant. */
		if (err != -ESRCH)
			failed = err;
	}
	if (failed)
		return log_errno(failed, "--attach %d: no source was attached%s", opts->attach,
				 failed == -ECONNRESET ? ": a lazy-pages server turned us away, "
							 "or has ended" : "");
	return log_errno(-ESRCH, "--attach %d: no lazy-pages server of ours serves it, in this "
			 "network and pid namespace", opts->attach);
}

/* What is given: a descriptor, and what it is called. */
static int open_source(const struct options *opts, struct attach_message *m)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	m->type = kind_of(opts);
	if (opts->page_server) {
		snprintf(m->text, sizeof(m->text), "page server %s:%d", opts->address, opts->port);
		return tcp_connect(opts->address, opts->port, PATIENCE_MS);
	}
	fd = open(opts->images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return log_errno(-errno, "%s: cannot open the image directory", opts->images_dir);
	path = realpath(opts->images_dir, NULL);
	snprintf(m->text, sizeof(m->text), "%s", path ? path : opts->images_dir);
	return fd;
}

int attach_run(const struct options *opts)
{
	_cleanup_close_ int sock = -1, fd = -1;
	struct attach_message m = {};
	int err = find_server(opts, &sock);

	if (err)
		return err;
	fd = open_source(opts, &m);
	if (fd < 0)
		return fd;
	err = say(sock, &m, fd, GIVE_TIMEOUT_MS);
	if (err)
		return err == -ECONNRESET ? log_errno(err, "--attach %d: the lazy-pages server has "
						      "ended", opts->attach) : err;
	if (m.number)
		return log_errno(m.number, "--attach %d: %s", opts->attach, m.text);
	log_info("--attach %d: its pages come from here now", opts->attach);
	return 0;
}
