// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that wait inside of vfork(), or of a clone() like it: until the child, which
 * uses their memory, executes a program or ends. It does so in no time, nearly always,
 * and is waited for. A child that stays is refused before anything is done to the tree:
 * its parent would not stop, and all others would stand still for seconds until that
 * is found out.
 *
 * The kernel shows them in state D, in one of these calls.
 */
#include "engine/vforking.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "sys/proc.h"
#include "sys/proc_stat.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/scan.h"

/* Looks, 10 ms each and more. */
#define ROUNDS 100

static bool is_inside(pid_t pid, pid_t tid)
{
	_cleanup_free_ char *text = NULL;
	const char *cursor;
	struct proc_stat stat;
	int64_t nr;

	if (proc_stat_read(pid, tid, &stat) < 0 || stat.state != 'D')
		return false;
	/* "NUMBER ARGUMENTS ...", or "running". */
	if (proc_read(pid, &text, NULL, "task/%d/syscall", tid) < 0)
		return false;
	cursor = text;
	return scan_i64(&cursor, &nr) && (nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3);
}

int vforking_wait(pid_t pid, pid_t tid)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	for (int i = 0; i < ROUNDS; i++) {
		if (!is_inside(pid, tid))
			return 0;
		nanosleep(&pause, NULL);
	}
	return log_errno(-ENOTSUP, "pid %d: thread %d waits in vfork() for its child to execute a "
			 "program or to end: not covered; dump when it has", pid, tid);
}
