// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random changes to armed memory while its pages are missing.
 *
 * A task hands its areas over and then changes them in all the ways that make
 * events: it moves, grows, shrinks, doubles, overwrites, empties and unmaps
 * them, and forks children that do the same and fork in turn, or exec, or are
 * killed in the middle of it. What each page must hold is kept in a model that
 * is no part of the armed memory, and every page is checked in the end, and
 * many before. In some rounds several threads do it at once, each to areas of
 * its own.
 *
 * Threads that move their areas, too, get addresses that another has just left.
 * Which of two changes came first can then be wrong where the kernel tells it in no
 * way (order.h, history.h), so that there it is done on request only.
 *
 * LAZY_TEST_ROUNDS says how many rounds (40 when absent, and on request when
 * not), LAZY_TEST_SEED where to begin.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lazy-pages/test-rig.h"
#include "sys/uffd.h"
#include "util/array.h"
#include "util/macro.h"

#define N_AREAS 8
#define N_PAGES 512
#define N_THREADS 4
#define LOTS_MAX 24
#define CHILDREN_MAX 3
#define DEPTH_MAX 3
/* Added to the tag of a page that MADV_FREE was told of: it may be zero by now. */
#define MAYBE_ZERO (1ULL << 50)
#define LIFE_MAX_US 5000

/* Pages that lie together, in memory of which we know what it holds. */
struct lot {
	char *at;
	size_t n;
	uint64_t tags[2 * N_PAGES];
};

enum fate {
	FATE_ENDS,
	FATE_EXECS,
	FATE_KILLED,
};

struct child {
	pid_t pid;
	enum fate fate;
};

/* What one thread owns, and does to it. */
struct churn {
	struct lot *lots[LOTS_MAX];
	size_t n_lots;
	uint64_t random;
	uint64_t last_tag;
	unsigned int n_ops, depth;
	bool may_move;
	struct child children[CHILDREN_MAX];
	size_t n_children;
};

static uint64_t rnd(struct churn *c, uint64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return (c->random >> 11) % below;
}

static void wrong(const struct churn *c, const struct lot *lot, size_t page, uint64_t tag)
{
	fprintf(stderr, "# %d (depth %u): page %zu of %zu at %p: tag %#llx, not %#llx\n",
		getpid(), c->depth, page, lot->n, lot->at,
		(unsigned long long)tag, (unsigned long long)lot->tags[page]);
	_exit(98);
}

static void check_page(struct churn *c, struct lot *lot, size_t page)
{
	uint64_t tag = rig_page_tag(lot->at + page * PAGE_SIZE), want = lot->tags[page];

	if (tag == want || ((want & MAYBE_ZERO) && (!tag || tag == (want & ~MAYBE_ZERO))))
		return;
	wrong(c, lot, page, tag);
}

static void check_lot(struct churn *c, struct lot *lot)
{
	for (size_t i = 0; i < lot->n; i++)
		check_page(c, lot, i);
}

static struct lot *add_lot(struct churn *c, char *at, size_t n)
{
	struct lot *lot = calloc(1, sizeof(*lot));

	rig_check(lot && c->n_lots < LOTS_MAX, "too many lots");
	lot->at = at;
	lot->n = n;
	c->lots[c->n_lots++] = lot;
	return lot;
}

static void drop_lot(struct churn *c, struct lot *lot)
{
	for (size_t i = 0; i < c->n_lots; i++) {
		if (c->lots[i] != lot)
			continue;
		c->lots[i] = c->lots[--c->n_lots];
		free(lot);
		return;
	}
}

/* A random part of a lot. */
static void pick(struct churn *c, const struct lot *lot, size_t *from, size_t *n)
{
	*from = rnd(c, lot->n);
	*n = 1 + rnd(c, lot->n - *from);
}

static void op_read(struct churn *c, struct lot *lot)
{
	size_t from, n;

	pick(c, lot, &from, &n);
	for (size_t i = 0; i < n && i < 32; i++)
		check_page(c, lot, from + i);
}

