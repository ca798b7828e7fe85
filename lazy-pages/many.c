// SPDX-License-Identifier: GPL-2.0-only
/* Who listens, when many are served. */
#include "lazy-pages/many.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lazy-pages/guard.h"
#include "pages/handoff.h"
#include "pages/packet.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

struct many {
	int listener;			/* -1: no more are taken */
	int workdir_fd;
	int signals;
	int (*serve)(void *arg, int sock);
	void *arg;
	pid_t *children;
	size_t n_children, cap_children;
	bool failed;
};

/* One that can't be served is told so, by the end of the connection. */
static int start_child(struct many *m)
{
	_cleanup_close_ int sock = packet_accept(m->listener);
	pid_t *child;

	if (sock < 0)
		return sock == -EAGAIN || sock == -EPERM ? 0 : sock;
	child = array_push(&m->children, &m->n_children, &m->cap_children);
	if (!child) {
		log_errno(-ENOMEM, "lazy-pages: cannot serve one more restore");
		return 0;
	}
	*child = fork();
	if (*child == 0) {
		close(m->listener);
		close(m->signals);
		_exit(m->serve(m->arg, take_fd(&sock)) ? 1 : 0);
	}
	if (*child < 0) {
		log_errno(-errno, "lazy-pages: cannot serve one more restore");
		m->n_children--;
	}
	return 0;
}

static void end_child(struct many *m, pid_t pid, int status)
{
	if (status)
		log_warn("lazy-pages: who served a restore (pid %d) has failed", pid);
	m->failed = m->failed || status;
	for (size_t i = 0; i < m->n_children; i++)
		if (m->children[i] == pid) {
			m->children[i] = m->children[--m->n_children];
			return;
		}
}

static void stop_listening(struct many *m)
{
	if (m->listener < 0)
		return;
	log_info("lazy-pages: no more restores are served");
	if (unlinkat(m->workdir_fd, HANDOFF_SOCKET_NAME, 0) && errno != ENOENT)
		log_warn("lazy-pages: cannot remove %s", HANDOFF_SOCKET_NAME);
	close(take_fd(&m->listener));
}

static int take_signal(struct many *m)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	if (read(m->signals, &info, sizeof(info)) != sizeof(info))
		return log_errno(-errno, "lazy-pages: cannot read a signal");
	/* Several that have ended may have sent one SIGCHLD. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		end_child(m, pid, status);
	if (info.ssi_signo == SIGCHLD)
		return 0;
	for (size_t i = 0; i < m->n_children; i++)
		kill(m->children[i], info.ssi_signo);
	if (info.ssi_signo != SIGUSR1)
		stop_listening(m);
	return 0;
}

static int run(struct many *m)
{
	while (m->listener >= 0 || m->n_children) {
		struct pollfd fds[] = {
			{ .fd = m->signals, .events = POLLIN },
			{ .fd = m->listener, .events = POLLIN },
		};
		int err = 0;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
			if (errno == EINTR)
				continue;
			return log_errno(-errno, "lazy-pages: cannot wait for restores");
		}
		if (fds[1].revents)
			err = start_child(m);
		if (!err && fds[0].revents)
			err = take_signal(m);
		if (err)
			return err;
	}
	return m->failed ? -EIO : 0;
}

int many_run(int listener, int workdir_fd, int (*serve)(void *arg, int sock), void *arg)
{
	struct many m = {
		.listener = listener, .workdir_fd = workdir_fd, .serve = serve, .arg = arg,
	};
	sigset_t set;
	int err;

	guard_signals_to_take(&set);
	m.signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (m.signals < 0)
		return log_errno(-errno, "lazy-pages: cannot take signals");
	err = run(&m);
	stop_listening(&m);
	close(m.signals);
	free(m.children);
	return err;
}
