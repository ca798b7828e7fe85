// SPDX-License-Identifier: GPL-2.0-only
/* System calls that glibc 2.36 has no wrapper for. */
#include "sys/syscall.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <time.h>
#include <unistd.h>

#define RESULT(call) ({ long r_ = (call); r_ < 0 ? -errno : r_; })

_Static_assert(sizeof(struct sys_sched_attr) == 56, "struct sched_attr of Linux 5.3");

pid_t sys_clone3(struct clone_args *args)
{
	return RESULT(syscall(__NR_clone3, args, sizeof(*args)));
}

int sys_pidfd_open(pid_t pid, unsigned int flags)
{
	return RESULT(syscall(__NR_pidfd_open, pid, flags));
}

int sys_pidfd_getfd(int pidfd, int target_fd)
{
	return RESULT(syscall(__NR_pidfd_getfd, pidfd, target_fd, 0));
}

int sys_pidfd_send_signal(int pidfd, int sig, const siginfo_t *info)
{
	return RESULT(syscall(__NR_pidfd_send_signal, pidfd, sig, info, 0));
}

int sys_set_sigmask(uint64_t mask, uint64_t *old)
{
	return RESULT(syscall(__NR_rt_sigprocmask, SIG_SETMASK, &mask, old, sizeof(mask)));
}

void sys_take_signal(int sig)
{
	const struct timespec now = {};
	uint64_t set = sig ? 1ULL << (sig - 1) : 0;

	if (sig)
		syscall(__NR_rt_sigtimedwait, &set, NULL, &now, sizeof(set));
}

int sys_kcmp(pid_t pid1, pid_t pid2, enum kcmp_type type, unsigned long index1,
	     unsigned long index2)
{
	return RESULT(syscall(__NR_kcmp, pid1, pid2, type, index1, index2));
}

int sys_openat2(int dirfd, const char *path, const struct open_how *how)
{
	return RESULT(syscall(__NR_openat2, dirfd, path, how, sizeof(*how)));
}

int sys_userfaultfd(int flags)
{
	return RESULT(syscall(__NR_userfaultfd, flags));
}

int sys_get_robust_list(pid_t tid, uint64_t *head, uint64_t *len)
{
	return RESULT(syscall(__NR_get_robust_list, tid, head, len));
}

int sys_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return RESULT(syscall(__NR_close_range, first, last, flags));
}

int sys_ioprio_get(enum sys_ioprio_who who, int id)
{
	return RESULT(syscall(__NR_ioprio_get, who, id));
}

int sys_sched_getattr(pid_t tid, struct sys_sched_attr *attr)
{
	return RESULT(syscall(__NR_sched_getattr, tid, attr, sizeof(*attr), 0));
}