static void op_write(struct churn *c, struct lot *lot)
{
	size_t from, n;

	pick(c, lot, &from, &n);
	for (size_t i = 0; i < n && i < 8; i++) {
		lot->tags[from + i] = ++c->last_tag;
		rig_fill_page(lot->at + (from + i) * PAGE_SIZE, c->last_tag);
	}
}

static void op_dontneed(struct churn *c, struct lot *lot)
{
	size_t from, n;

	pick(c, lot, &from, &n);
	rig_check(!madvise(lot->at + from * PAGE_SIZE, n * PAGE_SIZE, MADV_DONTNEED),
		  "MADV_DONTNEED");
	memset(lot->tags + from, 0, n * sizeof(*lot->tags));
}

static void op_free(struct churn *c, struct lot *lot)
{
	size_t from, n;

	pick(c, lot, &from, &n);
	rig_check(!madvise(lot->at + from * PAGE_SIZE, n * PAGE_SIZE, MADV_FREE), "MADV_FREE");
	for (size_t i = from; i < from + n; i++)
		lot->tags[i] |= lot->tags[i] ? MAYBE_ZERO : 0;
}

/* Where several threads grow and move, only the kernel knows what is free. */
static char *move(const struct lot *lot, size_t n, int flags, void *to)
{
	char *at = mremap(lot->at, lot->n * PAGE_SIZE, n * PAGE_SIZE, flags, to);

	/* Parts of a lot may be mappings of their own by now. */
	rig_check(at != MAP_FAILED || errno == EFAULT || errno == EINVAL, "mremap");
	return at == MAP_FAILED ? NULL : at;
}

static void op_grow(struct churn *c, struct lot *lot)
{
	size_t n = lot->n + 1 + rnd(c, 32);
	char *at;

	if (n > ARRAY_SIZE(lot->tags))
		return;
	at = move(lot, n, MREMAP_MAYMOVE, NULL);
	if (!at)
		return;
	memset(lot->tags + lot->n, 0, (n - lot->n) * sizeof(*lot->tags));
	lot->at = at;
	lot->n = n;
}

static void op_shrink(struct churn *c, struct lot *lot)
{
	size_t n = lot->n - rnd(c, lot->n);
	char *at = move(lot, n, 0, NULL);

	if (at)
		lot->n = n;
}

