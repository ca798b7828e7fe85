/* SPDX-License-Identifier: GPL-2.0-only */
/* All threads of a task stand still: the first step of a dump. */
#ifndef CRIU_LITE_ENGINE_FREEZE_H
#define CRIU_LITE_ENGINE_FREEZE_H

struct dump;
struct task;

/*
 * Seizes and stops every thread of @t, of which only the pid is known, and fills its
 * threads, state, ids, stat and pidfds. A zombie becomes TASK_DEAD. Returns 0; positive:
 * it has vanished; or -errno, logged. In an error threads may be left seized:
 * collect_thaw() lets them go.
 */
int freeze_task(struct dump *d, struct task *t);

#endif
