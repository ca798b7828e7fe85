/* SPDX-License-Identifier: GPL-2.0-only */
/* Tasks that somebody else traces: a dump needs to trace them itself. */
#ifndef CRIU_LITE_ENGINE_TRACED_H
#define CRIU_LITE_ENGINE_TRACED_H

#include <sys/types.h>

/*
 * Looks at all threads of @pid and of its descendants, while nothing has been done to
 * any. 0, or -ENOTSUP, logged with tracer and tracee, also for a thread inside of
 * vfork() (engine/vforking.h); other errors. What starts to be
 * traced later is found when it is seized.
 */
int traced_check_tree(pid_t pid);

#endif
