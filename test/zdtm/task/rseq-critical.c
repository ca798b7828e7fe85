// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that spends its time inside a restartable sequence. Wherever it is stopped
 * in there, it has to go on at the abort handler: a restore that puts it back into
 * the middle, with nothing to take it out of there, would commit what another
 * processor has long changed.
 */
#include <stddef.h>
#include <sys/rseq.h>
#include <unistd.h>

#include "lib/zdtm.h"

struct counts {
	unsigned long aborts, commits;
};

static struct rseq *area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static const char *unsupported(void)
{
	return __rseq_size ? NULL : "the C library registers no rseq area";
}

/*
 * One sequence: spins on *stop, which only a signal sets. Signals abort, so that the
 * sequence never sees the flag change: if it does, that is a commit.
 */
static void sequence(struct rseq *rseq, struct counts *counts, const volatile sig_atomic_t *stop)
{
	asm volatile goto(".pushsection __rseq_cs, \"aw\"\n\t"
			  ".balign 32\n"
			  "3:\n\t"
			  ".long 0, 0\n\t"
			  ".quad 1f, 2f - 1f, 4f\n\t"
			  ".popsection\n\t"
			  "xorl %%ecx, %%ecx\n\t"
			  "leaq 3b(%%rip), %%rax\n\t"
			  "movq %%rax, %c[cs](%[rseq])\n"
			  "1:\n\t"
			  "pause\n\t"
			  "cmpl $0, (%[stop])\n\t"
			  "jne 2f\n\t"
			  "movl $1, %%ecx\n\t"
			  "jmp 1b\n"
			  "2:\n\t"
			  "addq %%rcx, %c[commits](%[counts])\n\t"
			  "jmp %l[done]\n\t"
			  /* The kernel looks for the signature before the handler. */
			  ".byte 0x0f, 0xb9, 0x3d\n\t"
			  ".long 0x53053053\n"
			  "4:\n\t"
			  "incq %c[aborts](%[counts])\n\t"
			  "jmp %l[done]\n\t"
			  :
			  : [rseq] "r"(rseq), [counts] "r"(counts), [stop] "r"(stop),
			    [cs] "i"(offsetof(struct rseq, rseq_cs)),
			    [aborts] "i"(offsetof(struct counts, aborts)),
			    [commits] "i"(offsetof(struct counts, commits))
			  : "rax", "rcx", "cc", "memory"
			  : done);
done:
	return;
}

static void setup(void *arg)
{
}

static void spin(void *arg, const volatile sig_atomic_t *stop)
{
	struct counts *counts = arg;

	while (!*stop)
		sequence(area(), counts, stop);
}

static void spoil(void *arg)
{
	struct counts *counts = arg;

	counts->commits++;
}

static void check(void *arg)
{
	struct counts *counts = arg;

	CHECK(!counts->commits, "the sequence was not aborted where it was stopped");
	CHECK(counts->aborts, "the sequence was never aborted");
}

const struct zdtm_test zdtm_test = {
	.about = "a task inside a restartable sequence goes on at its abort handler",
	.state_size = sizeof(struct counts),
	.unsupported = unsupported,
	.setup = setup,
	.spin = spin,
	.spoil = spoil,
	.check = check,
};
