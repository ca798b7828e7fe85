/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What restore tells the restorer (pie/restorer.c).
 *
 * The restorer is freestanding code that replaces a task's whole address
 * space, so that all it needs lies in one area that both the old and the new
 * layout leave free:
 *
 *	area_start                                             area_end
 *	| blob | arguments and arrays | thread blocks | vdso stays here | sync |
 *
 * A thread block is the thread's stack for the restorer and its signal frame,
 * from which rt_sigreturn loads the state it was dumped with. The last page
 * range is the shared control block of the whole restore. Pointers are plain
 * addresses: the area never moves. It is unmapped from outside when every
 * thread has left it (inject/release.h).
 *
 * Descriptors that the restorer uses are service descriptors: all numbers from
 * service_base to service_last, closed by it at the end.
 */
#ifndef CRIU_LITE_INJECT_ABI_RESTORER_H
#define CRIU_LITE_INJECT_ABI_RESTORER_H

#include <stdint.h>

#include "inject/abi/mempolicy.h"

/* Stages that the whole tree passes together, each opened by the coordinator. */
enum restore_stage {
	RESTORE_STAGE_FORK,	/* all tasks exist */
	/* state is applied: only now are descriptor tables, maybe shared, put together */
	RESTORE_STAGE_STATE,
	RESTORE_STAGE_FILES,	/* all descriptors are in place */
	RESTORE_STAGE_MEMORY,	/* memory and threads are there; uffds are armed */
	RESTORE_STAGE_CREDS,	/* all is back; only seccomp and the signal frame are left */
	RESTORE_STAGE_COUNT,
};

/*
 * The control block, in memory shared by the coordinator and all tasks.
 * arrived[s] counts who reached the end of stage s; `open` is the highest
 * stage that may be left, and a futex. Who fails first takes `claimed`, says
 * what it was doing, and then sets `failed`: everyone leaves.
 */
struct restore_sync {
	uint32_t open;			/* futex: stages below may be left */
	uint32_t arrived[RESTORE_STAGE_COUNT];
	uint32_t bell;			/* futex: rung at each arrival and failure */
	uint32_t failed;
	int32_t fail_pid;
	int32_t fail_errno;		/* negative */
	uint32_t fail_step;		/* enum restorer_step */
	uint64_t fail_arg;		/* an address, an index, as the step has it */
	uint32_t claimed;		/* the fail_* above have their writer */
	/* Counted while tasks make what they share with their children. */
	uint64_t pages_compared, pages_shared;
};

/* One step of the restorer, so that an error has a name outside. */
enum restorer_step {
	RESTORER_STEP_TASK,		/* failed before the restorer, and said so itself */
	RESTORER_STEP_VDSO,
	RESTORER_STEP_UNMAP,
	RESTORER_STEP_MAP,		/* arg: start of the VMA */
	RESTORER_STEP_READ,		/* arg: address of the pages */
	RESTORER_STEP_PROTECT,
	RESTORER_STEP_ADVISE,
	RESTORER_STEP_LOCK,
	RESTORER_STEP_NAME,
	RESTORER_STEP_MBIND,
	RESTORER_STEP_ARM,
	RESTORER_STEP_SEAL,
	RESTORER_STEP_MM_LAYOUT,
	RESTORER_STEP_THREAD,		/* arg: tid */
	RESTORER_STEP_SIGACTION,	/* arg: signal */
	RESTORER_STEP_SIGNALS,
	RESTORER_STEP_SIGALTSTACK,
	RESTORER_STEP_ROBUST_LIST,
	RESTORER_STEP_RSEQ,
	RESTORER_STEP_SCHED,
	RESTORER_STEP_MEMPOLICY,
	RESTORER_STEP_PROCESSORS,	/* arg: tid */
	RESTORER_STEP_IO_PRIORITY,	/* arg: its value */
	RESTORER_STEP_TIMER,		/* arg: timer id */
	RESTORER_STEP_RLIMIT,		/* arg: resource */
	RESTORER_STEP_CREDS,
	RESTORER_STEP_MEMFD_SEAL,	/* arg: descriptor */
	RESTORER_STEP_CLOSE,
	RESTORER_STEP_PERSONALITY,
	RESTORER_STEP_PRCTL,		/* arg: PR_* */
	RESTORER_STEP_MEMBARRIER,	/* arg: MEMBARRIER_CMD_REGISTER_* */
	RESTORER_STEP_SECCOMP,		/* arg: tid */
	RESTORER_STEP_PARENT,		/* who made the task ended */
	RESTORER_STEP_COUNT,
};