/* The old place stays, empty; then it goes, or is used as what it is. */
static void op_leave(struct churn *c, struct lot *lot)
{
	char *old = lot->at;
	char *at = move(lot, lot->n, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

	if (!at)
		return;
	lot->at = at;
	if (c->n_lots < LOTS_MAX && rnd(c, 2))
		add_lot(c, old, lot->n);
	else
		rig_check(!munmap(old, lot->n * PAGE_SIZE), "munmap of what was left");
}

static bool is_mapped(const char *at)
{
	unsigned char in;

	return !mincore((void *)at, PAGE_SIZE, &in);
}

/* Onto the first pages of another lot, which keeps the rest. */
static void op_onto(struct churn *c, struct lot *lot)
{
	struct lot *other = c->lots[rnd(c, c->n_lots)];
	size_t n = lot->n;
	char *at;

	if (other == lot || other->n < n)
		return;
	at = move(lot, n, MREMAP_MAYMOVE | MREMAP_FIXED, other->at);
	if (at)
		lot->at = at;
	/* Older kernels clear the place before they look at what is to come there. */
	else if (is_mapped(other->at))
		return;
	other->at += n * PAGE_SIZE;
	other->n -= n;
	memmove(other->tags, other->tags + n, other->n * sizeof(*other->tags));
	if (!other->n)
		drop_lot(c, other);
}

/* Moves a part of a lot away: the kernel chooses where. */
static void op_split(struct churn *c, struct lot *lot)
{
	size_t from = rnd(c, lot->n), n = lot->n - from;
	struct lot part = { .at = lot->at + from * PAGE_SIZE, .n = n }, *added;
	char *at;

	if (!from || c->n_lots == LOTS_MAX)
		return;
	at = move(&part, n + 1, MREMAP_MAYMOVE, NULL);
	if (!at)
		return;
	added = add_lot(c, at, n + 1);
	memcpy(added->tags, lot->tags + from, n * sizeof(*lot->tags));
	lot->n = from;
}

static void op_unmap(struct churn *c, struct lot *lot)
{
	size_t from, n, rest;
	struct lot *tail;

	pick(c, lot, &from, &n);
	n = MIN(n, 16ul);
	rest = lot->n - from - n;
	if (rest && c->n_lots == LOTS_MAX)
		return;
	rig_check(!munmap(lot->at + from * PAGE_SIZE, n * PAGE_SIZE), "munmap");
	if (rest) {
		tail = add_lot(c, lot->at + (from + n) * PAGE_SIZE, rest);
		memcpy(tail->tags, lot->tags + from + n, rest * sizeof(*tail->tags));
	}
	lot->n = from;
	if (!from)
		drop_lot(c, lot);
}

/* Makes one mapping several, with nothing moved. */
static void op_protect(struct churn *c, struct lot *lot)
{
	size_t from, n;

	pick(c, lot, &from, &n);
	rig_check(!mprotect(lot->at + from * PAGE_SIZE, n * PAGE_SIZE,
			    PROT_READ | PROT_WRITE | (rnd(c, 2) ? PROT_EXEC : 0)), "mprotect");
}

/* Memory that is not armed, at a place that armed memory may have left. */
static void op_map(struct churn *c, struct lot *lot)
{
	size_t n = 1 + rnd(c, 64);
	char *at = mmap(NULL, n * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	rig_check(at != MAP_FAILED, "mmap");
	for (size_t i = 0; i < n; i++)
		rig_check(!rig_page_tag(at + i * PAGE_SIZE), "new memory is not empty");
	rig_check(!munmap(at, n * PAGE_SIZE), "munmap");
}

static void churn_run(struct churn *c);

static void child_run(struct churn *c, enum fate fate)
{
	/* Whoever is killed leaves nobody behind: what those found out, nobody would hear. */
	c->depth = fate == FATE_ENDS ? c->depth + 1 : DEPTH_MAX;
	c->n_children = 0;
	c->n_ops /= 2;
	c->random += 0x9e3779b97f4a7c15ULL * c->depth;
	if (fate == FATE_EXECS)
		c->n_ops = rnd(c, c->n_ops);
	churn_run(c);
	if (fate == FATE_EXECS)
		execl("/bin/true", "true", NULL);
	_exit(fate == FATE_EXECS ? 96 : 0);
}

static void op_fork(struct churn *c, struct lot *lot)
{
	static const enum fate fates[] = { FATE_ENDS, FATE_ENDS, FATE_EXECS, FATE_KILLED };
	enum fate fate = fates[rnd(c, ARRAY_SIZE(fates))];
	pid_t pid;

	if (c->depth == DEPTH_MAX || c->n_children == CHILDREN_MAX)
		return;
	pid = fork();
	rig_check(pid >= 0, "fork");
	if (!pid)
		child_run(c, fate);
	c->children[c->n_children++] = (struct child){ pid, fate };
	if (fate == FATE_KILLED) {
		usleep(rnd(c, LIFE_MAX_US));
		kill(pid, SIGKILL);
	}
}

static const struct op {
	void (*run)(struct churn *c, struct lot *lot);
	unsigned int weight;
	bool moves;			/* or grows: takes addresses that were free */
} op_table[] = {
	{ op_dontneed, 3 }, { op_fork, 1 }, { op_free, 2 }, { op_grow, 5, true },
	{ op_leave, 4, true }, { op_map, 3 }, { op_onto, 3, true }, { op_protect, 1 },
	{ op_read, 12 }, { op_shrink, 1 }, { op_split, 4, true }, { op_unmap, 2 },
	{ op_write, 6 },
};

static void run_one(struct churn *c)
{
	struct lot *lot = c->lots[rnd(c, c->n_lots)];
	unsigned int total = 0, at;

	for (size_t i = 0; i < ARRAY_SIZE(op_table); i++)
		total += op_table[i].weight;
	at = rnd(c, total);
	for (size_t i = 0; i < ARRAY_SIZE(op_table); i++) {
		if (at < op_table[i].weight) {
			if (c->may_move || !op_table[i].moves)
				op_table[i].run(c, lot);
			return;
		}
		at -= op_table[i].weight;
	}
}

static void churn_run(struct churn *c)
{
	for (unsigned int i = 0; i < c->n_ops && c->n_lots; i++)
		run_one(c);
	for (size_t i = 0; i < c->n_lots; i++)
		check_lot(c, c->lots[i]);
	for (size_t i = 0; i < c->n_children; i++) {
		const struct child *child = &c->children[i];
		int status;

		rig_check(waitpid(child->pid, &status, 0) == child->pid, "waitpid");
		if (child->fate == FATE_KILLED && WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGKILL)
			continue;
		/* It said why. */
		if (status)
			_exit(97);
	}
}

static void *churn_thread(void *arg)
{
	churn_run(arg);
	return NULL;
}

/* Deals the areas out to @n_churns owners. */
static void prepare(struct churn *churns, unsigned int n_churns, uint64_t seed,
		    unsigned int n_ops, bool may_move)
{
	for (unsigned int i = 0; i < n_churns; i++)
		churns[i] = (struct churn){
			.random = (seed + 1) * 0x9e3779b97f4a7c15ULL + i * 77777 + 1,
			.last_tag = (1ULL << 40) * (i + 1),
			.n_ops = n_ops,
			.may_move = may_move,
		};
	for (unsigned int i = 0; i < N_AREAS; i++) {
		uint64_t at = RIG_BASE + i * RIG_STRIDE;
		struct lot *lot = add_lot(&churns[i % n_churns], (char *)(uintptr_t)at, N_PAGES);

		for (size_t page = 0; page < N_PAGES; page++)
			lot->tags[page] = rig_tag(at + page * PAGE_SIZE);
	}
}

static void task(const struct rig *rig, uint64_t seed, unsigned int n_threads, bool may_move)
{
	static struct churn churns[N_THREADS];
	pthread_t threads[N_THREADS];

	prepare(churns, n_threads, seed, 400, may_move);
	rig_become_lazy(rig, N_AREAS, N_PAGES);
	for (unsigned int i = 1; i < n_threads; i++)
		rig_check(!pthread_create(&threads[i], NULL, churn_thread, &churns[i]), "thread");
	churn_run(&churns[0]);
	for (unsigned int i = 1; i < n_threads; i++)
		rig_check(!pthread_join(threads[i], NULL), "join");
	_exit(0);
}

static unsigned long setting(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : fallback;
}

static void run_rounds(struct rig *rig, unsigned int n_threads, bool may_move)
{
	unsigned long rounds = setting("LAZY_TEST_ROUNDS", 40);
	unsigned long seed = setting("LAZY_TEST_SEED", 1);

	for (unsigned long i = 0; i < rounds; i++, seed++) {
		int status, server;
		pid_t pid;

		rig_start(rig, seed % 2 ? LAZY_LINEAR : LAZY_NONE);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			task(rig, seed, n_threads, may_move);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		server = rig_wait(rig);
		if (status || server)
			print_message("seed %lu: task %#x, server %d\n", seed, status, server);
		assert_int_equal(status, 0);
		assert_int_equal(server, 0);
	}
}

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig_possible()) {
		print_message("not root, or no userfaultfd here\n");
		exit(77);
	}
	rig_init(rig);
	rig_write_task(rig, RIG_PID, N_AREAS, N_PAGES);
	rig_commit(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_fini(*state);
	free(*state);
	return 0;
}

static void test_alone(void **state)
{
	run_rounds(*state, 1, true);
}

static void test_threads(void **state)
{
	run_rounds(*state, N_THREADS, false);
}

static void test_threads_that_move(void **state)
{
	if (!uffd_numbers_events() && !rig_changes_traced() && !getenv("LAZY_TEST_ROUNDS")) {
		print_message("this kernel does not tell which of two changes came first\n");
		skip();
	}
	run_rounds(*state, N_THREADS, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_that_move, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
