/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parasite: a helper thread of ours inside a dumped task.
 *
 * It tells what only the task itself can tell, and hands out memory. It is a
 * thread of its own in the task: with a stack and a descriptor table of its
 * own, and all signals blocked. No thread of the task is away from its frame
 * while it serves. It leaves when told to, and by itself when the dumper dies.
 *
 *	inject_settle		before the task is seized
 *	parasite_inject		all threads of the task stand still
 *	parasite_*		as often as needed
 *	parasite_cure		before any thread is detached
 *
 * The parasite shows in /proc/PID/maps, smaps and task/ while it is there: read
 * these before.
 */
#ifndef CRIU_LITE_INJECT_SESSION_H
#define CRIU_LITE_INJECT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "inject/abi/mempolicy.h"
#include "inject/abi/parasite.h"

struct parasite;
struct tracee;

/* What only a thread can tell of itself. */
struct thread_facts {
	uint64_t sas_sp, sas_size;	/* sigaltstack; as stack_t has it */
	uint32_t sas_flags;		/* SS_DISABLE, SS_ONSTACK, SS_AUTODISARM */
	uint32_t pdeath_sig;		/* 0: none */
	uint64_t clear_tid_addr;	/* 0: none */
	uint32_t securebits;
	struct mempolicy mempolicy;	/* set_mempolicy() */
	uint32_t tsc;			/* PR_TSC_* */
};

/* All return 0 or -errno, logged unless said otherwise. */

/*
 * Waits until what a dumper that was killed left in the task of thread @tid,
 * which has not ended, has gone: its parasite needs some microseconds to leave.
 * -EBUSY: it does not leave.
 */
int inject_settle(pid_t tid);

/*
 * Puts a parasite into the task of @by, a thread of it; all of them stand still.
 * On failure the task is as it was. -ENOTSUP: a seccomp filter might hurt it
 * (inject/seccomp.h). -ENOSPC: no place for the pad. -EAGAIN: its
 * limits (RLIMIT_NPROC, pids.max) leave no room for a thread. -ENOMEM: RLIMIT_AS.
 */
int parasite_inject(struct tracee *by, struct parasite **out);

/*
 * The parasite leaves; the task is as it was but for a private copy of one
 * page of its vdso, of unchanged content. Frees @p. Safe on NULL.
 * -ESRCH (not logged): the task was killed.
 */
int parasite_cure(struct parasite *p);

/* *@misc stays valid until the cure. */
int parasite_misc(struct parasite *p, const struct parasite_misc **misc);

/* Reads the time left and the overrun of the POSIX timers @ids into @timers[@n]. */
int parasite_timers(struct parasite *p, const int32_t *ids, size_t n,
		    struct parasite_timer *timers);

/* What mbind() said for the mappings at @addrs: into @policies[@n], zeroed before. */
int parasite_mempolicies(struct parasite *p, const uint64_t *addrs, size_t n,
			 struct mempolicy *policies);

/* Asks @t, a stopped thread of the parasite's task (the leader too). */
int parasite_thread_facts(struct parasite *p, struct tracee *t, struct thread_facts *facts);

/*
 * Appends the content of the ranges @iov (addresses in the task; whole pages)
 * to @out_fd, a file at its file position or a blocking socket, in their order
 * and without a gap. Memory goes through a pipe by reference, so that only the
 * file system copies it; what the parasite can't read (PROT_NONE) is read
 * through /proc/PID/mem. When it returns 0 all bytes are in @out_fd.
 * -EFAULT: a page is not mapped at all.
 */
int parasite_pages(struct parasite *p, const struct iovec *iov, size_t n, int out_fd);

/* Where its memory begins: a mapping that the task never asked for. */
uint64_t parasite_area(const struct parasite *p);

/* A descriptor of /proc/PID/mem, open for reading and writing, owned by @p. */
int parasite_mem_fd(const struct parasite *p);

/*
 * Memory of the task at @addr was read into @buf: takes out what is ours in it
 * (the pad, in the zero bytes behind the vdso).
 */
void parasite_scrub(const struct parasite *p, uint64_t addr, void *buf, size_t len);

#endif
