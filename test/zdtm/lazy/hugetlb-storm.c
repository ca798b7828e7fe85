// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that do at random to missing huge pages what can be done to them: read, write,
 * give up, move, protect, unmap and map anew, fork a child that looks at all. Each thread
 * has its own pages, and knows what each must hold; events of all come from one
 * userfaultfd.
 *
 *	places of a thread	|p0|p1|p2|p3|p4|..|	..: taken, free to move to
 */
#include <linux/mman.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/hugetlb.h"
#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

#define N_THREADS 4
#define N 5
#define ROUNDS 80
/* Each thread may have a child that needs as many again. */
#define PAGES (2 * N_THREADS * N)
#define FLAGS (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB)

struct huge_page {
	char *at;
	const char *home;		/* of its pattern */
	unsigned int version;		/* 0: zero */
};

struct worker {
	struct huge_page pages[N];
	char *vacant;
	unsigned int seed;
	struct zdtm_gate *gate;
	pthread_t thread;
};

struct state {
	struct worker workers[N_THREADS];
	struct zdtm_gate gate;
	bool spoilt;
};

static const char *unsupported(void)
{
	return hugetlb_missing(PAGES);
}

static void check_small(const struct huge_page *p, size_t offset)
{
	if (p->version)
		pattern_check(p->at + offset, PAGE, pattern_seed(p->home + offset, p->version));
	else
		pattern_check_zero(p->at + offset, PAGE);
}

static void look(struct worker *w, struct huge_page *p)
{
	for (int i = 0; i < 8; i++)
		check_small(p, rand_r(&w->seed) % (HUGE_PAGE / PAGE) * PAGE);
}

static void look_at_all(const struct huge_page *p)
{
	for (size_t at = 0; at < HUGE_PAGE; at += PAGE)
		check_small(p, at);
}

static void write_all(struct worker *w, struct huge_page *p)
{
	p->version++;
	for (size_t at = 0; at < HUGE_PAGE; at += PAGE)
		pattern_fill(p->at + at, PAGE, pattern_seed(p->home + at, p->version));
}

static void give_up(struct worker *w, struct huge_page *p)
{
	MUST(madvise(p->at, HUGE_PAGE, MADV_DONTNEED));
	p->version = 0;
}

static void take(char *at)
{
	MUST(mmap(at, HUGE_PAGE, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
}

static void move(struct worker *w, struct huge_page *p)
{
	char *from = p->at;

	p->at = MUST(mremap(from, HUGE_PAGE, HUGE_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			    w->vacant));
	take(from);
	w->vacant = from;
}

static void protect(struct worker *w, struct huge_page *p)
{
	MUST(mprotect(p->at, HUGE_PAGE, PROT_READ));
	look(w, p);
	MUST(mprotect(p->at, HUGE_PAGE, PROT_READ | PROT_WRITE));
}

static void map_anew(struct worker *w, struct huge_page *p)
{
	MUST(munmap(p->at, HUGE_PAGE));
	MUST(mmap(p->at, HUGE_PAGE, PROT_READ | PROT_WRITE, FLAGS | MAP_FIXED_NOREPLACE, -1, 0));
	p->version = 0;
}

static void fork_one(struct worker *w, struct huge_page *p)
{
	pid_t pid = MUST(fork());

	if (!pid) {
		for (int i = 0; i < N; i++)
			look_at_all(&w->pages[i]);
		_exit(0);
	}
	write_all(w, p);
	zdtm_join(pid);
}

static void (*const op_table[])(struct worker *w, struct huge_page *p) = {
	fork_one, give_up, look, look, map_anew, move, move, protect, write_all,
};

static void *worker(void *arg)
{
	struct worker *w = arg;

	zdtm_gate_arrive(w->gate);
	for (int i = 0; i < ROUNDS; i++) {
		struct huge_page *p = &w->pages[rand_r(&w->seed) % N];

		op_table[rand_r(&w->seed) % (sizeof(op_table) / sizeof(*op_table))](w, p);
	}
	return NULL;
}

static void make_places(struct worker *w)
{
	char *room = MUST(mmap(NULL, (N + 2) * HUGE_PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	char *at = (char *)(((uintptr_t)room + HUGE_PAGE - 1) & -HUGE_PAGE);

	for (int i = 0; i < N; i++, at += HUGE_PAGE) {
		MUST(mmap(at, HUGE_PAGE, PROT_READ | PROT_WRITE, FLAGS | MAP_FIXED, -1, 0));
		w->pages[i] = (struct huge_page){ .at = at, .home = at };
		write_all(w, &w->pages[i]);
	}
	w->vacant = at;
	take(at);
}

static void setup(void *arg)
{
	struct state *s = arg;

	hugetlb_allow(PAGES);
	for (unsigned int i = 0; i < N_THREADS; i++) {
		struct worker *w = &s->workers[i];

		make_places(w);
		w->gate = &s->gate;
		w->seed = i + 1;
	}
	for (unsigned int i = 0; i < N_THREADS; i++)
		s->workers[i].thread = zdtm_thread(worker, &s->workers[i]);
	zdtm_gate_await(&s->gate, N_THREADS);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	s->spoilt = true;
}

static void check(void *arg)
{
	struct state *s = arg;

	zdtm_gate_open(&s->gate);
	for (unsigned int i = 0; i < N_THREADS; i++)
		MUST_ZERO(pthread_join(s->workers[i].thread, NULL));
	hugetlb_disallow(PAGES);
	/* As if an old page had been delivered late. */
	if (s->spoilt)
		pages_fill(s->workers[1].pages[1].at, PAGE, UINT32_MAX);
	for (unsigned int i = 0; i < N_THREADS; i++)
		for (int k = 0; k < N; k++)
			look_at_all(&s->workers[i].pages[k]);
}

const struct zdtm_test zdtm_test = {
	.about = "four threads do everything to missing huge pages",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
