// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tasks that sleep in system calls of which the registers say all: each goes on, none
 * returns EINTR, and what they wait for wakes them. One child for each call.
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

#define FAR_S 6000
#define CODE 5
#define FILLED 4096

/* Newer than the headers of some distributions. */
enum { NR_EPOLL_PWAIT2 = 441, NR_FUTEX_WAITV = 449 };

struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

struct victim {
	int row;
	pid_t pid;
	int ends[2];
	uint32_t *word;			/* shared */
};

static void sleep_in_ppoll(struct victim *v)
{
	struct timespec far = { .tv_sec = FAR_S };
	struct pollfd fd = { .fd = v->ends[0], .events = POLLIN };

	CHECK(MUST(ppoll(&fd, 1, v->row ? &far : NULL, NULL)) == 1 && fd.revents == POLLIN,
	      "revents %#x", fd.revents);
}

static void sleep_in_pselect(struct victim *v)
{
	struct timespec far = { .tv_sec = FAR_S };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(v->ends[0], &set);
	CHECK(MUST(pselect(v->ends[0] + 1, &set, NULL, NULL, &far, NULL)) == 1, "not ready");
}

static void sleep_in_epoll(struct victim *v)
{
	const struct timespec far = { .tv_sec = FAR_S };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = CODE };
	int epoll = MUST(epoll_create1(0));

	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, v->ends[0], &event));
	event = (struct epoll_event){};
	CHECK(MUST(syscall(NR_EPOLL_PWAIT2, epoll, &event, 1, &far, NULL, 8)) == 1 &&
	      event.data.u64 == CODE, "data %lu", event.data.u64);
}

static void sleep_in_futexes(struct victim *v)
{
	const struct waitv waiters[] = {
		{ .uaddr = (uintptr_t)&v->word[0], .flags = 2 },	/* FUTEX2_SIZE_U32 */
		{ .uaddr = (uintptr_t)&v->word[1], .flags = 2 },
	};

	CHECK(MUST(syscall(NR_FUTEX_WAITV, waiters, 2, 0, NULL, 0)) == 1, "another was woken");
}

static void wake_futexes(struct victim *v)
{
	CHECK(MUST(syscall(SYS_futex, &v->word[1], FUTEX_WAKE, 1, NULL, NULL, 0)) == 1,
	      "nobody slept");
}

static void sleep_in_sigtimedwait(struct victim *v)
{
	const struct timespec far = { .tv_sec = FAR_S };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	CHECK(MUST(sigtimedwait(&set, &info, &far)) == SIGUSR2, "another signal");
}

static void wake_by_signal(struct victim *v)
{
	MUST(kill(v->pid, SIGUSR2));
}

static void end_by_pipe(void *arg)
{
	struct victim *v = arg;
	char byte;

	zdtm_ready();
	MUST(read(v->ends[0], &byte, 1));
	_exit(CODE);
}

static void sleep_in_waitid(struct victim *v)
{
	pid_t pid = zdtm_fork(end_by_pipe, v);
	siginfo_t info;

	MUST(waitid(P_PID, pid, &info, WEXITED));
	CHECK(info.si_pid == pid && info.si_status == CODE, "pid %d, status %d", info.si_pid,
	      info.si_status);
}

static void sleep_in_write(struct victim *v)
{
	static const char full[FILLED];

	CHECK(MUST(fcntl(v->ends[1], F_SETPIPE_SZ, FILLED)) == FILLED, "the pipe is larger");
	MUST(write(v->ends[1], full, sizeof(full)));
	CHECK(MUST(write(v->ends[1], "x", 1)) == 1, "nothing was written");
}

static void wake_by_read(struct victim *v)
{
	static char content[FILLED];

	CHECK(MUST(read(v->ends[0], content, sizeof(content))) == FILLED, "the pipe is not full");
}

static void wake_by_pipe(struct victim *v)
{
	MUST(write(v->ends[1], "y", 1));
}

static const struct {
	long nr;
	void (*sleep)(struct victim *v);
	void (*wake)(struct victim *v);
} rows[] = {
	{ SYS_ppoll, sleep_in_ppoll, wake_by_pipe },	/* the first without a limit */
	{ SYS_ppoll, sleep_in_ppoll, wake_by_pipe },
	{ SYS_pselect6, sleep_in_pselect, wake_by_pipe },
	{ NR_EPOLL_PWAIT2, sleep_in_epoll, wake_by_pipe },
	{ NR_FUTEX_WAITV, sleep_in_futexes, wake_futexes },
	{ SYS_rt_sigtimedwait, sleep_in_sigtimedwait, wake_by_signal },
	{ SYS_waitid, sleep_in_waitid, wake_by_pipe },
	{ SYS_write, sleep_in_write, wake_by_read },
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

struct state {
	struct victim victims[N_ROWS];
};

static const char *unsupported(void)
{
	if (syscall(NR_EPOLL_PWAIT2, -1, NULL, 0, NULL, NULL, 8) < 0 && errno == ENOSYS)
		return "this kernel has no epoll_pwait2()";
	if (syscall(NR_FUTEX_WAITV, NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS)
		return "this kernel has no futex_waitv()";
	return NULL;
}

static void child(void *arg)
{
	struct victim *v = arg;

	zdtm_let_usr1_interrupt();
	zdtm_ready();
	rows[v->row].sleep(v);
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_ROWS; i++) {
		struct victim *v = &s->victims[i];

		v->row = i;
		MUST(pipe(v->ends));
		v->word = MUST(mmap(NULL, sizeof(*v->word) * 2, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
		v->pid = zdtm_fork(child, v);
		zdtm_until_in_syscall(v->pid, rows[i].nr);
	}
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(kill(s->victims[3].pid, SIGUSR1));
	usleep(100000);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (size_t i = 0; i < N_ROWS; i++) {
		zdtm_log("system call %ld", rows[i].nr);
		rows[i].wake(&s->victims[i]);
		zdtm_join(s->victims[i].pid);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "system calls that wait go on where registers say all",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