/* A piece of the vdso or vvar: moved out of the way, and to its place at the end. */
struct restorer_vdso_piece {
	uint64_t from, len;
	uint64_t park;			/* in the area */
	uint64_t to;
};

enum restorer_vma_flags {
	RESTORER_VMA_ARM = 1 << 0,	/* register with the userfaultfd, do not fill */
	RESTORER_VMA_THERE = 1 << 1,	/* mapped and filled: in place, or to be moved there */
	RESTORER_VMA_ON_FAULT = 1 << 2,	/* MAP_LOCKED: each page when it comes */
	RESTORER_VMA_SEAL = 1 << 3,	/* mseal(), when nothing else is left to do */
};

/* One mapping. prot while it is filled is prot | PROT_WRITE where reads follow. */
struct restorer_vma {
	uint64_t start, len;
	uint64_t offset;		/* bytes */
	uint64_t madv;			/* bit mask of 1 << MADV_x */
	uint64_t from;			/* RESTORER_VMA_THERE: where it is */
	int32_t fd;			/* -1: anonymous */
	uint32_t prot;
	uint32_t flags;			/* MAP_*, without MAP_FIXED */
	uint32_t how;			/* enum restorer_vma_flags */
	const char *name;		/* PR_SET_VMA_ANON_NAME; NULL: none */
	const struct mempolicy *mempolicy;	/* mbind(); NULL: none */
};

/* Page content to read into a private mapping. */
struct restorer_read {
	uint64_t addr, len;
	uint64_t offset;		/* in the file */
	int32_t fd;
	int32_t pad;
};

struct restorer_range {
	uint64_t start, len;
};

/* Seals of a memfd that has to be mapped, by all tasks, before it is sealed. */
struct restorer_seal {
	int32_t fd;
	uint32_t seals;
};

struct restorer_mm {
	struct restorer_vma *vmas;	/* ascending, disjoint */
	uint64_t n_vmas;
	struct restorer_read *reads;	/* ascending */
	uint64_t n_reads;
	/* They fault on any access: installed after the last mprotect and madvise. */
	struct restorer_range *guards;
	uint64_t n_guards;
	struct restorer_range *keep;	/* not unmapped: the area and what is there; ascending */
	uint64_t n_keep;
	struct restorer_seal *seals;	/* of the root task only */
	uint64_t n_seals;
	struct restorer_vdso_piece *vdso;
	uint64_t n_vdso;
	uint64_t task_size;		/* end of user address space */
	/* struct prctl_mm_map, by value (linux/prctl.h). */
	uint64_t layout[11];		/* start_code .. env_end, in its order */
	uint64_t *auxv;
	uint32_t auxv_size;		/* bytes */
	int32_t exe_fd;
	int32_t uffd;			/* -1: nothing is armed */
	int32_t thp_disabled;
	uint32_t lock_future;		/* for mlockall(): MCL_FUTURE, MCL_ONFAULT; 0: not called */
	uint32_t pad;
};

/* A kernel struct sigaction as rt_sigaction takes it, for signal index + 1. */
struct restorer_sigaction {
	uint64_t handler, flags, restorer, mask;
};

struct restorer_timer {
	int32_t id;
	int32_t clock;
	int32_t notify, signo;
	uint64_t value;			/* sigev_value */
	int32_t tid;			/* SIGEV_THREAD_ID */
	uint32_t fired;			/* its signal is queued: sent again by the timer itself */
	uint32_t overrun;		/* what its last signal told; taken again */
	uint32_t started;		/* scratch */
	uint64_t it_interval[2], it_value[2];	/* s, ns */
};

