/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/status: credentials, signals, seccomp, pids of a task or thread.
 * Source: proc(5).
 */
#ifndef CRIU_LITE_SYS_PROC_STATUS_H
#define CRIU_LITE_SYS_PROC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_NSPID_MAX 33		/* MAX_PID_NS_LEVEL + 1 */

/* One id a pid namespace, the /proc mount's own first, the innermost last. */
struct proc_nspid {
	int32_t id[PROC_NSPID_MAX];
	size_t n;			/* 0: the kernel does not say (before 4.1) */
};

struct proc_status {
	uint32_t umask;			/* 0 of a zombie, which has none */
	char state;
	int32_t tgid, pid, ppid;
	int32_t tracer_pid;		/* 0: not traced */
	uint32_t uid[4], gid[4];	/* real, effective, saved, fs */
	uint32_t *groups;		/* as the kernel sorts them */
	size_t n_groups;
	struct proc_nspid nstgid, nspid, nspgid, nssid;
	uint64_t vm_locked;		/* bytes */
	bool thp_enabled;		/* false: prctl(PR_SET_THP_DISABLE) or no THP */
	bool has_thp_enabled;		/* the kernel says so (5.0) */
	uint64_t untag_mask;		/* bits of an address that count */
	bool has_untag_mask;		/* the kernel says so (6.4) */
	uint32_t threads;
	uint64_t sig_queued, sig_limit;
	/* Signal N is bit N - 1. */
	uint64_t sig_pending;		/* of this thread */
	uint64_t shared_pending;
	uint64_t sig_blocked, sig_ignored, sig_caught;
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;	/* capability N is bit N */
	bool no_new_privs;
	uint32_t seccomp;		/* SECCOMP_MODE_* */
	uint32_t seccomp_filters;
	/* PR_SPEC_PRCTL and what the thread has chosen; 0: not its choice. */
	uint32_t store_bypass, indirect_branch;
};

/*
 * Fills @status, which proc_status_fini() frees. A zombie and a kernel thread
 * have no memory: vm_locked is 0. Returns 0, -EINVAL, -ENOMEM (logged).
 */
int proc_status_parse(const char *text, struct proc_status *status);
/* Of a task, or of the thread @tid of it when not 0. Errors as in sys/proc.h. */
int proc_status_read(pid_t pid, pid_t tid, struct proc_status *status);
/* The tracer of a thread; 0: none, or none that we can see. */
pid_t proc_tracer_read(pid_t pid, pid_t tid);
void proc_status_fini(struct proc_status *status);

#endif
