// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs of seccomp(2), in the classic BPF that they are written in.
 *
 * Jumps go forward only, so that one pass in the order of instructions meets
 * each after all that lead to it. Judging a call carries what is known of the
 * registers along: where two ways meet, what differs between them becomes
 * unknown, and a jump on something unknown goes both ways. So the answer
 * covers every call that the known part of @call could become; it may be worse
 * than what the kernel would say, never better.
 */
#include "sys/seccomp_filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/macro.h"

/* Restart codes from here on mean something to the kernel. */
#define ERRNO_END 512
#define DATA_SIZE sizeof(struct seccomp_data)

/* What may stand in a program, apart from BPF_SRC in jumps and arithmetics. */
static const uint16_t code_table[] = {
	BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_W | BPF_LEN, BPF_LD | BPF_IMM, BPF_LD | BPF_MEM,
	BPF_LDX | BPF_W | BPF_LEN, BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM,
	BPF_ST, BPF_STX,
	BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA,
	BPF_RET | BPF_K, BPF_RET | BPF_A,
	BPF_ALU | BPF_NEG,
	BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_ADD | BPF_X,
	BPF_ALU | BPF_SUB | BPF_K, BPF_ALU | BPF_SUB | BPF_X,
	BPF_ALU | BPF_MUL | BPF_K, BPF_ALU | BPF_MUL | BPF_X,
	BPF_ALU | BPF_DIV | BPF_K, BPF_ALU | BPF_DIV | BPF_X,
	BPF_ALU | BPF_AND | BPF_K, BPF_ALU | BPF_AND | BPF_X,
	BPF_ALU | BPF_OR | BPF_K, BPF_ALU | BPF_OR | BPF_X,
	BPF_ALU | BPF_XOR | BPF_K, BPF_ALU | BPF_XOR | BPF_X,
	BPF_ALU | BPF_LSH | BPF_K, BPF_ALU | BPF_LSH | BPF_X,
	BPF_ALU | BPF_RSH | BPF_K, BPF_ALU | BPF_RSH | BPF_X,
	BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JEQ | BPF_X,
	BPF_JMP | BPF_JGT | BPF_K, BPF_JMP | BPF_JGT | BPF_X,
	BPF_JMP | BPF_JGE | BPF_K, BPF_JMP | BPF_JGE | BPF_X,
	BPF_JMP | BPF_JSET | BPF_K, BPF_JMP | BPF_JSET | BPF_X,
};

static bool is_code(uint16_t code)
{
	for (size_t i = 0; i < ARRAY_SIZE(code_table); i++)
		if (code_table[i] == code)
			return true;
	return false;
}

static bool is_jump(const struct sock_filter *f)
{
	return BPF_CLASS(f->code) == BPF_JMP;
}

static bool is_ja(const struct sock_filter *f)
{
	return f->code == (BPF_JMP | BPF_JA);
}

static bool is_return(const struct sock_filter *f)
{
	return BPF_CLASS(f->code) == BPF_RET;
}

static bool reads_memory(const struct sock_filter *f)
{
	return f->code == (BPF_LD | BPF_MEM) || f->code == (BPF_LDX | BPF_MEM);
}

static bool writes_memory(const struct sock_filter *f)
{
	return f->code == BPF_ST || f->code == BPF_STX;
}

/* One instruction of the @left that begin with it. */
static bool is_valid(const struct sock_filter *f, size_t left)
{
	if (!is_code(f->code))
		return false;
	if (f->code == (BPF_LD | BPF_W | BPF_ABS))
		return f->k < DATA_SIZE && f->k % sizeof(uint32_t) == 0;
	if (reads_memory(f) || writes_memory(f))
		return f->k < BPF_MEMWORDS;
	if (is_ja(f))
		return f->k < left - 1;
	if (is_jump(f))
		return f->jt + 1U < left && f->jf + 1U < left;
	switch (f->code) {
	case BPF_ALU | BPF_DIV | BPF_K:
		return f->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return f->k < 32;
	}
	return true;
}

/* Finds a word of memory that is read before it was written on every way there. */
static bool memory_is_written(const struct sock_filter *insns, size_t n, size_t *bad)
{
	uint16_t written[SECCOMP_PROGRAM_MAX], now = 0;

	memset(written, 0xff, sizeof(written));
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *f = &insns[i];

		now &= written[i];
		if (writes_memory(f))
			now |= 1U << f->k;
		*bad = i;
		if (reads_memory(f) && !(now >> f->k & 1))
			return false;
		if (is_ja(f)) {
			written[i + 1 + f->k] &= now;
		} else if (is_jump(f)) {
			written[i + 1 + f->jt] &= now;
			written[i + 1 + f->jf] &= now;
		}
		/* Who comes here comes by a jump. */
		if (is_jump(f))
			now = UINT16_MAX;
	}
	return true;
}

int seccomp_program_check(const struct sock_filter *insns, size_t n, size_t *bad)
{
	*bad = 0;
	if (!n || n > SECCOMP_PROGRAM_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		*bad = i;
		if (!is_valid(&insns[i], n - i))
			return -EINVAL;
	}
	if (!is_return(&insns[n - 1]))
		return -EINVAL;
	return memory_is_written(insns, n, bad) ? 0 : -EINVAL;
}

struct value {
	uint32_t bits;
	bool known;
};

/* What is known in front of an instruction. */
struct state {
	bool reached;
	struct value a, x, mem[BPF_MEMWORDS];
};

static struct value known(uint32_t bits)
{
	return (struct value){ bits, true };
}

/* A word of struct seccomp_data, which is little endian here. */
static struct value load(const struct seccomp_call *call, uint32_t offset)
{
	uint32_t arg;

