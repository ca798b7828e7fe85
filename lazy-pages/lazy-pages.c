// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lazy-pages server: start and end.
 *
 * The process that the user started opens the images, listens, says so, and
 * becomes the guardian; a child of it serves. With --many it only listens, and
 * a child for each restore becomes the guardian. See guard.h for why there are
 * two, loop.c for how the serving goes, and space.h for what is decided.
 */
#include "lazy-pages/lazy-pages.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/reader.h"
#include "lazy-pages/adopt.h"
#include "lazy-pages/guard.h"
#include "lazy-pages/loop.h"
#include "lazy-pages/many.h"
#include "lazy-pages/progress.h"
#include "lazy-pages/report.h"
#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "lazy-pages/session.h"
#include "pages/fetch.h"
#include "pages/handoff.h"
#include "pages/tls.h"
#include "sys/nofile.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/mapped.h"

static int signals_ready(struct server *server, struct watch *watch, uint32_t events)
{
	struct signalfd_siginfo info;

	if (read(watch->fd, &info, sizeof(info)) != sizeof(info))
		return errno == EAGAIN ? 0 : log_errno(-errno, "lazy-pages: cannot read a signal");
	if (info.ssi_signo == SIGUSR1) {
		progress_say(server);
		return 0;
	}
	log_info("lazy-pages: signal %u: ending when everything is delivered", info.ssi_signo);
	server->stopping = true;
	server->demand_only = false;
	return 0;
}

static int guardian_ready(struct server *server, struct watch *watch, uint32_t events)
{
	log_warn("lazy-pages: the guardian (pid %d) was killed; serving goes on without it",
		 server->guardian_pid);
	server_close_watch(server, watch);
	return 0;
}

/* A descriptor that says when one of them comes, which are blocked; or -errno, logged. */
static int open_signals(const sigset_t *set)
{
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);

	return fd < 0 ? log_errno(-errno, "lazy-pages: cannot take signals") : fd;
}

static int remote_ready(struct server *server, struct watch *watch, uint32_t events)
{
	return page_fetch_receive(server->fetch);
}

/* Connects before anybody waits for us. A signal ends that, and is not taken. */
static int connect_dump(struct server *server, const struct lazy_options *opts)
{
	_cleanup_close_ int stop = -1;
	sigset_t set;
	int err;

	if (!opts->server_address)
		return 0;
	err = token_read(opts->token_file, &server->token);
	if (!err && opts->tls)
		err = tls_load(opts->tls, &server->tls);
	if (err)
		return err;
	guard_signals_to_end(&set);
	stop = open_signals(&set);
	if (stop < 0)
		return stop;
	server->fetch_options = (struct fetch_options){
		.token = &server->token, .tls = server->tls, .retry = opts->retry,
		.wait = opts->on_loss_wait,
	};
	err = page_fetch_open(opts->server_address, opts->server_port, stop,
			      &server->fetch_options, &server->fetch);
	if (err)
		return err;
	/* It may be more than one socket. */
	server->remote = (struct watch){ .fd = page_fetch_fd(server->fetch),
					 .ready = remote_ready };
	return 0;
}

/*
 * The dumped tree ends when the dump hears this. Where it does not answer there
 * may be two trees now, or this one alone: it is not for us to end it.
 */
static void end_remote(struct server *server)
{
	if (server->fetch && server->complete && page_fetch_close(take_ptr(server->fetch)) < 0)
		log_error("lazy-pages: the restored tree has all its memory, but the dump has not "
			  "said that it knows: the dumped tree may go on running there");
}

static int watch_signals(struct server *server)
{
	sigset_t set;
	int fd;

	guard_signals_to_end(&set);
	sigaddset(&set, SIGUSR1);
	fd = open_signals(&set);
	if (fd < 0)
		return fd;
	server->signals = (struct watch){ .fd = fd, .ready = signals_ready };
	return server_watch(server, &server->signals);
}

