/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of seccomp(2): whether the kernel would take one, and what it says to
 * a system call of which not everything is known.
 */
#ifndef CRIU_LITE_SYS_SECCOMP_FILTER_H
#define CRIU_LITE_SYS_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Instructions of one program (BPF_MAXINSNS). */
#define SECCOMP_PROGRAM_MAX 4096

/* A call that somebody is going to make. */
struct seccomp_call {
	const char *name;		/* for messages */
	uint32_t nr;
	uint32_t known;			/* bit N: args[N] is what will be passed */
	uint64_t args[6];
};

/* What becomes of a call, from harmless to worst. */
enum seccomp_verdict {
	SECCOMP_VERDICT_RUNS,		/* it is made */
	SECCOMP_VERDICT_FAILS,		/* it is not, and returns an error */
	/* A signal, the end, a supervisor's word, or success without the call. */
	SECCOMP_VERDICT_HARMS,
};

/*
 * Whether the kernel would take the program. 0; -EINVAL: no, because of
 * instruction *@bad (not logged).
 */
int seccomp_program_check(const struct sock_filter *insns, size_t n, size_t *bad);

/*
 * The worst verdict that a program which was checked can give to @call, made
 * by 64-bit code at an unknown address. -ENOMEM.
 */
int seccomp_program_judge(const struct sock_filter *insns, size_t n,
			  const struct seccomp_call *call);

/* Whether some instruction may return an action like @action (SECCOMP_RET_*). */
bool seccomp_program_returns(const struct sock_filter *insns, size_t n, uint32_t action);

#endif