	if (offset == offsetof(struct seccomp_data, nr))
		return known(call->nr);
	if (offset == offsetof(struct seccomp_data, arch))
		return known(AUDIT_ARCH_X86_64);
	if (offset < offsetof(struct seccomp_data, args))
		return (struct value){};
	offset -= offsetof(struct seccomp_data, args);
	arg = offset / sizeof(uint64_t);
	if (!(call->known >> arg & 1))
		return (struct value){};
	return known(offset % sizeof(uint64_t) ? call->args[arg] >> 32 : call->args[arg]);
}

static uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	}
	return -a;
}

static struct value operand(const struct state *s, const struct sock_filter *f)
{
	return BPF_SRC(f->code) == BPF_X ? s->x : known(f->k);
}

/* False: it may divide by zero, which ends the program with the worst action. */
static bool calculate(struct state *s, const struct sock_filter *f)
{
	uint16_t op = BPF_OP(f->code);
	struct value b = op == BPF_NEG ? known(0) : operand(s, f);

	if (op == BPF_DIV && (!b.known || !b.bits))
		return false;
	if (s->a.known && b.known)
		s->a = known(compute(op, s->a.bits, b.bits));
	else if (op == BPF_AND && ((b.known && !b.bits) || (s->a.known && !s->a.bits)))
		s->a = known(0);
	else
		s->a.known = false;
	return true;
}

/* All but jumps and returns. False: see calculate(). */
static bool step(struct state *s, const struct sock_filter *f, const struct seccomp_call *call)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
		s->a = load(call, f->k);
		return true;
	case BPF_LD | BPF_W | BPF_LEN:
		s->a = known(DATA_SIZE);
		return true;
	case BPF_LDX | BPF_W | BPF_LEN:
		s->x = known(DATA_SIZE);
		return true;
	case BPF_LD | BPF_IMM:
		s->a = known(f->k);
		return true;
	case BPF_LDX | BPF_IMM:
		s->x = known(f->k);
		return true;
	case BPF_LD | BPF_MEM:
		s->a = s->mem[f->k];
		return true;
	case BPF_LDX | BPF_MEM:
		s->x = s->mem[f->k];
		return true;
	case BPF_ST:
		s->mem[f->k] = s->a;
		return true;
	case BPF_STX:
		s->mem[f->k] = s->x;
		return true;
	case BPF_MISC | BPF_TAX:
		s->x = s->a;
		return true;
	case BPF_MISC | BPF_TXA:
		s->a = s->x;
		return true;
	}
	return calculate(s, f);
}

static void merge(struct value *to, struct value from)
{
	if (!from.known || from.bits != to->bits)
		to->known = false;
}

/* One more way leads to @to. */
static void join(struct state *to, const struct state *from)
{
	if (!to->reached) {
		*to = *from;
		return;
	}
	merge(&to->a, from->a);
	merge(&to->x, from->x);
	for (int i = 0; i < BPF_MEMWORDS; i++)
		merge(&to->mem[i], from->mem[i]);
}

static bool compare(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	}
	return a & b;
}

/* @at is the state in front of @f; those behind follow it. */
static void jump(struct state *at, const struct sock_filter *f)
{
	struct value b = operand(at, f);
	bool sure = at->a.known && b.known, yes;

	if (is_ja(f)) {
		join(at + 1 + f->k, at);
		return;
	}
	yes = sure && compare(BPF_OP(f->code), at->a.bits, b.bits);
	if (!sure || yes)
		join(at + 1 + f->jt, at);
	if (!sure || !yes)
		join(at + 1 + f->jf, at);
}

static enum seccomp_verdict verdict(struct value action)
{
	if (!action.known)
		return SECCOMP_VERDICT_HARMS;
	switch (action.bits & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return SECCOMP_VERDICT_RUNS;
	case SECCOMP_RET_TRACE:
		/* No tracer of ours wants to hear of it: ENOSYS. */
		return SECCOMP_VERDICT_FAILS;
	case SECCOMP_RET_ERRNO:
		action.bits &= SECCOMP_RET_DATA;
		/* 0 is success without the call. */
		return action.bits && action.bits < ERRNO_END ? SECCOMP_VERDICT_FAILS :
			SECCOMP_VERDICT_HARMS;
	}
	return SECCOMP_VERDICT_HARMS;
}

static struct value returned(const struct state *s, const struct sock_filter *f)
{
	return f->code == (BPF_RET | BPF_A) ? s->a : known(f->k);
}

int seccomp_program_judge(const struct sock_filter *insns, size_t n,
			  const struct seccomp_call *call)
{
	_cleanup_free_ struct state *states = calloc(n, sizeof(*states));
	enum seccomp_verdict worst = SECCOMP_VERDICT_RUNS;

	if (!states)
		return -ENOMEM;
	states[0] = (struct state){ .reached = true, .a = known(0), .x = known(0) };
	for (size_t i = 0; i < n; i++) {
		const struct sock_filter *f = &insns[i];
		struct state *s = &states[i], next;

		if (!s->reached)
			continue;
		if (is_return(f)) {
			worst = MAX(worst, verdict(returned(s, f)));
		} else if (is_jump(f)) {
			jump(s, f);
		} else {
			next = *s;
			if (!step(&next, f, call))
				return SECCOMP_VERDICT_HARMS;
			join(s + 1, &next);
		}
	}
	return worst;
}

bool seccomp_program_returns(const struct sock_filter *insns, size_t n, uint32_t action)
{
	for (size_t i = 0; i < n; i++) {
		if (insns[i].code == (BPF_RET | BPF_A))
			return true;
		if (insns[i].code == (BPF_RET | BPF_K) &&
		    (insns[i].k & SECCOMP_RET_ACTION_FULL) == (action & SECCOMP_RET_ACTION_FULL))
			return true;
	}
	return false;
}
