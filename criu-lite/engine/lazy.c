// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lazy restore's side of the lazy-pages server.
 *
 * A server that the user started is used; else a restore starts one itself,
 * as a process of its own session that outlives the restore, and that listens
 * to nobody else. It is a fork of this process and not a new program: a restore
 * is over in milliseconds, and half of one would go into loading libraries again.
 * It gets ready while the tree is made: lazy_await() is where the two meet, before
 * any task is given to it.
 */
#include "engine/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/options.h"
#include "core/restore.h"
#include "engine/interrupt.h"
#include "engine/page-server.h"
#include "engine/pidfile.h"
#include "lazy-pages/lazy-pages.h"
#include "pages/handoff.h"
#include "pages/tls.h"
#include "sys/features.h"
#include "util/cleanup.h"
#include "util/log.h"

/* The log of a server that restore started, when restore has a log file too. */
#define SERVER_LOG "lazy-pages.log"

static const char *work_dir(const struct options *opts)
{
	return opts->work_dir ? opts->work_dir : opts->images_dir;
}

static enum lazy_background background(const struct options *opts)
{
	return opts->on_demand || opts->record ? LAZY_NONE : LAZY_LINEAR;
}

int lazy_serve(const struct options *opts)
{
	const struct tls_files tls = page_server_tls_files(opts);
	const struct lazy_options lazy = {
		.images_dir = opts->images_dir,
		.work_dir = opts->work_dir,
		.status_fd = opts->status_fd,
		.session_fd = -1,
		.background = background(opts),
		.record = opts->record,
		.many = opts->many,
		.stats = opts->stats,
		.json = opts->json,
		.quiet = opts->quiet,
		.server_address = opts->page_server ? opts->address : NULL,
		.server_port = opts->port,
		.token_file = opts->token_file,
		.tls = opts->tls ? &tls : NULL,
		.retry = opts->retry,
		.on_loss_wait = opts->on_loss == ON_LOSS_WAIT,
	};
	int r;

	if (opts->many && (opts->record || opts->stats || opts->page_server))
		return log_errno(-EINVAL, "--many: not with --record, --stats or --page-server, "
				 "which are about one restore");
	r = pidfile_write(opts, getpid());
	if (r < 0)
		return r;
	return lazy_pages_run(&lazy) ? -EIO : 0;
}

/* In the new server: nothing of the restore's own is kept. Never returns. */
__attribute__((noreturn))
static void run_server(const struct options *opts, int dir, int session_fd)
{
	const struct lazy_options lazy = {
		.images_dir = opts->images_dir,
		.work_dir = opts->work_dir,
		.status_fd = -1,
		.session_fd = session_fd,
		.background = background(opts),
		.record = opts->record,
		.stats = opts->stats,
	};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	prctl(PR_SET_NAME, "criu-lite-lazy");
	interrupt_allow();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	if (opts->log_file) {
		/* Whoever waits for the end of our stderr waits for the restore only. */
		if (log_open(dir, SERVER_LOG, opts->verbosity) < 0)
			_exit(1);
		log_set_fds(log_fd(), -1);
		if (null >= 0)
			dup2(null, STDERR_FILENO);
	}
	_exit(lazy_pages_run(&lazy));
}

/* In a child that shares our memory, but not our descriptors. Never returns. */
__attribute__((noreturn))
static void become_server(const struct restore *r, int dir, int ours, int theirs)
{
	pid_t pid;

	close(ours);
	pid = restore_fork_aside(r);
	if (pid == 0)
		run_server(r->opts, dir, theirs);
	_exit(pid < 0);
}

/*
 * Twice a child, so that it is nobody's child here: restore waits for its own. The
 * first is gone before the tree is made, and lives in our memory until then: the time
 * of a copy would be for nothing. The second has a pid that the tree leaves. It keeps
 * @theirs, of the two ends of a connection.
 */
static int fork_server(const struct restore *r, int dir, int ours, int theirs)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0)
		become_server(r, dir, ours, theirs);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -EAGAIN : 0;
}

static void say_ended(const struct restore *r)
{
	log_error("the lazy-pages server has ended%s", r->opts->log_file ?
		  ": " SERVER_LOG " says why" : "");
}

/* Returns a connection to it. */
static int start_server(const struct restore *r, int dir)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int ends[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return log_errno(-errno, "cannot start a lazy-pages server");
	ours = ends[0];
	theirs = ends[1];
	ret = fork_server(r, dir, ours, theirs);
	if (ret < 0)
		return log_errno(ret, "cannot start a lazy-pages server");
	return take_fd(&ours);
}

/* @ret: of what waited for the server, and may have been interrupted. Returns it. */
static int waited(int ret)
{
	if (ret == -EINTR)
		(void)interrupt_check("restore");
	return ret;
}

int lazy_find(struct restore *r)
{
	_cleanup_close_ int dir = -1;

	if (!r->opts->lazy_pages)
		return 0;
	if (!r->features->uffd)
		return log_errno(-ENOTSUP, "--lazy-pages: this kernel offers no userfaultfd with "
				 "fork, remap, remove and unmap events");
	dir = open(work_dir(r->opts), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return log_errno(-errno, "work directory %s: cannot open", work_dir(r->opts));
	r->handoff = handoff_connect(dir);
	if (r->handoff == -ECONNREFUSED) {
		log_info("no lazy-pages server listens: starting one");
		r->handoff = start_server(r, dir);
		r->server_starts = r->handoff >= 0;
	}
	return r->handoff < 0 ? r->handoff : 0;
}

static int await_answer(struct restore *r)
{
	_cleanup_close_ int stop = interrupt_fd();

	/* It takes the time that it needs: its end would be noticed. */
	return stop < 0 ? stop : waited(handoff_answered(r->handoff, stop));
}

int lazy_greet(struct restore *r)
{
	int ret;

	if (!r->opts->lazy_pages)
		return 0;
	r->handoff = restore_service_fd(r, r->handoff);
	if (r->handoff < 0)
		return r->handoff;
	ret = handoff_greet(r->handoff);
	if (r->server_starts && (ret == -ECONNRESET || ret == -EPIPE))
		say_ended(r);
	return ret < 0 || r->server_starts ? ret : await_answer(r);
}

int lazy_await(struct restore *r)
{
	int ret;

	if (!r->server_starts)
		return 0;
	ret = await_answer(r);
	if (ret == -ECONNRESET)
		say_ended(r);
	r->server_starts = false;
	return ret;
}

void lazy_failed(const struct restore *r)
{
	if (r->server_starts && handoff_hung_up(r->handoff))
		say_ended(r);
}

int lazy_complete(struct restore *r)
{
	_cleanup_close_ int stop = -1;
	struct task *t;
	unsigned int n = 0;

	if (r->handoff < 0)
		return 0;
	TAILQ_FOREACH(t, &r->tasks, link)
		n += task_is_live(t);
	stop = interrupt_fd();
	return stop < 0 ? stop : waited(handoff_complete(r->handoff, stop, n));
}

void lazy_running(struct restore *r)
{
	/* Logged. A server that does not hear it sees to the tasks, if that matters. */
	if (r->handoff >= 0)
		(void)handoff_running(r->handoff);
}
