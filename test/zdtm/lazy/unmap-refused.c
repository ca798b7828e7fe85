// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls that would unmap missing memory, and are refused since the last page of
 * their range is sealed (mseal): that is noticed when the server has been told of all of
 * it. What is there stays there, and can be unmapped or grow in place afterwards.
 *
 *	|pppppppppppppppp|s|	p: missing, s: sealed
 *		|refused   |
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define N 4
#define SIZE (8 * MIB)
/* All but the first page, and the sealed one. */
#define LEN SIZE

struct state {
	char *maps[N];
	char *shared;
	char *scratch;
};

static const char *unsupported(void)
{
	return syscall(SYS_mseal, 0, 0, 0) ? "the kernel has no mseal() (Linux 6.10)" : NULL;
}

static char *map_sealed(int flags)
{
	char *map = map_anon(SIZE + PAGE, flags);

	pages_fill(map, SIZE, 1);
	MUST(syscall(SYS_mseal, map + SIZE, PAGE, 0));
	return map;
}

static void setup(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N; i++)
		s->maps[i] = map_sealed(MAP_PRIVATE);
	s->shared = map_sealed(MAP_SHARED);
	s->scratch = map_anon(LEN, MAP_PRIVATE);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pattern_fill(s->maps[1] + 7 * PAGE, PAGE, 0);
}

static bool refused(const struct state *s, int i)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	char *at = s->maps[i] + PAGE;

	switch (i) {
	case 0:
		return munmap(at, LEN) < 0;
	case 1:
		return mmap(at, LEN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		       MAP_FAILED;
	case 2:
		return mremap(s->scratch, LEN, LEN, flags, at) == MAP_FAILED;
	default:
		/* From its very beginning. */
		return munmap(s->maps[i], SIZE + PAGE) < 0;
	}
}

/* The end of it goes, and comes back by growing: there it is new. */
static void shrink_and_grow(char *map)
{
	MUST(munmap(map + SIZE / 2, SIZE / 2));
	MUST(mremap(map + PAGE, SIZE / 2 - PAGE, SIZE - PAGE, 0));
	pages_check(map, SIZE / 2, 1);
	pattern_check_zero(map + SIZE / 2, SIZE / 2);
}

static void check(void *arg)
{
	struct state *s = arg;

	for (int i = 0; i < N; i++) {
		CHECK(refused(s, i), "call %d was not refused", i);
		CHECK(errno == EPERM, "call %d: errno %d", i, errno);
	}
	CHECK(munmap(s->shared + PAGE, LEN) < 0 && errno == EPERM, "errno %d", errno);
	shrink_and_grow(s->maps[0]);
	for (int i = 1; i < N; i++)
		pages_check(s->maps[i], SIZE, 1);
	pages_check(s->shared, SIZE, 1);
}

const struct zdtm_test zdtm_test = {
	.about = "unmapping that a seal refuses takes no missing memory away",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
