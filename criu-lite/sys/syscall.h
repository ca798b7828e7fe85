/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls that glibc 2.36 has no wrapper for.
 *
 * Each returns what the kernel returns: a result >= 0, or -errno. Nothing is
 * logged: the caller knows which object it was about.
 */
#ifndef CRIU_LITE_SYS_SYSCALL_H
#define CRIU_LITE_SYS_SYSCALL_H

#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct clone_args;			/* linux/sched.h */
struct open_how;			/* linux/openat2.h */

/* As the kernel has it (linux/sched/types.h, which collides with <sched.h>). */
struct sys_sched_attr {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;	/* ns, SCHED_DEADLINE */
	uint32_t util_min, util_max;
};

enum sys_ioprio_who {
	SYS_IOPRIO_WHO_PROCESS = 1,
	SYS_IOPRIO_WHO_PGRP,
	SYS_IOPRIO_WHO_USER,
};

/*
 * Returns in both tasks, as fork does, and like it must not get CLONE_VM: the
 * child goes on on its own copy of our stack. glibc does not hear of it:
 * atfork handlers don't run and cached values in the child are the parent's.
 */
pid_t sys_clone3(struct clone_args *args);
/* PIDFD_THREAD (6.9), which not all headers have: of the thread, not of its process. */
#define SYS_PIDFD_THREAD O_EXCL
/* A pidfd is close-on-exec from the start. */
int sys_pidfd_open(pid_t pid, unsigned int flags);
int sys_pidfd_getfd(int pidfd, int target_fd);
/* @info may be NULL: as kill() fills it. */
int sys_pidfd_send_signal(int pidfd, int sig, const siginfo_t *info);
/* sigprocmask() leaves out two signals that it keeps to itself, 32 and 33. @old may be NULL. */
int sys_set_sigmask(uint64_t mask, uint64_t *old);
/* Takes one @sig, which is blocked, from the queues; 0: none. Whether there was one or not. */
void sys_take_signal(int sig);
/*
 * 0: the same object; 1, 2: less, greater in an order that holds until reboot;
 * 3: different. @index1 and @index2 are descriptors for KCMP_FILE, else 0.
 */
int sys_kcmp(pid_t pid1, pid_t pid2, enum kcmp_type type, unsigned long index1,
	     unsigned long index2);
int sys_openat2(int dirfd, const char *path, const struct open_how *how);
int sys_userfaultfd(int flags);
/* The head is an address in the task @tid; 0: it has no list. */
int sys_get_robust_list(pid_t tid, uint64_t *head, uint64_t *len);
int sys_close_range(unsigned int first, unsigned int last, unsigned int flags);
int sys_ioprio_get(enum sys_ioprio_who who, int id);
int sys_sched_getattr(pid_t tid, struct sys_sched_attr *attr);

#endif
