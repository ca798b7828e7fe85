// SPDX-License-Identifier: GPL-2.0-only
/* A task's descriptors through dump and restore. */
#include "kinds/fd/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/restore.h"
#include "image/dir.h"
#include "image/writer.h"
#include "kinds/kinds.h"
#include "sys/proc_stat.h"
#include "sys/sockdiag.h"
#include "sys/syscall.h"
#include "util/arena.h"
#include "util/log.h"

/* Above all descriptors that a test uses. */
#define SERVICE_BASE 600
#define ERROR_FD 1000
#define FILES_ID 2
/* Exit status of a task that did not get as far as its check. */
#define CANNOT_RESTORE 2

static const struct file_kind *const files[] = {
	&epoll_kind, &eventfd_kind, &fifo_kind, &inet_kind, &pipe_kind, &regular_kind,
	&signalfd_kind, &terminal_kind, &timerfd_kind, &unix_kind, NULL,
};
static const struct vma_kind *const vmas[] = { NULL };
static const struct task_kind *const tasks[] = { NULL };
static const struct kind_table table = { .files = files, .vmas = vmas, .tasks = tasks };

/* The one task there is, on both sides. */
struct single {
	struct task task;
	struct thread thread;
	struct task_dump dump;
	struct proc_stat stat;
	CoreEntry core;
	ThreadCoreEntry thread_core;
	CredsEntry creds;
	TaskKobjIdsEntry ids;
};

void harness_fail(const char *file, int line, const char *condition)
{
	dprintf(ERROR_FD, "%s:%d: not so: %s (last error: %s)\n", file, line, condition,
		strerror(errno));
	_exit(1);
}