/* The server process. The way out of a failure is _exit(): nothing is closed. */
static int serve(void *arg, int guardian)
{
	struct server *server = arg;
	int err;

	server->guardian = (struct watch){ .fd = guardian, .ready = guardian_ready };
	err = server_watch(server, &server->guardian);
	if (!err)
		err = mapped_catch();
	if (!err)
		err = watch_signals(server);
	if (!err && server->fetch)
		err = server_watch(server, &server->remote);
	if (!err)
		err = session_begin(server);
	if (!err) {
		adopt_listen(server);
		err = loop_run(server);
	}
	if (err && server->fetch)
		page_fetch_leave(server->fetch);
	progress_end(server);
	if (!err)
		end_remote(server);
	report(server, err ? "failed" : "ended");
	stats_log(&server->stats);
	if (server->stats_name && stats_write(&server->stats, server->workdir_fd,
					      server->stats_name))
		log_warn("lazy-pages: no statistics");
	if (!err && server->recording)
		err = working_set_save(&server->working_set, server->images);
	return err;
}

/* A restore came to who serves many: the guardian of its tree, and the server. */
static int serve_one(void *arg, int sock)
{
	struct server *server = arg;

	server->guardian_pid = getpid();
	return session_take(server, sock) || guard_run(serve, server);
}

static int serve_many(struct server *server, int status_fd)
{
	int listener = handoff_listen(server->workdir_fd);

	if (listener >= 0)
		report(server, "listening");
	return listener < 0 || status_ready(status_fd) ||
	       many_run(listener, server->workdir_fd, serve_one, server);
}

static int meet_restore(struct server *server, int session_fd)
{
	return session_fd < 0 ? session_listen(server) : session_take(server, session_fd);
}

/* Only a whole dump is served. */
static int check_images(struct image_dir *images)
{
	InventoryEntry *inventory;
	int err = image_read_inventory(images, &inventory);

	if (err == -ENOENT)
		return log_errno(err, "%s: no inventory: not an image directory, or half a dump",
				 images->path);
	if (!err)
		image_message_free(&inventory->base);
	return err;
}

int lazy_pages_run(const struct lazy_options *opts)
{
	_cleanup_(image_dir_cleanup) struct image_dir *images = NULL;
	const char *work_dir = opts->work_dir ? opts->work_dir : opts->images_dir;
	_cleanup_close_ int work = open(work_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct server server = {
		.fill = &fill_uffd_ops, .epoll = -1, .workdir_fd = work,
		.guardian_pid = getpid(),
		.listener.fd = -1, .session.fd = -1, .signals.fd = -1, .guardian.fd = -1,
		.remote.fd = -1,
		.adoption = { .listener.fd = -1, .peer.fd = -1, .greet.fd = -1,
			      .stream = STREAM_CLOSED },
		.spaces = TAILQ_HEAD_INITIALIZER(server.spaces),
		.segments = TAILQ_HEAD_INITIALIZER(server.segments),
		.demand_only = opts->background == LAZY_NONE, .recording = opts->record,
		.stats_name = opts->stats,
		.on_terminal = opts->session_fd < 0 && !opts->many && !opts->quiet &&
			       isatty(STDERR_FILENO) && log_threshold() == LOG_LEVEL_WARN,
		.reporting = opts->json,
		.wait_on_loss = opts->on_loss_wait,
		.chunk = SERVE_CHUNK_MIN,
	};

	if (work < 0) {
		log_errno(-errno, "%s: cannot serve there", work_dir);
		return 1;
	}
	if (image_dir_open(opts->images_dir, &images) || check_images(images))
		return 1;
	server.images = images;
	adopt_remember(&server);
	if (opts->background == LAZY_LINEAR && working_set_load(&server.working_set, images))
		log_warn("%s: its working set is not used", opts->images_dir);
	/* A space takes a descriptor, and a tree may fork a lot of them. */
	if (nofile_raise(NULL) || guard_block_signals())
		return 1;
	if (opts->many)
		return serve_many(&server, opts->status_fd);
	if (connect_dump(&server, opts) || meet_restore(&server, opts->session_fd) ||
	    status_ready(opts->status_fd))
		return 1;
	report(&server, "listening");
	return guard_run(serve, &server) ? 1 : 0;
}
