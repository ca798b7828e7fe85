// SPDX-License-Identifier: GPL-2.0-only
/*
 * FPU and SIMD state.
 *
 *	0	FXSAVE: x87, MXCSR, XMM		of it 464..511 for software
 *	512	XSAVE header: XSTATE_BV, the components that are not initial
 *	576..	components, each at the offset that CPUID leaf 0xd says
 *
 * The image knows each component by name, so that processors with other
 * offsets understand it. One that is in use and has no place here is refused:
 * a thread that lost the upper halves of its registers computes nonsense.
 *
 * Every CPUID instruction can cost a virtual machine 100 us: the C library has
 * asked some already, and the rest is asked once.
 */
#include "inject/arch/x86_64/xstate.h"

#include <cpuid.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/platform/x86.h>

#include "util/arena.h"
#include "util/log.h"
#include "util/macro.h"

#define ST_WORDS 32
#define XMM_WORDS 64

/* The FXSAVE image (Intel SDM volume 1, section 10.5), and what Linux keeps in its tail. */
struct fxsave {
	uint16_t cwd, swd, twd, fop;
	uint64_t rip, rdp;
	uint32_t mxcsr, mxcsr_mask;
	uint32_t st[ST_WORDS];
	uint32_t xmm[XMM_WORDS];
	uint32_t unused[12];
	/* In a signal frame (asm/sigcontext.h: struct _fpx_sw_bytes). */
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size;
	uint32_t pad[7];
	/* The XSAVE header. */
	uint64_t xstate_bv, xcomp_bv;
	uint64_t reserved[6];
};

_Static_assert(offsetof(struct fxsave, magic1) == 464, "software bytes of FXSAVE");
_Static_assert(offsetof(struct fxsave, xstate_bv) == XSTATE_LEGACY_SIZE, "XSAVE header");
_Static_assert(sizeof(struct fxsave) == XSTATE_MIN_SIZE, "XSAVE header");

/* Around the state in a signal frame: the kernel looks for both. */
#define MAGIC1 0x46505853u
#define MAGIC2 0x46505845u

/* x87 and SSE stand in the FXSAVE part. */
#define XFEATURE_LEGACY 3ULL

/* Which array of the message holds a component: its count and pointer there. */
struct component {
	int bit;			/* in XSTATE_BV, and leaf of CPUID */
	const char *name;
	size_t words, word_size;
	size_t count_at, array_at;
};

#define ARRAY(field, n) (n), sizeof(*((UserX86XsaveEntry *)0)->field),		\
	offsetof(UserX86XsaveEntry, n_##field), offsetof(UserX86XsaveEntry, field)

static const struct component component_table[] = {
	{ 2, "AVX (upper halves of YMM)", ARRAY(ymmh_space, 64) },
	{ 3, "MPX bounds", ARRAY(bndreg_state, 8) },
	{ 4, "MPX status", ARRAY(bndcsr_state, 8) },
	{ 5, "AVX-512 masks", ARRAY(opmask_reg, 8) },
	{ 6, "AVX-512 (upper halves of ZMM0-15)", ARRAY(zmm_upper, 64) },
	{ 7, "AVX-512 (ZMM16-31)", ARRAY(hi16_zmm, 128) },
	{ 9, "protection keys", ARRAY(pkru, 2) },
};

static size_t component_size(const struct component *c)
{
	return c->words * c->word_size;
}

static const struct component *find_component(int bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(component_table); i++)
		if (component_table[i].bit == bit)
			return &component_table[i];
	return NULL;
}

static size_t *count_of(const struct component *c, const UserX86XsaveEntry *x)
{
	return (size_t *)((char *)x + c->count_at);
}

static void **array_of(const struct component *c, const UserX86XsaveEntry *x)
{
	return (void **)((char *)x + c->array_at);
}

static uint64_t read_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* One that has another size than we know stays without an offset. */
static void probe_component(const struct component *c, struct xstate_layout *layout)
{
	uint32_t size, offset, ecx, edx;

	__cpuid_count(0xd, c->bit, size, offset, ecx, edx);
	if (size == component_size(c) && offset >= XSTATE_MIN_SIZE &&
	    offset + size <= XSTATE_ROOM - sizeof(uint32_t))
		layout->offset[c->bit] = offset;
}

