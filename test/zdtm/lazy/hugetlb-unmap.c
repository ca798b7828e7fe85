// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls that would unmap missing memory, and are refused since they end inside a
 * huge page: that is noticed when the server has been told of the first part. What is
 * there stays there.
 *
 *	|pppppppppppppppp|   huge page   |
 *		  [   refused   )
 */
#include <errno.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/pattern.h"
#include "lib/zdtm.h"

#define N 4
/* Some of it is still missing when the calls are made. */
#define SMALL (4 * HUGE_PAGE)
#define LEN (SMALL + PAGE)

struct state {
	/* Before each huge page: the last SMALL bytes of ordinary memory. */
	char *small[N];
	char *scratch;
};

static const char *unsupported(void)
{
	return hugetlb_missing(N);
}

static void map_pair(struct state *s, int i)
{
	char *room = MUST(mmap(NULL, SMALL + 2 * HUGE_PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	char *huge = (char *)(((uintptr_t)room + SMALL + HUGE_PAGE - 1) & -HUGE_PAGE);

	MUST(mmap(huge, HUGE_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0));
	pages_fill(huge, HUGE_PAGE, 1);
	s->small[i] = MUST(mmap(huge - SMALL, SMALL, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	pages_fill(s->small[i], SMALL, 1);
}

static void setup(void *arg)
{
	struct state *s = arg;

	hugetlb_allow(N);
	for (int i = 0; i < N; i++)
		map_pair(s, i);
	s->scratch = map_anon(LEN, MAP_PRIVATE);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	pattern_fill(s->small[1] + PAGE, PAGE, 0);
}

static bool refused(const struct state *s, int i)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
	char *at = s->small[i];

	switch (i) {
	case 0:
		return munmap(at, LEN) < 0;
	case 1:
		return mmap(at, LEN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		       MAP_FAILED;
	case 2:
		return mremap(at, LEN, PAGE, MREMAP_MAYMOVE) == MAP_FAILED;
	default:
		return mremap(s->scratch, LEN, LEN, flags, at) == MAP_FAILED;
	}
}

static void check(void *arg)
{
	struct state *s = arg;

	hugetlb_disallow(N);
	for (int i = 0; i < N; i++) {
		CHECK(refused(s, i), "call %d was not refused", i);
		CHECK(errno == EINVAL, "call %d: errno %d", i, errno);
	}
	for (int i = 0; i < N; i++) {
		pages_check(s->small[i], SMALL, 1);
		pages_check(s->small[i] + SMALL, HUGE_PAGE, 1);
	}
}

const struct zdtm_test zdtm_test = {
	.about = "unmapping that is refused takes no missing memory away",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
