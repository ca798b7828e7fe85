// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control groups are not saved: a restored task is in those of who restores it.
 * That changes nothing of what a program computes, so it is no reason to
 * refuse; where they are others than ours, the user is told.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "kinds/task/kinds.h"
#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"

/* More than the file has; what is behind is not compared. */
#define TEXT_MAX 4096

/* Empty when it can't be read: then there is nothing to compare. */
static void read_text(int pid, char text[TEXT_MAX])
{
	_cleanup_close_ int fd = proc_open(pid, O_RDONLY | O_CLOEXEC, "cgroup");
	ssize_t n = fd < 0 ? fd : read_all(fd, text, TEXT_MAX - 1);

	text[n < 0 ? 0 : n] = 0;
}

static int unsaved_dump_task(struct dump *d, struct task *t)
{
	char theirs[TEXT_MAX], ours[TEXT_MAX];

	if (!task_is_live(t))
		return 0;
	read_text(task_proc(t), theirs);
	read_text(getpid(), ours);
	if (theirs[0] && strcmp(theirs, ours))
		log_warn("pid %d: its set of control groups is not saved", t->pid);
	return 0;
}

const struct task_kind task_unsaved_kind = {
	.name = "unsaved state",
	.test = "task/nice",
	.dump_task = unsaved_dump_task,
};
