// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lazy restore's side of the lazy-pages server.
 *
 * A server that the user started is used; else a restore starts one itself,
 * as a process of its own session that outlives the restore. It is a fork of
 * this process and not a new program: a restore is over in milliseconds, and
 * half of one would go into loading libraries again.
 */
#include "engine/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
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

/* How long a server that was just started may take until it listens. */
#define SERVER_TIMEOUT_MS 10000
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
		.starter_fd = -1,
		.background = background(opts),
		.record = opts->record,
		.many = opts->many,
		.stats = opts->stats,
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
static void run_server(const struct options *opts, int dir, int starter_fd)
{
	const struct lazy_options lazy = {
		.images_dir = opts->images_dir,
		.work_dir = opts->work_dir,
		.status_fd = -1,
		.starter_fd = starter_fd,
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

/*
 * Twice a child, so that it is nobody's child here: restore waits for its own. The
 * first is gone before the tree is made; the second has a pid that the tree leaves.
 * The writing end of @life stays open in this process, and with it ends.
 */
static int start_server(const struct restore *r, int dir)
{
	int status, life[2];
	pid_t pid;

	if (pipe2(life, O_CLOEXEC) < 0)
		return log_errno(-errno, "cannot start a lazy-pages server");
	pid = fork();
	if (pid < 0)
		return log_errno(-errno, "cannot start a lazy-pages server");
	if (pid == 0) {
		close(life[1]);
		pid = restore_fork_aside(r);
		if (pid == 0)
			run_server(r->opts, dir, life[0]);
		_exit(pid < 0);
	}
	close(life[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return log_errno(-errno, "cannot start a lazy-pages server");
	if (status)
		return log_errno(-EAGAIN, "cannot start a lazy-pages server");
	return 0;
}

int lazy_connect(struct restore *r)
{
	_cleanup_close_ int dir = -1;
	int sock, ret;

	if (!r->opts->lazy_pages)
		return 0;
	if (!r->features->uffd)
		return log_errno(-ENOTSUP, "--lazy-pages: this kernel offers no userfaultfd with "
				 "fork, remap, remove and unmap events");
	dir = open(work_dir(r->opts), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return log_errno(-errno, "work directory %s: cannot open", work_dir(r->opts));
	sock = handoff_connect(dir, 0);
	if (sock == -ETIMEDOUT) {
		log_info("no lazy-pages server listens: starting one");
		ret = start_server(r, dir);
		if (ret < 0)
			return ret;
		sock = handoff_connect(dir, SERVER_TIMEOUT_MS);
	}
	if (sock == -ETIMEDOUT)
		return log_errno(sock, "no lazy-pages server listens in %s", work_dir(r->opts));
	if (sock < 0)
		return sock;
	r->handoff = restore_service_fd(r, sock);
	return r->handoff < 0 ? r->handoff : 0;
}

int lazy_complete(struct restore *r)
{
	_cleanup_close_ int stop = -1;
	struct task *t;
	unsigned int n = 0;
	int ret;

	if (r->handoff < 0)
		return 0;
	TAILQ_FOREACH(t, &r->tasks, link)
		n += task_is_live(t);
	stop = interrupt_fd();
	if (stop < 0)
		return stop;
	ret = handoff_complete(r->handoff, stop, n);
	if (ret == -EINTR)
		(void)interrupt_check("restore");
	return ret;
}

void lazy_running(struct restore *r)
{
	/* Logged. A server that does not hear it sees to the tasks, if that matters. */
	if (r->handoff >= 0)
		(void)handoff_running(r->handoff);
}
