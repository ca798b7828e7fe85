// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads change one arena at once, without a lock among them. Whoever takes the events
 * by their numbers afterwards gets exactly the layout that /proc shows, and the contents:
 * of the arena at the end, and of each child at the moment of its fork.
 *
 * Every page has a mark of its own, which moves with it. The one thing that an event
 * does not say is when the pages of a REMOVE go: after it was read, and so perhaps after
 * later changes. What moves into its range, or out of it, in between, may have lost its
 * contents or not; and if the mapping isn't what it was, pages may be left. The thread
 * that removes ends that time by unmapping a page of its own.
 */
#include <stdint.h>

#include "test.h"

#define EVENTS (F_EVENT_FORK | F_EVENT_REMAP | F_EVENT_REMOVE | F_EVENT_UNMAP | F_EVENT_ORDER)

enum { PAGES = 192, MOST = 6, CHANGERS = 3, STEPS = 40, FORKS = 4, MESSAGES = 2000 };

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

/* What a page is, or is thought to be. */
struct page {
	bool mapped;
	bool maybe;	/* the mark may have gone */
	int mark;	/* 0: nothing is there */
};

struct arena {
	int uffd;
	char *start;
	char *own;	/* pages of the remover's, to be unmapped one by one */
	unsigned int seed;
	volatile int running;
	volatile bool failed_to_unmap;
	pid_t child[FORKS];
	int children;
	struct abi_msg told[MESSAGES];	/* by number */
	uint32_t last;
	struct page page[PAGES];
	struct page at_fork[FORKS][PAGES];
	int forks;
	/* Removals that may be under way: of pages that stayed what they were, or not. */
	struct removal {
		int first, end;
		bool disturbed;
	} removal[4 * MOST];
	int removals;
	unsigned int seen[EVENT_UNMAP + 1];
};

static int random_range(unsigned int *seed, int *count)
{
	*count = 1 + rand_r(seed) % MOST;
	return rand_r(seed) % (PAGES - *count);
}

/* --- those who change it --- */

static void move(struct arena *a, unsigned int *seed)
{
	int count, first = random_range(seed, &count), to = rand_r(seed) % (PAGES - count);
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED, after = count;

	if (rand_r(seed) % 5 == 0)
		flags |= 4 /* MREMAP_DONTUNMAP */;
	else if (rand_r(seed) % 4 == 0)
		after = 1 + rand_r(seed) % count;
	/* Many fail: the source has holes, or several mappings, or is the target. */
	mremap(a->start + first * PAGE, count * PAGE, after * PAGE, flags, a->start + to * PAGE);
}

static void unmap(struct arena *a, unsigned int *seed)
{
	int count, first = random_range(seed, &count);

	/* The last page is sealed: what reaches it fails, and nothing is unmapped. */
	if (rand_r(seed) % 2) {
		if (munmap(a->start + (PAGES - 3) * PAGE, 3 * PAGE) < 0)
			a->failed_to_unmap = true;
		return;
	}
	munmap(a->start + first * PAGE, (1 + count / 3) * PAGE);
}