void harness_leave_outside(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return;
	/* The parent may be gone before this. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		pause();
	_exit(0);
}

void *harness_shared(void)
{
	static void *page;

	if (!page)
		page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	return page;
}

static void single_init(struct single *s, pid_t pid)
{
	memset(s, 0, sizeof(*s));
	core_entry__init(&s->core);
	thread_core_entry__init(&s->thread_core);
	creds_entry__init(&s->creds);
	task_kobj_ids_entry__init(&s->ids);
	s->core.thread_core = &s->thread_core;
	s->thread_core.creds = &s->creds;
	s->ids.files_id = FILES_ID;
	s->thread.tid = pid;
	s->thread.core = &s->core;
	s->task.pid = s->task.pgid = s->task.sid = pid;
	s->task.state = TASK_ALIVE;
	s->task.threads = &s->thread;
	s->task.n_threads = 1;
	s->task.ids = &s->ids;
	s->task.dump = &s->dump;
	s->dump.stat = &s->stat;
	TAILQ_INIT(&s->task.children);
}

/* Returns the pid of a task that has set up its descriptors and stopped. */
static pid_t start_victim(const struct harness_case *c)
{
	void *shared = harness_shared();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(2, ERROR_FD);
		sys_close_range(0, ERROR_FD - 1, 0);
		sys_close_range(ERROR_FD + 1, ~0U, 0);
		setsid();
		c->setup(shared);
		close(ERROR_FD);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static int write_images(struct dump *d, const struct single *s)
{
	struct image_writer *w;
	int r = image_writer_open(d->images, IMAGE_FDINFO, FILES_ID, &w);

	assert_int_equal(r, 0);
	for (size_t i = 0; i < s->dump.n_fds; i++) {
		const struct fd_info *info = &s->dump.fds[i];
		FdinfoEntry e = FDINFO_ENTRY__INIT;

		e.id = info->id;
		e.type = info->kind->type;
		e.fd = info->fd;
		e.flags = info->cloexec ? FD_CLOEXEC : 0;
		assert_int_equal(image_write(w, &e.base), 0);
	}
	assert_int_equal(image_writer_close(w), 0);
	assert_int_equal(image_writer_open(d->images, IMAGE_FILES, 0, &w), 0);
	for (size_t i = 0; i < d->n_descriptions; i++)
		assert_int_equal(image_write(w, &d->descriptions[i]->entry->base), 0);
	assert_int_equal(image_writer_close(w), 0);
	for (const struct file_kind *const *k = files; *k; k++)
		if ((*k)->save)
			assert_int_equal((*k)->save(d), 0);
	return 0;
}

static int dump_single(struct dump *d, struct single *s)
{
	int r = fd_info_collect(d, &s->task);

	for (size_t i = 0; r >= 0 && i < s->dump.n_fds; i++)
		r = dump_file(d, &s->dump.fds[i]);
	if (r >= 0)
		r = dump_files_complete(d);
	return r < 0 ? r : write_images(d, s);
}

static int dump_victim(const struct harness_case *c, pid_t pid, struct image_dir *dir)
{
	struct dump d = { .opts = &c->opts, .kinds = &table, .arena = arena_new(), .images = dir };
	struct single s;
	int r;

	single_init(&s, pid);
	TAILQ_INIT(&d.tasks);
	TAILQ_INSERT_TAIL(&d.tasks, &s.task, link);
	kobj_set_init(&d.files, KCMP_FILE, d.arena);
	s.dump.pidfd = sys_pidfd_open(pid, 0);
	assert_true(s.dump.pidfd >= 0);
	assert_int_equal(proc_stat_read(pid, 0, &s.stat), 0);
	assert_int_equal(sockdiag_read(SOCKDIAG_ALL, &d.socks), 0);
	r = dump_single(&d, &s);
	fd_info_close_all(&d);
	sockdiag_free(d.socks);
	close(s.dump.pidfd);
	free(d.descriptions);
	free(d.path_files);
	free(d.inflight_files);
	arena_free(d.arena);
	return r;
}

static void end_victim(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* In the restored task: what the engine does with files. */
static int restore_table(struct restore *r, struct task *t)
{
	int ret = restore_files_arrange(r);

	if (ret >= 0)
		ret = restore_files_open(r);
	if (restore_files_clear(r) < 0 || ret < 0)
		return -1;
	sys_close_range(0, SERVICE_BASE - 1, 0);
	for (size_t i = 0; i < t->n_fds; i++) {
		const FdinfoEntry *e = t->fds[i];
		int flags = e->flags & FD_CLOEXEC ? O_CLOEXEC : 0;

		if (dup3(restore_file_find(r, e->type, e->id)->fd, e->fd, flags) < 0)
			return log_errno(-errno, "cannot place fd %u", e->fd);
	}
	for (size_t i = 0; ret >= 0 && i < r->n_files; i++)
		if (r->files[i].owner)
			ret = restore_file_settle(r, t, &r->files[i], r->files[i].owner_fd);
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].fd >= 0)
			close(r->files[i].fd);
	return ret;
}

__attribute__((noreturn))
static void run_restored(const struct harness_case *c, pid_t pid, struct image_dir *dir)
{
	struct restore r = {
		.opts = &c->opts, .kinds = &table, .arena = arena_new(), .images = dir,
		.service_base = SERVICE_BASE, .service_last = INT_MAX, .next_service = SERVICE_BASE,
	};
	struct single s;
	sigset_t all;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(2, ERROR_FD);
	log_set_fds(ERROR_FD, -1);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	setsid();
	single_init(&s, pid);
	TAILQ_INIT(&r.tasks);
	TAILQ_INSERT_TAIL(&r.tasks, &s.task, link);
	if (restore_files_load(&r) < 0 || restore_table(&r, &s.task) < 0)
		_exit(CANNOT_RESTORE);
	c->check(harness_shared());
	_exit(0);
}

/* Returns the exit status of the restored task. */
static int restore_victim(const struct harness_case *c, pid_t pid, struct image_dir *dir)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	int status;
	pid_t made = sys_clone3(&args);

	if (made == 0)
		run_restored(c, pid, dir);
	assert_int_equal(made, pid);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void remove_dir(const char *path)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -r %s", path);
	assert_int_equal(system(command), 0);
}

/* Returns what the dump did; *status is the restored task's, unless that is NULL. */
static int run(const struct harness_case *c, int *status)
{
	char path[] = "/tmp/test-files-XXXXXX";
	struct image_dir *dir;
	pid_t pid;
	int r;

	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_open(path, &dir), 0);
	pid = start_victim(c);
	r = dump_victim(c, pid, dir);
	end_victim(pid);
	if (status) {
		assert_int_equal(r, 0);
		if (c->between)
			c->between(harness_shared());
		*status = restore_victim(c, pid, dir);
	}
	image_dir_free(dir);
	remove_dir(path);
	return r;
}

int harness_dump(const struct harness_case *c)
{
	return run(c, NULL);
}

void harness_round_trip(const struct harness_case *c)
{
	int status;

	run(c, &status);
	assert_int_equal(status, 0);
}

void harness_cannot_restore(const struct harness_case *c)
{
	int status;

	run(c, &status);
	assert_int_equal(status, CANNOT_RESTORE);
}
