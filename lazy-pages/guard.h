/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guardian: sees to it that the last reference to every userfaultfd
 * outlives the server.
 *
 * Closing the last one wakes every task that waits for a page, into a zero
 * page. So the server works in a child process that shares its descriptor
 * table (CLONE_FILES) with the process that the user started: whatever
 * descriptor it has, or was just given by a fork event, the guardian has too.
 * When the server dies before its work is done, by SIGKILL, a crash or an
 * error, the guardian kills the restored tasks, waits until their memory is
 * gone, and only then lets go.
 */
#ifndef LAZY_PAGES_GUARD_H
#define LAZY_PAGES_GUARD_H

/*
 * Blocks SIGTERM, SIGINT and SIGCHLD, which the guardian waits for: before
 * anybody is told that there is a server to stop. 0 or -errno, logged.
 */
int guard_block_signals(void);

/*
 * Runs @work(@arg, guardian) in the server process and guards it; @guardian is
 * a pidfd of the calling process. 0 from @work means that nothing is left to
 * deliver. Returns 0, or 1 when it was anything else; -errno, logged, when no
 * server could be started. SIGTERM and SIGINT are passed on to the server.
 */
int guard_run(int (*work)(void *arg, int guardian), void *arg);

#endif
