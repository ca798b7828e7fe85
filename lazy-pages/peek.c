// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking before reading, where shared memory is still to come.
 *
 * An event's sender sleeps in its system call until the event is read, and
 * /proc/PID/task/TID/syscall shows which call, with its arguments. So when the
 * next message is an event (faults come first, and fdinfo counts them), the
 * threads of the task are looked at: one that sleeps in madvise() names the
 * range whose pages to bring; if none does, the event is no REMOVE.
 *
 * Which processes share the memory of a forked child's space is not known. Its
 * events wait until its segments are complete, which the background brings
 * forward. That is slow, and right.
 */
#include "lazy-pages/peek.h"

#include <asm/unistd.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lazy-pages/serve.h"
#include "lazy-pages/server.h"
#include "lazy-pages/tree.h"
#include "sys/proc.h"
#include "sys/proc_fdinfo.h"
#include "sys/proc_tasks.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#ifndef __NR_process_madvise
#define __NR_process_madvise 440
#endif
#ifndef __NR_io_uring_enter
#define __NR_io_uring_enter 426
#endif

/* What a thread may be doing that sends REMOVE. */
enum peek_verdict {
	PEEK_OTHER,			/* anything else */
	PEEK_MADVISE,			/* madvise() of a known range */
	PEEK_UNKNOWN,			/* maybe */
};

static int faults_waiting(struct lazy_space *sp, uint64_t *n)
{
	_cleanup_free_ char *text = NULL;
	int err = proc_read(getpid(), &text, NULL, "fdinfo/%d", sp->watch.fd);

	if (!err)
		err = fdinfo_u64(text, "pending:", 10, n);
	return err ? log_errno(err, "%s: cannot look at its userfaultfd", sp->name) : 0;
}

bool peek_waiting(const struct lazy_space *sp)
{
	struct pollfd pfd = { .fd = sp->watch.fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0;
}

/* "28 0x7f.. 0x1000 0x4 0x0 0x0 0x0 0x7ffd.. 0x7f..", or "running", or "-1 SP PC". */
static enum peek_verdict parse_syscall(const char *text, uint64_t *start, uint64_t *len)
{
	int64_t nr;
	uint64_t sp, pc;

	/* Maybe a sender that is about to fall asleep: its event is there already. */
	if (!strncmp(text, "running", 7))
		return PEEK_UNKNOWN;
	if (sscanf(text, "%" SCNd64 " %" SCNx64 " %" SCNx64, &nr, start, len) != 3)
		return PEEK_UNKNOWN;
	if (nr == __NR_madvise)
		return PEEK_MADVISE;
	if (nr == __NR_process_madvise || nr == __NR_io_uring_enter)
		return PEEK_UNKNOWN;
	if (nr != -1)
		return PEEK_OTHER;
	/* In a fault, or else a worker of io_uring, which has no user state. */
	if (sscanf(text, "-1 %" SCNx64 " %" SCNx64, &sp, &pc) == 2 && pc)
		return PEEK_OTHER;
	return PEEK_UNKNOWN;
}

static enum peek_verdict look_at_thread(pid_t pid, pid_t tid, uint64_t *start, uint64_t *len)
{
	_cleanup_free_ char *text = NULL;
	int err = proc_read(pid, &text, NULL, "task/%d/syscall", tid);

	/* It ended: it sends nothing. */
	if (err == -ESRCH || err == -ENOENT)
		return PEEK_OTHER;
	return err ? PEEK_UNKNOWN : parse_syscall(text, start, len);
}

/* Brings what the threads that sleep in madvise() ask about. */
static int look_at_task(struct server *server, struct lazy_space *sp, bool *unknown)
{
	_cleanup_free_ pid_t *tids = NULL;
	pid_t pid = sp->pidfd >= 0 ? tree_pidfd_pid(sp->pidfd) : -ESRCH;
	size_t n_tids = 0;
	int err = 0;

	*unknown = pid < 0 || proc_threads_read(pid, &tids, &n_tids);
	for (size_t i = 0; i < n_tids && !*unknown && !err; i++) {
		uint64_t start, len;

		switch (look_at_thread(pid, tids[i], &start, &len)) {
		case PEEK_OTHER:
			break;
		case PEEK_MADVISE:
			err = serve_windows(server, sp, start,
					    start + ALIGN_UP(len, PAGE_SIZE));
			/* As long as they can't be brought it must not go on. */
			if (err == -EAGAIN) {
				*unknown = true;
				err = 0;
			}
			break;
		case PEEK_UNKNOWN:
			*unknown = true;
			break;
		}
	}
	return err;
}

static bool segments_pending(const struct server *server)
{
	const struct lazy_segment *ls;

	TAILQ_FOREACH(ls, &server->segments, link)
		if (!segment_done(&ls->segment))
			return true;
	return false;
}

bool peek_needed(const struct server *server, const struct lazy_space *sp)
{
	return sp->space.map.n_shared && segments_pending(server);
}

int peek_messages(struct server *server, struct lazy_space *sp, size_t *max)
{
	uint64_t faults;
	bool unknown;
	int err;

	if (!peek_needed(server, sp))
		return server_resume(server, sp);
	*max = 1;
	err = faults_waiting(sp, &faults);
	if (err || faults)
		return err;
	if (!peek_waiting(sp)) {
		/* Not read either: what arrives from here on has not been looked at. */
		*max = 0;
		return 0;
	}
	err = look_at_task(server, sp, &unknown);
	if (err || !unknown)
		return err;
	log_debug("lazy-pages: %s: an event waits for its shared memory", sp->name);
	*max = 0;
	return server_hold(server, sp);
}
