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

#include <signal.h>

/*
 * Blocks all signals but those that stop a process or that it brings upon itself: before
 * anybody is told that there is a server. A terminal that hangs up, or a pipe that nobody
 * reads any more, would else end the server and the guardian, and with both of them all that
 * they guard. 0 or -errno, logged.
 */
int guard_block_signals(void);
/* Those that ask the server to end, when all is delivered. */
void guard_signals_to_end(sigset_t *set);
/* These, SIGUSR1, and the end of a child. */
void guard_signals_to_take(sigset_t *set);

/*
 * Runs @work(@arg, guardian) in the server process and guards it; @guardian is
 * a pidfd of the calling process. 0 from @work means that nothing is left to
 * deliver. Returns 0, or 1 when it was anything else; -errno, logged, when no
 * server could be started. What asks for its end, and SIGUSR1, is passed on to the server.
 */
int guard_run(int (*work)(void *arg, int guardian), void *arg);

#endif
