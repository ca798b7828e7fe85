// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program of seccomp(2), and a call that is judged by it: what a filter could do to a
 * victim must not be underrated. The input is a struct input and instructions.
 *
 * The judge knows only a part of the call. Here all of it is made up, and the program is
 * run as the kernel would: what it says then may be no worse than the verdict. A
 * program that was taken may do nothing out of bounds.
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "sys/seccomp_filter.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

struct input {
	uint32_t nr;
	uint8_t known;
	uint8_t tame;			/* most instructions are such that the kernel takes them */
	uint16_t unused;
	uint64_t ip;
	uint64_t args[6];
};

/* A program at work. */
struct machine {
	struct seccomp_data data;
	uint32_t a, x, mem[BPF_MEMWORDS];
	uint16_t written;
	size_t at;
};

static void demand(bool condition)
{
	if (!condition)
		abort();
}

static uint32_t *word(struct machine *m, uint32_t k, bool write)
{
	demand(k < BPF_MEMWORDS && (write || m->written >> k & 1));
	m->written |= 1U << k;
	return &m->mem[k];
}

static uint32_t loaded(struct machine *m, const struct sock_filter *f)
{
	uint32_t value;

	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		return f->k;
	case BPF_LEN:
		return sizeof(m->data);
	case BPF_MEM:
		return *word(m, f->k, false);
	}
	demand(BPF_MODE(f->code) == BPF_ABS && f->k <= sizeof(m->data) - sizeof(value));
	memcpy(&value, (const char *)&m->data + f->k, sizeof(value));
	return value;
}

/* False: divided by zero. */
static bool calculate(struct machine *m, const struct sock_filter *f)
{
	uint32_t b = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_OP(f->code)) {
	case BPF_ADD: m->a += b; break;
	case BPF_SUB: m->a -= b; break;
	case BPF_MUL: m->a *= b; break;
	case BPF_DIV:
		if (!b)
			return false;
		m->a /= b;
		break;
	case BPF_AND: m->a &= b; break;
	case BPF_OR: m->a |= b; break;
	case BPF_XOR: m->a ^= b; break;
	case BPF_LSH: m->a <<= b & 31; break;
	case BPF_RSH: m->a >>= b & 31; break;
	case BPF_NEG: m->a = -m->a; break;
	default: abort();
	}
	return true;
}

static void jump(struct machine *m, const struct sock_filter *f)
{
	uint32_t b = BPF_SRC(f->code) == BPF_X ? m->x : f->k;
	bool yes = false;

	switch (BPF_OP(f->code)) {
	case BPF_JA:
		m->at += f->k;
		return;
	case BPF_JEQ: yes = m->a == b; break;
	case BPF_JGT: yes = m->a > b; break;
	case BPF_JGE: yes = m->a >= b; break;
	case BPF_JSET: yes = m->a & b; break;
	default: abort();
	}
	m->at += yes ? f->jt : f->jf;
}

/* The action that the program returns. */
static uint32_t run(struct machine *m, const struct sock_filter *insns, size_t n)
{
	for (;;) {
		const struct sock_filter *f;

		demand(m->at < n);
		f = &insns[m->at++];
		switch (BPF_CLASS(f->code)) {
		case BPF_LD: m->a = loaded(m, f); break;
		case BPF_LDX: m->x = loaded(m, f); break;
		case BPF_ST: *word(m, f->k, true) = m->a; break;
		case BPF_STX: *word(m, f->k, true) = m->x; break;
		case BPF_JMP: jump(m, f); break;
		case BPF_RET: return BPF_RVAL(f->code) == BPF_A ? m->a : f->k;
		case BPF_MISC:
			*(BPF_MISCOP(f->code) == BPF_TAX ? &m->x : &m->a) =
				BPF_MISCOP(f->code) == BPF_TAX ? m->a : m->x;
			break;
		case BPF_ALU:
			if (!calculate(m, f))
				return SECCOMP_RET_KILL_THREAD;
		}
	}
}

static enum seccomp_verdict verdict(uint32_t action)
{
	uint32_t err = action & SECCOMP_RET_DATA;

	switch (action & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return SECCOMP_VERDICT_RUNS;
	case SECCOMP_RET_TRACE:
		return SECCOMP_VERDICT_FAILS;
	case SECCOMP_RET_ERRNO:
		return err && err < 512 ? SECCOMP_VERDICT_FAILS : SECCOMP_VERDICT_HARMS;
	}
	return SECCOMP_VERDICT_HARMS;
}

/* Random bytes are hardly ever a program: what can be brought into bounds, is. */
static void tame(struct sock_filter *f, size_t left)
{
	f->code &= 0xff;
	if (f->code == (BPF_LD | BPF_W | BPF_ABS))
		f->k = f->k % sizeof(struct seccomp_data) & ~3U;
	else if (f->code == (BPF_JMP | BPF_JA))
		f->k %= left;
	else if (BPF_CLASS(f->code) <= BPF_STX && BPF_MODE(f->code) != BPF_IMM)
		f->k %= BPF_MEMWORDS;
	f->jt %= left;
	f->jf %= left;
}

static void judge(const struct input *in, const struct sock_filter *insns, size_t n)
{
	struct seccomp_call call = { "call", in->nr, in->known & 0x3f, {} };
	struct machine m = { .data = { .nr = in->nr, .arch = AUDIT_ARCH_X86_64,
				       .instruction_pointer = in->ip } };
	uint32_t action;

	/* What is not known is not looked at. */
	for (int i = 0; i < 6; i++)
		call.args[i] = call.known >> i & 1 ? in->args[i] : ~in->args[i];
	memcpy(m.data.args, in->args, sizeof(in->args));
	action = run(&m, insns, n);
	demand(seccomp_program_judge(insns, n, &call) >= (int)verdict(action));
	/* But for a division by zero, which no instruction stands for. */
	demand(seccomp_program_returns(insns, n, action) || action == SECCOMP_RET_KILL_THREAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sock_filter *insns;
	struct input in;
	size_t n, bad;

	target_silence();
	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	n = (size - sizeof(in)) / sizeof(*insns);
	insns = calloc(n ? n : 1, sizeof(*insns));
	if (!insns)
		abort();
	memcpy(insns, data + sizeof(in), n * sizeof(*insns));
	for (size_t i = 0; in.tame & 1 && i < n; i++)
		tame(&insns[i], n - i);
	if (!seccomp_program_check(insns, n, &bad))
		judge(&in, insns, n);
	else
		demand(bad < MAX(n, 1U));
	free(insns);
	return 0;
}
