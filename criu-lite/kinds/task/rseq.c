// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restartable sequences (rseq(2)): the area in a thread's memory where the
 * kernel keeps the number of its processor, and where the thread says which
 * critical section it is in. Saved is the registration; the area itself is
 * memory like any other.
 *
 *	area + 8 ->  section: start, length, abort
 *
 * A thread that was stopped inside a section must not go on there: its
 * processor has changed. The kernel would send it to the abort handler on its
 * way out, but only with the section's registration still in force, which a
 * restore ends. So the saved instruction pointer is moved to the handler at
 * dump. This comes after the registers in the table. The victim itself is left
 * alone: if it goes on, the kernel does the same to it.
 *
 * Refused are registrations and sections with flags. They ask not to restart on
 * some events, which the kernel stopped to support in 6.1.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/kind.h"
#include "core/restore.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "kinds/task/kinds.h"
#include "util/arena.h"
#include "util/io.h"
#include "util/log.h"

/* As linux/rseq.h has them, which is older than some of its members on some systems. */
#define AREA_ALIGN 32
#define AREA_MIN 32
#define AREA_MAX 4096
#define AREA_CS_OFFSET 8

struct section {
	uint32_t version, flags;
	uint64_t start_ip, post_commit_offset, abort_ip;
};

static int read_memory(const struct task *t, uint64_t addr, void *buf, size_t len)
{
	ssize_t n = pread_all(parasite_mem_fd(t->dump->parasite), buf, len, addr);

	if (n < 0)
		return n;
	return (size_t)n == len ? 0 : -EFAULT;
}

static int leave_section(const struct task *t, const struct thread *th)
{
	const struct tracee_rseq *rseq = &th->dump->tracee->rseq;
	UserX86RegsEntry *regs = th->core->thread_info->gpregs;
	struct section section;
	uint64_t at;
	int r = read_memory(t, rseq->addr + AREA_CS_OFFSET, &at, sizeof(at));

	if (r < 0)
		return log_errno(r, "pid %d: thread %d: cannot read its rseq area at %#lx", t->pid,
				 th->tid, (unsigned long)rseq->addr);
	if (!at)
		return 0;
	/* The kernel would end the thread for a pointer to nowhere; that is not for us to do. */
	r = read_memory(t, at, &section, sizeof(section));
	if (r < 0)
		return log_errno(r, "pid %d: thread %d: cannot read its rseq section at %#lx",
				 t->pid, th->tid, (unsigned long)at);
	if (regs->ip - section.start_ip >= section.post_commit_offset)
		return 0;
	if (section.version || section.flags)
		return log_errno(-ENOTSUP, "pid %d: thread %d is in an rseq section with version "
				 "%u and flags %#x: not covered", t->pid, th->tid, section.version,
				 section.flags);
	log_debug("pid %d: thread %d is in an rseq section: goes on at its abort handler %#lx",
		  t->pid, th->tid, (unsigned long)section.abort_ip);
	regs->ip = section.abort_ip;
	return 0;
}

static int rseq_dump_thread(struct dump *d, struct task *t, struct thread *th)
{
	const struct tracee_rseq *rseq;
	RseqEntry *entry;

	if (!thread_runs(t, th) || !th->dump->tracee->rseq.addr)
		return 0;
	assert(th->core->thread_info);
	rseq = &th->dump->tracee->rseq;
	if (rseq->flags)
		return log_errno(-ENOTSUP, "pid %d: thread %d: its rseq registration has flags "
				 "%#x: not covered", t->pid, th->tid, rseq->flags);
	entry = arena_message(d->arena, RseqEntry, rseq_entry__init);
	entry->rseq_abi_pointer = rseq->addr;
	entry->rseq_abi_size = rseq->len;
	entry->signature = rseq->signature;
	th->core->thread_core->rseq_entry = entry;
	return leave_section(t, th);
}

static int check_entry(int tid, const RseqEntry *entry)
{
	if (!entry || !entry->rseq_abi_pointer)
		return 0;
	if (entry->rseq_abi_pointer % AREA_ALIGN || entry->rseq_abi_size < AREA_MIN ||
	    entry->rseq_abi_size > AREA_MAX)
		return log_errno(-EINVAL, "core-%d: an rseq area of %u bytes at %#lx", tid,
				 entry->rseq_abi_size, (unsigned long)entry->rseq_abi_pointer);
	if (entry->has_rseq_cs_pointer && entry->rseq_cs_pointer)
		return log_errno(-ENOTSUP, "core-%d: it is in an rseq section that signals don't "
				 "restart: not covered", tid);
	return 0;
}

static int rseq_check(struct restore *r, struct task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct thread *th = &t->threads[i];
		int ret = check_entry(th->tid, th->core->thread_core->rseq_entry);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int rseq_plan_thread(struct restore *r, struct task *t, struct thread *th,
			    struct restorer_thread *args)
{
	const RseqEntry *entry = th->core->thread_core->rseq_entry;

	if (!entry)
		return 0;
	args->rseq_addr = entry->rseq_abi_pointer;
	args->rseq_len = entry->rseq_abi_size;
	args->rseq_sig = entry->signature;
	return 0;
}

const struct task_kind task_rseq_kind = {
	.name = "restartable sequences",
	.test = "task/rseq-critical",
	.dump_thread = rseq_dump_thread,
	.check = rseq_check,
	.plan_thread = rseq_plan_thread,
};