static void *changer(void *arg)
{
	struct arena *a = arg;
	unsigned int seed = __atomic_add_fetch(&a->seed, 1, __ATOMIC_SEQ_CST);
	int i;

	for (i = 0; i < STEPS; i++)
		(rand_r(&seed) % 3 ? move : unmap)(a, &seed);
	__atomic_sub_fetch(&a->running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *remover(void *arg)
{
	struct arena *a = arg;
	unsigned int seed = __atomic_add_fetch(&a->seed, 1, __ATOMIC_SEQ_CST);
	int i, count, first;

	for (i = 0; i < STEPS; i++) {
		first = random_range(&seed, &count);
		madvise(a->start + first * PAGE, count * PAGE, MADV_DONTNEED);
		MUST(munmap(a->own + i * PAGE, PAGE) == 0);
	}
	__atomic_sub_fetch(&a->running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* The children stay as they are. */
static void *forker(void *arg)
{
	struct arena *a = arg;

	for (a->children = 0; a->children < FORKS; a->children++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		MUST(pid > 0);
		a->child[a->children] = pid;
	}
	__atomic_sub_fetch(&a->running, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* --- the reader --- */

static void listen(struct arena *a)
{
	struct abi_msg msg;

	while (uffd_next(a->uffd, &msg) == 0) {
		MUST(msg.order > 0 && msg.order < MESSAGES);
		CHECK(!a->told[msg.order].event);
		a->told[msg.order] = msg;
		if (msg.order > a->last)
			a->last = msg.order;
	}
}

static int page_of(struct arena *a, uint64_t address)
{
	return ((char *)address - a->start) / (long)PAGE;
}

static bool inside(struct arena *a, uint64_t address)
{
	return (char *)address >= a->start && (char *)address < a->start + PAGES * PAGE;
}

/* The page is not what it was: if it was to be emptied, who knows what has been. */
static void disturb(struct arena *a, int page)
{
	int i;

	for (i = 0; i < a->removals; i++) {
		struct removal *r = &a->removal[i];

		if (page < r->first || page >= r->end)
			continue;
		r->disturbed = true;
		a->page[page].maybe = a->page[page].mark;
	}
}

static void play_unmap(struct arena *a, const struct abi_msg *msg)
{
	int i, k;

	if (inside(a, msg->remove.start)) {
		for (i = page_of(a, msg->remove.start); i < page_of(a, msg->remove.end); i++) {
			a->page[i] = (struct page){ 0 };
			disturb(a, i);
		}
		return;
	}
	/* The remover's own: it has come back. */
	for (i = 0; i < a->removals; i++)
		for (k = a->removal[i].first; k < a->removal[i].end; k++)
			if (!a->removal[i].disturbed)
				a->page[k] = (struct page){ .mapped = true };
	a->removals = 0;
}

static void play_remove(struct arena *a, const struct abi_msg *msg)
{
	struct removal r = { page_of(a, msg->remove.start), page_of(a, msg->remove.end), false };
	int i;

	for (i = r.first; i < r.end; i++) {
		CHECK(a->page[i].mapped);
		a->page[i].maybe = a->page[i].mark;
	}
	MUST(a->removals < (int)ARRAY_SIZE(a->removal));
	a->removal[a->removals++] = r;
}

/* The length is the call's; what was cut off from it has an UNMAP with a lower number. */
static void play_remap(struct arena *a, const struct abi_msg *msg)
{
	int from = page_of(a, msg->remap.from), to = page_of(a, msg->remap.to), i;

	CHECK(a->page[from].mapped);
	for (i = 0; i < (int)(msg->remap.len / PAGE) && a->page[from + i].mapped; i++) {
		CHECK(!a->page[to + i].mapped);
		a->page[to + i] = a->page[from + i];
		a->page[from + i] = (struct page){ .mapped = true };
		disturb(a, to + i);
		disturb(a, from + i);
	}
}

static void play_fork(struct arena *a, const struct abi_msg *msg)
{
	MUST(a->forks < FORKS);
	memcpy(a->at_fork[a->forks++], a->page, sizeof(a->page));
}

static void replay(struct arena *a)
{
	uint32_t i;

	for (i = 1; i <= a->last; i++) {
		const struct abi_msg *msg = &a->told[i];

		/* No gap. */
		MUST(msg->event > EVENT_PAGEFAULT && msg->event <= EVENT_UNMAP);
		a->seen[msg->event]++;
		switch (msg->event) {
		case EVENT_FORK:
			play_fork(a, msg);
			break;
		case EVENT_REMAP:
			play_remap(a, msg);
			break;
		case EVENT_REMOVE:
			play_remove(a, msg);
			break;
		case EVENT_UNMAP:
			play_unmap(a, msg);
			break;
		}
	}
}

/* --- what /proc says --- */

static int open_of(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	MUST(fd >= 0);
	return fd;
}

static void look_at_maps(struct arena *a, pid_t pid, struct page *page)
{
	FILE *maps = fdopen(open_of(pid, "maps"), "r");
	unsigned long from, to, i;
	char line[512];

	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2)
			for (i = from; i < to; i += PAGE)
				if (inside(a, i))
					page[page_of(a, i)].mapped = true;
	fclose(maps);
}

static void look_at_contents(struct arena *a, pid_t pid, struct page *page)
{
	int pagemap = open_of(pid, "pagemap"), mem = open_of(pid, "mem"), i;
	uint64_t entry;

	for (i = 0; i < PAGES; i++) {
		uint64_t address = (uint64_t)a->start + i * PAGE;

		MUST(pread(pagemap, &entry, 8, address / PAGE * 8) == 8);
		if (entry >> 62)
			MUST(pread(mem, &page[i].mark, sizeof(int), address) == sizeof(int));
	}
	close(pagemap);
	close(mem);
}

static int compare(struct arena *a, pid_t pid, const struct page *thought)
{
	struct page page[PAGES] = { 0 };
	int i, unsure = 0;

	look_at_maps(a, pid, page);
	look_at_contents(a, pid, page);
	for (i = 0; i < PAGES; i++) {
		EQUAL(page[i].mapped, thought[i].mapped);
		if (page[i].mark || !thought[i].maybe)
			EQUAL(page[i].mark, thought[i].mark);
		unsure += thought[i].maybe;
	}
	return unsure;
}

/* --- */

static void set_up(struct arena *a, unsigned int seed)
{
	int i;

	memset(a, 0, sizeof(*a));
	a->seed = seed;
	a->uffd = uffd_open(EVENTS);
	a->start = map_anon(PAGES);
	a->own = map_anon(STEPS);
	for (i = 0; i < PAGES; i++) {
		a->page[i] = (struct page){ .mapped = true, .mark = i + 1 };
		*(int *)(a->start + i * PAGE) = i + 1;
	}
	MUST(uffd_register(a->uffd, a->start, PAGES * PAGE, MODE_MISSING) == 0);
	MUST(uffd_register(a->uffd, a->own, STEPS * PAGE, MODE_MISSING) == 0);
	if (syscall(SYS_mseal, a->start + (PAGES - 1) * PAGE, PAGE, 0) < 0)
		test_skip("no mseal");
	/* Cuts the mapping where all failing ones will: a cut would end a removal early. */
	MUST(munmap(a->start + (PAGES - 3) * PAGE, 3 * PAGE) < 0);
}

static void play(struct arena *a, unsigned int seed)
{
	pthread_t thread[CHANGERS + 2];
	int i, unsure;

	set_up(a, seed);
	a->running = ARRAY_SIZE(thread);
	thread[0] = thread_start(remover, a);
	for (i = 0; i < CHANGERS; i++)
		thread[1 + i] = thread_start(changer, a);
	/* Last: a fork holds locks of the C library, and waits for us to read. */
	thread[1 + CHANGERS] = thread_start(forker, a);
	while (a->running) {
		wait_readable(a->uffd, 1);
		listen(a);
	}
	for (i = 0; i < (int)ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	listen(a);
	replay(a);
	unsure = compare(a, getpid(), a->page);
	CHECK(unsure < PAGES / 4);
	EQUAL(a->forks, FORKS);
	for (i = 0; i < FORKS; i++) {
		compare(a, a->child[i], a->at_fork[i]);
		kill(a->child[i], SIGKILL);
		child_status(a->child[i]);
	}
	CHECK(a->failed_to_unmap && a->seen[EVENT_REMAP] > 5 && a->seen[EVENT_REMOVE] > 5);
	/* Children have their descriptors: those are closed with the case. */
	close(a->uffd);
}

static void threads_at_once(void)
{
	static struct arena arena;
	unsigned int round;

	for (round = 0; round < 12; round++)
		play(&arena, 1000 * round);
}

static const struct test_case cases[] = {
	{ "a replay by number gives the layout and the contents", threads_at_once,
	  .better = true, .seconds = 60 },
};
TEST_MAIN(cases)
