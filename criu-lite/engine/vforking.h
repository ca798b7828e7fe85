/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that wait inside of vfork(): nothing but SIGKILL reaches them. */
#ifndef CRIU_LITE_ENGINE_VFORKING_H
#define CRIU_LITE_ENGINE_VFORKING_H

#include <sys/types.h>

/*
 * Waits until the thread @tid of @pid is not inside of vfork(), a second at most. 0, or
 * -ENOTSUP, logged; errors of the kind -ESRCH are no errors here.
 */
int vforking_wait(pid_t pid, pid_t tid);

#endif
