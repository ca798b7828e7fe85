// SPDX-License-Identifier: GPL-2.0-only
/* What the kinds and the engine share of a restore. */
#include "core/restore.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "inject/abi/restorer.h"
#include "sys/syscall.h"
#include "util/log.h"
#include "util/macro.h"

/* What restorer_alloc() hands out must suit every array of the restorer's. */
#define HEAP_ALIGN 16

static bool needs_pid(const struct restore *r, pid_t pid)
{
	const struct task *t;

	TAILQ_FOREACH(t, &r->tasks, link)
		for (size_t i = 0; i < t->n_threads; i++)
			if (t->threads[i].tid == pid)
				return true;
	return false;
}

static pid_t fork_as(pid_t pid)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1,
	};

	return sys_clone3(&args);
}

pid_t restore_fork_aside(const struct restore *r)
{
	const pid_t own = getpid();
	bool again = false;

	for (pid_t pid = own + 1; pid != own; pid++) {
		pid_t ret;

		if (needs_pid(r, pid) || kill(pid, 0) == 0)
			continue;
		ret = fork_as(pid);
		if (ret == -EINVAL && !again) {
			/* Past the largest one. */
			again = true;
			pid = 1;
		} else if (ret != -EEXIST) {
			return ret;
		}
	}
	return -EAGAIN;
}

void *restorer_alloc(struct restorer_args *args, uint64_t size)
{
	uint64_t left = args->heap_end - args->heap_next;
	void *mem = (void *)args->heap_next;

	if (size > left || ALIGN_UP(size, HEAP_ALIGN) > left) {
		log_error("the restorer's area is too small: %lu bytes of %lu left",
			  (unsigned long)size, (unsigned long)left);
		return NULL;
	}
	args->heap_next += ALIGN_UP(size, HEAP_ALIGN);
	memset(mem, 0, size);
	return mem;
}