void xstate_layout_probe(struct xstate_layout *layout)
{
	*layout = (struct xstate_layout){};
	if (!CPU_FEATURE_PRESENT(OSXSAVE))
		return;
	layout->features = read_xcr0();
	for (size_t i = 0; i < ARRAY_SIZE(component_table); i++)
		if (layout->features >> component_table[i].bit & 1)
			probe_component(&component_table[i], layout);
}

static void read_legacy(struct arena *arena, const struct fxsave *fx, UserX86FpregsEntry *fp)
{
	fp->cwd = fx->cwd;
	fp->swd = fx->swd;
	fp->twd = fx->twd;
	fp->fop = fx->fop;
	fp->rip = fx->rip;
	fp->rdp = fx->rdp;
	fp->mxcsr = fx->mxcsr;
	fp->mxcsr_mask = fx->mxcsr_mask;
	fp->n_st_space = ST_WORDS;
	fp->st_space = arena_memdup(arena, fx->st, sizeof(fx->st));
	fp->n_xmm_space = XMM_WORDS;
	fp->xmm_space = arena_memdup(arena, fx->xmm, sizeof(fx->xmm));
}

/* Every component that the processor has gets its array; one that is not in use is zero. */
static int read_component(struct arena *arena, size_t offset, int tid, const struct component *c,
			  const void *area, size_t len, UserX86XsaveEntry *x)
{
	bool in_use = x->xstate_bv >> c->bit & 1;
	size_t size = component_size(c);

	if (!offset || offset + size > len) {
		if (!in_use)
			return 0;
		return log_errno(-ENOTSUP, "thread %d: %s: this processor keeps them in a form "
				 "that is not known", tid, c->name);
	}
	*count_of(c, x) = c->words;
	*array_of(c, x) = in_use ? arena_memdup(arena, (const char *)area + offset, size) :
			  arena_alloc(arena, size);
	return 0;
}

