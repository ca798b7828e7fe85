// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that moved its vdso (with the data pages, as a unit) and put memory of its
 * own where it was: each must come back where it is now, and the clock must tick.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/maps.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define PIECES_MAX 8

struct piece {
	uintptr_t start, end;
};

struct state {
	char *old, *new;
	size_t len;
	int (*clock_gettime)(clockid_t clock, struct timespec *now);
	int64_t before;
};

static size_t find_pieces(struct piece pieces[PIECES_MAX])
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[256];
	size_t n = 0;

	CHECK(file, "cannot open maps");
	while (fgets(line, sizeof(line), file) && n < PIECES_MAX)
		if (strstr(line, "[vvar") || strstr(line, "[vdso]"))
			n += sscanf(line, "%lx-%lx", &pieces[n].start, &pieces[n].end) == 2;
	fclose(file);
	return n;
}

static int64_t now_ms(const struct state *s)
{
	struct timespec now;

	MUST(s->clock_gettime(CLOCK_MONOTONIC, &now));
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static const char *unsupported(void)
{
	return getauxval(AT_SYSINFO_EHDR) ? NULL : "the kernel gives no vdso";
}

static void setup(void *arg)
{
	struct piece pieces[PIECES_MAX];
	struct state *s = arg;
	size_t n = find_pieces(pieces);
	char *function;

	CHECK(n > 0 && n < PIECES_MAX, "%zu pieces of the vdso", n);
	s->old = (char *)pieces[0].start;
	s->len = pieces[n - 1].end - pieces[0].start;
	s->new = map_anon(s->len, MAP_PRIVATE);
	function = dlvsym(dlopen("linux-vdso.so.1", RTLD_NOLOAD | RTLD_NOW),
			  "__vdso_clock_gettime", "LINUX_2.6");
	CHECK(function, "the vdso has no clock");
	/* Data first: the C library may ask for the time at any moment. */
	for (size_t i = 0; i < n; i++)
		MUST(mremap((void *)pieces[i].start, pieces[i].end - pieces[i].start,
			    pieces[i].end - pieces[i].start, MREMAP_MAYMOVE | MREMAP_FIXED,
			    s->new + (pieces[i].start - pieces[0].start)));
	s->clock_gettime = (void *)(s->new + (function - s->old));
	MUST(mmap(s->old, s->len, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	pages_fill(s->old, s->len, 1);
	s->before = now_ms(s);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->old[PAGE]++;
}

static void check(void *arg)
{
	struct state *s = arg;
	struct timespec now;
	int64_t first, vdso, last;

	pages_check(s->old, s->len, 1);
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
	first = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
	vdso = now_ms(s);
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
	last = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
	CHECK(first <= vdso && vdso <= last, "the moved clock says %ld, between %ld and %ld",
	      vdso, first, last);
	CHECK(vdso >= s->before, "the moved clock went back from %ld to %ld", s->before, vdso);
}

const struct zdtm_test zdtm_test = {
	.about = "a vdso that was moved, and memory where it was",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