struct restorer_creds {
	uint32_t uid[4];		/* real, effective, saved, fs */
	uint32_t gid[4];
	uint32_t *groups;
	uint64_t n_groups;
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	uint32_t secbits;
	uint32_t no_new_privs;
	uint32_t last_cap;		/* the kernel's */
	uint32_t pad;
};

/* One of seccomp(2). */
struct restorer_filter {
	struct {			/* struct sock_fprog (linux/filter.h) */
		uint16_t len;		/* instructions */
		void *insns;
	} program;
	uint32_t flags;			/* SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW */
	uint32_t pad;
};

/* As many processors as any kernel of this machine's architecture is built for: 8192. */
#define RESTORER_PROCESSOR_WORDS 128

struct restorer_thread {
	int32_t tid;
	uint32_t pdeath_sig;
	uint64_t stack_top;		/* of the restorer's own stack, 16-aligned */
	uint64_t sigframe;		/* the address that rsp has for rt_sigreturn */
	uint64_t clear_tid_addr;
	uint64_t robust_list, robust_len;
	uint64_t fs_base, gs_base;
	uint64_t rseq_addr;
	uint32_t rseq_len, rseq_sig;
	uint64_t sas_sp, sas_size;
	uint32_t sas_flags;
	uint32_t sched_policy, sched_prio;
	int32_t sched_nice;
	uint64_t sched_slice;			/* ns; 0: the default */
	uint64_t timer_slack;			/* ns */
	uint32_t mce_kill, tsc;			/* PR_MCE_KILL_*, PR_TSC_* */
	uint32_t store_bypass, indirect_branch;	/* PR_SPEC_*; 0: left as they are */
	uint32_t io_priority;
	uint32_t n_processors;			/* words; 0: stays as it is, every one */
	uint64_t processors[RESTORER_PROCESSOR_WORDS];
	char comm[16];
	uint32_t ends, exit_code;	/* a leader that has ended: ends again */
	struct mempolicy mempolicy;
	void *siginfos;			/* n x 128 bytes, queued to this thread */
	uint64_t n_siginfos;
	struct restorer_creds creds;
	struct restorer_filter *filters;	/* on top of its task's, the oldest first */
	uint64_t n_filters;
	uint32_t seccomp_strict;
	struct restorer_args *args;
};

struct restorer_args {
	struct restore_sync *sync;
	uint64_t area_start, area_end;
	uint64_t heap_next, heap_end;		/* what restorer_alloc() hands out */
	struct restorer_mm mm;
	struct restorer_thread *threads;	/* element 0 is the leader */
	uint64_t n_threads;
	struct restorer_sigaction *sigactions;	/* 64; NULL: shared with the parent */
	void *siginfos;				/* queued to the process */
	uint64_t n_siginfos;
	uint64_t itimers[3][4];		/* interval s, us; value s, us */
	struct restorer_timer *timers;
	uint64_t n_timers;
	struct restorer_filter *filters;	/* that all threads have, the oldest first */
	uint64_t n_filters;
	uint32_t seccomp;			/* some thread is under seccomp */
	uint32_t filters_ready;			/* scratch: they are in force (futex) */
	uint64_t rlimits[16][2];		/* cur, max */
	uint32_t n_rlimits;
	uint32_t mdwe;				/* PR_SET_MDWE; 0: not set */
	int32_t dumpable;			/* PR_SET_DUMPABLE, or 2: fs.suid_dumpable is 2 */
	uint32_t personality;
	uint32_t child_subreaper;
	uint32_t membarrier;			/* registrations to repeat */
	uint32_t service_base, service_last;	/* descriptors that are closed at the end */
	uint32_t close_service;			/* 0: another task shares the table and closes */
	uint32_t tasks_wait;			/* scratch: threads that are ready (futex) */
	uint32_t timer_restore_ids;		/* the kernel has PR_TIMER_CREATE_RESTORE_IDS */
	int32_t maker;				/* scratch: the parent at the start */
};

#endif
