// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a task has and the image has no room for. None of it changes what a
 * program computes, so it is no reason to refuse; a restored task has it from
 * who restores it. Where that would be another value, the user is told.
 */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "kinds/task/kinds.h"
#include "sys/proc.h"
#include "sys/syscall.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* More than any of these files has; what is behind is not compared. */
#define TEXT_MAX 4096

/* Files of /proc/PID, whose text is compared with our own. */
static const struct {
	const char *file, *what;
	const char *derived;		/* a text that follows from saved state */
} file_table[] = {
	{ "cgroup", "set of control groups", "" },
	{ "coredump_filter", "choice of memory for core dumps", "" },
	{ "timerslack_ns", "timer slack", "0\n" },	/* of a real-time policy */
};

/* Empty when it can't be read: then there is nothing to compare. */
static void read_text(int pid, const char *file, char text[TEXT_MAX])
{
	_cleanup_close_ int fd = proc_open(pid, O_RDONLY | O_CLOEXEC, "%s", file);
	ssize_t n = fd < 0 ? fd : read_all(fd, text, TEXT_MAX - 1);

	text[n < 0 ? 0 : n] = 0;
}

static int unsaved_dump_task(struct dump *d, struct task *t)
{
	char theirs[TEXT_MAX], ours[TEXT_MAX];

	if (!task_is_live(t))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(file_table); i++) {
		read_text(task_proc(t), file_table[i].file, theirs);
		read_text(getpid(), file_table[i].file, ours);
		if (theirs[0] && strcmp(theirs, file_table[i].derived) && strcmp(theirs, ours))
			log_warn("pid %d: its %s is not saved", t->pid, file_table[i].what);
	}
	return 0;
}

static bool other_processors(int tid)
{
	cpu_set_t theirs, ours;

	return sched_getaffinity(tid, sizeof(theirs), &theirs) == 0 &&
	       sched_getaffinity(0, sizeof(ours), &ours) == 0 && !CPU_EQUAL(&theirs, &ours);
}

static bool other_io_priority(int tid)
{
	int theirs = sys_ioprio_get(SYS_IOPRIO_WHO_PROCESS, tid);

	return theirs >= 0 && theirs != sys_ioprio_get(SYS_IOPRIO_WHO_PROCESS, 0);
}

static int unsaved_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	if (!task_is_live(t))
		return 0;
	if (other_processors(th->tid))
		log_warn("pid %d: thread %d: its set of processors is not saved", t->pid, th->tid);
	if (other_io_priority(th->tid))
		log_warn("pid %d: thread %d: its I/O priority is not saved", t->pid, th->tid);
	return 0;
}

const struct task_kind task_unsaved_kind = {
	.name = "unsaved state",
	.test = "task/nice",
	.dump_task = unsaved_dump_task,
	.dump_thread = unsaved_dump_thread,
};