static int read_extended(struct arena *arena, const struct xstate_layout *layout, int tid,
			 const struct fxsave *fx, size_t len, UserX86XsaveEntry *x)
{
	x->xstate_bv = fx->xstate_bv;
	for (int bit = 0; bit < 64; bit++) {
		const struct component *c = find_component(bit);
		int r;

		if (XFEATURE_LEGACY >> bit & 1 || !((layout->features | x->xstate_bv) >> bit & 1))
			continue;
		if (!c && x->xstate_bv >> bit & 1)
			return log_errno(-ENOTSUP, "thread %d: processor state component %d is in "
					 "use: not covered", tid, bit);
		r = c ? read_component(arena, layout->offset[bit], tid, c, fx, len, x) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int xstate_read(struct arena *arena, const struct xstate_layout *layout, int tid,
		const void *area, size_t len, UserX86FpregsEntry **out)
{
	UserX86FpregsEntry *fp = arena_message(arena, UserX86FpregsEntry,
					       user_x86_fpregs_entry__init);

	*out = fp;
	if (len < XSTATE_LEGACY_SIZE)
		return log_errno(-EINVAL, "thread %d: its FPU state has only %zu bytes", tid, len);
	read_legacy(arena, area, fp);
	if (len < XSTATE_MIN_SIZE)
		return 0;
	fp->xsave = arena_message(arena, UserX86XsaveEntry, user_x86_xsave_entry__init);
	return read_extended(arena, layout, tid, area, len, fp->xsave);
}

/* A reserved bit of MXCSR would make the processor fault on loading it. */
static uint32_t host_mxcsr_mask(void)
{
	struct fxsave fx __attribute__((aligned(64))) = {};

	__asm__ volatile("fxsave %0" : "=m"(*(char(*)[XSTATE_LEGACY_SIZE])&fx));
	return fx.mxcsr_mask ? fx.mxcsr_mask : 0xffbf;
}

static int check_component(const struct xstate_layout *layout, int tid,
			   const UserX86XsaveEntry *x, int bit)
{
	const struct component *c = find_component(bit);

	if (!c)
		return log_errno(-ENOTSUP, "core-%d: processor state component %d is not known",
				 tid, bit);
	if (*count_of(c, x) < c->words)
		return log_errno(-EINVAL, "core-%d: %s: %zu of %zu words", tid, c->name,
				 *count_of(c, x), c->words);
	if (!layout->offset[bit])
		return log_errno(-ENOTSUP, "core-%d: %s are in use: this processor has none: "
				 "restore on one that has them", tid, c->name);
	return 0;
}

int xstate_check(const struct xstate_layout *layout, int tid, const UserX86FpregsEntry *fp)
{
	if (fp->n_st_space < ST_WORDS || fp->n_xmm_space < XMM_WORDS)
		return log_errno(-EINVAL, "core-%d: x87 or XMM registers are missing", tid);
	if (fp->cwd > UINT16_MAX || fp->swd > UINT16_MAX || fp->twd > UINT8_MAX ||
	    fp->fop > UINT16_MAX)
		return log_errno(-EINVAL, "core-%d: x87 control words are out of range", tid);
	if (fp->mxcsr & ~host_mxcsr_mask())
		return log_errno(-ENOTSUP, "core-%d: this processor does not take mxcsr %#x", tid,
				 fp->mxcsr);
	if (!fp->xsave)
		return 0;
	if (fp->xsave->cet && fp->xsave->cet->cet)
		return log_errno(-ENOTSUP, "core-%d: the thread has a shadow stack: not covered",
				 tid);
	for (int bit = 0; bit < 64; bit++) {
		int r;

		if (XFEATURE_LEGACY >> bit & 1 || !(fp->xsave->xstate_bv >> bit & 1))
			continue;
		r = check_component(layout, tid, fp->xsave, bit);
		if (r < 0)
			return r;
	}
	return 0;
}

static void write_legacy(const UserX86FpregsEntry *fp, struct fxsave *fx)
{
	fx->cwd = fp->cwd;
	fx->swd = fp->swd;
	fx->twd = fp->twd;
	fx->fop = fp->fop;
	fx->rip = fp->rip;
	fx->rdp = fp->rdp;
	fx->mxcsr = fp->mxcsr;
	fx->mxcsr_mask = fp->mxcsr_mask;
	memcpy(fx->st, fp->st_space, sizeof(fx->st));
	memcpy(fx->xmm, fp->xmm_space, sizeof(fx->xmm));
}

/* Returns the end of what was written. What is not in use stays zero: initial. */
static size_t write_components(const struct xstate_layout *layout, const UserX86XsaveEntry *x,
			       struct fxsave *fx)
{
	size_t end = XSTATE_MIN_SIZE;

	fx->xstate_bv = x->xstate_bv;
	for (size_t i = 0; i < ARRAY_SIZE(component_table); i++) {
		const struct component *c = &component_table[i];
		size_t offset = layout->offset[c->bit];

		if (!(x->xstate_bv >> c->bit & 1))
			continue;
		memcpy((char *)fx + offset, *array_of(c, x), component_size(c));
		end = MAX(end, offset + component_size(c));
	}
	return end;
}

static uint64_t known_features(const struct xstate_layout *layout)
{
	uint64_t known = 0;

	for (int bit = 0; bit < XSTATE_COMPONENTS; bit++)
		if (layout->offset[bit])
			known |= 1ULL << bit;
	return known;
}

size_t xstate_write(const struct xstate_layout *layout, const UserX86FpregsEntry *fp,
		    void *area)
{
	struct fxsave *fx = area;
	size_t end = XSTATE_MIN_SIZE;
	const uint32_t magic2 = MAGIC2;

	write_legacy(fp, fx);
	if (!layout->features)
		return XSTATE_LEGACY_SIZE;
	if (fp->xsave)
		end = write_components(layout, fp->xsave, fx);
	else
		fx->xstate_bv = XFEATURE_LEGACY;
	fx->magic1 = MAGIC1;
	fx->extended_size = end + sizeof(magic2);
	/* What is not in use becomes what the processor calls initial, not what the kernel does. */
	fx->xfeatures = XFEATURE_LEGACY | known_features(layout);
	fx->xstate_size = end;
	memcpy((char *)area + end, &magic2, sizeof(magic2));
	return end + sizeof(magic2);
}
