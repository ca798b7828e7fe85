// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees of real processes whose memory is shared as engine/cow.c does it, with
 * drawn lots for everything that an image says: which mappings, of which nature,
 * with which pages. One page of the window is one character of a task:
 *
 *	vmas	|AAAAAAaaaa..BBBB|	natures; the other case: another mapping
 *	pages	|xx.yxx.x....y.xx|	contents; '.': none
 *
 *	root ---+--- a ------ c
 *		`--- b
 *
 * Each task looks at every byte of every piece it has: before its children are
 * made, and again when they are done.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/options.h"
#include "core/restore.h"
#include "engine/cow.h"
#include "engine/cow-plan.h"
#include "image/vma.h"
#include "inject/abi/restorer.h"
#include "kinds/mm/kinds.h"
#include "pages/pagemap.h"
#include "sys/proc_maps.h"
#include "util/arena.h"
#include "util/io.h"
#include "util/macro.h"

#define WINDOW 96
#define ROUNDS 100
/* Runs of one letter are this long on average. */
#define RUN 6

struct lot {
	char vmas[WINDOW + 1], pages[WINDOW + 1];
	struct task task;
	struct task_restore restore;
	struct page_file file;
	struct page_map map;
};

struct fixture {
	struct restore r;
	struct options opts;
	char *window;
	struct lot root, a, b, c;
};

static const struct vma_kind *const vma_table[] = { &vma_anon_kind, NULL };
static const struct kind_table test_kinds = { .vmas = vma_table };

static void draw(char *text, const char *letters)
{
	size_t n = strlen(letters);

	for (size_t i = 0; i < WINDOW; i++)
		text[i] = i && rand() % RUN ? text[i - 1] : letters[rand() % n];
}

/* As a child's that went on from its parent's. */
static void draw_child(char *text, const char *parent, const char *letters)
{
	char other[WINDOW + 1], mask[WINDOW + 1];

	draw(other, letters);
	draw(mask, "ppppo");
	for (size_t i = 0; i < WINDOW; i++)
		text[i] = mask[i] == 'p' ? parent[i] : other[i];
}

static void draw_page(char *page, char letter, size_t nr)
{
	memset(page, letter, PAGE_SIZE);
	memcpy(page, &nr, sizeof(nr));
}

static void add_vma(struct fixture *f, struct lot *lot, size_t from, size_t to)
{
	VmaEntry *e = arena_message(f->r.arena, VmaEntry, vma_entry__init);

	e->start = (uintptr_t)f->window + from * PAGE_SIZE;
	e->end = (uintptr_t)f->window + to * PAGE_SIZE;
	e->prot = PROT_READ | PROT_WRITE;
	e->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	if (toupper(lot->vmas[from]) == 'B')
		e->flags |= MAP_NORESERVE;
	e->status = VMA_REGULAR | VMA_ANON_PRIVATE;
	lot->task.mm->vmas[lot->task.mm->n_vmas++] = e;
}

static void add_pages(struct fixture *f, struct lot *lot, size_t from, size_t to)
{
	char page[PAGE_SIZE];

	lot->map.extents[lot->map.n_extents++] = (struct page_extent){
		.start = (uintptr_t)f->window + from * PAGE_SIZE,
		.len = (to - from) * PAGE_SIZE,
		.offset = lot->map.nr_pages * PAGE_SIZE,
		.flags = PAGE_PRESENT,
	};
	lot->map.nr_pages += to - from;
	for (size_t i = from; i < to; i++) {
		draw_page(page, lot->pages[i], i);
		assert_int_equal(write_all(lot->file.fd, page, PAGE_SIZE), 0);
	}
}

/* Calls @add for each run of one letter. */
static void for_runs(struct fixture *f, struct lot *lot, const char *text,
		     void (*add)(struct fixture *, struct lot *, size_t, size_t))
{
	for (size_t i = 0, k; i < WINDOW; i = k) {
		for (k = i; k < WINDOW && text[k] == text[i];)
			k++;
		if (text[i] != '.')
			add(f, lot, i, k);
	}
}

static void make_task(struct fixture *f, struct lot *lot, int pid, struct task *parent)
{
	struct task *t = &lot->task;

	/* No page is where nothing is mapped. */
	for (size_t i = 0; i < WINDOW; i++)
		if (lot->vmas[i] == '.')
			lot->pages[i] = '.';
	t->pid = pid;
	t->state = TASK_ALIVE;
	t->restore = &lot->restore;
	TAILQ_INIT(&lot->restore.birth.makes);
	t->mm = arena_message(f->r.arena, MmEntry, mm_entry__init);
	t->mm->vmas = arena_new_array(f->r.arena, VmaEntry *, WINDOW);
	lot->map.extents = arena_new_array(f->r.arena, struct page_extent, WINDOW);
	lot->map.files = &lot->file;
	lot->map.n_files = 1;
	lot->file.fd = memfd_create("pages", 0);
	assert_true(lot->file.fd >= 0);
	lot->restore.pages = &lot->map;
	for_runs(f, lot, lot->vmas, add_vma);
	for_runs(f, lot, lot->pages, add_pages);
	TAILQ_INSERT_TAIL(&f->r.tasks, t, link);
	if (parent)
		TAILQ_INSERT_TAIL(&parent->restore->birth.makes, t, made);
}

static void make_child(struct fixture *f, struct lot *lot, int pid, struct lot *parent)
{
	draw_child(lot->vmas, parent->vmas, "AaBb.");
	draw_child(lot->pages, parent->pages, "xyz.");
	make_task(f, lot, pid, &parent->task);
}

/* @taken: as if something of our own was in the window, so that pieces go elsewhere. */
static void init(struct fixture *f, unsigned int seed, bool taken)
{
	srand(seed);
	*f = (struct fixture){};
	f->r.arena = arena_new();
	f->r.opts = &f->opts;
	f->r.kinds = &test_kinds;
	TAILQ_INIT(&f->r.tasks);
	f->r.sync = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	assert_ptr_not_equal(f->r.sync, MAP_FAILED);
	/* Far from all that is mapped. */
	f->window = (char *)(16UL << 40) + (rand() % 4096) * PAGE_SIZE;
	f->r.own_maps = arena_new_object(f->r.arena, struct proc_maps);
	if (taken) {
		f->r.own_maps->vmas = arena_new_object(f->r.arena, struct proc_vma);
		f->r.own_maps->n_vmas = 1;
		f->r.own_maps->vmas->start = (uintptr_t)f->window;
		f->r.own_maps->vmas->end = (uintptr_t)f->window + PAGE_SIZE;
	}
	draw(f->root.vmas, "AaBb.");
	draw(f->root.pages, "xyz.");
	make_task(f, &f->root, 10, NULL);
	make_child(f, &f->a, 11, &f->root);
	make_child(f, &f->b, 12, &f->root);
	make_child(f, &f->c, 13, &f->a);
	assert_int_equal(cow_init(&f->r), 0);
}

static void fini(struct fixture *f)
{
	close(f->root.file.fd);
	close(f->a.file.fd);
	close(f->b.file.fd);
	close(f->c.file.fd);
	munmap(f->r.sync, PAGE_SIZE);
	arena_free(f->r.arena);
}

/* The number of pages in pieces; -1: one is not what the image says. */
static int look(const struct fixture *f, const struct lot *lot, bool aside)
{
	const struct cow_pieces *pieces = cow_pieces(&f->r);
	static const char zero[PAGE_SIZE];
	char page[PAGE_SIZE];
	int n = 0;

	for (size_t i = 0; i < pieces->n; i++) {
		const struct cow_piece *p = &pieces->list[i];

		if ((p->at != p->start) != aside)
			return -1;
		for (uint64_t addr = p->start; addr < p->end; addr += PAGE_SIZE, n++) {
			size_t nr = (addr - (uintptr_t)f->window) / PAGE_SIZE;
			char letter = lot->pages[nr];

			draw_page(page, letter, nr);
			if (memcmp((char *)p->at + (addr - p->start), letter == '.' ? zero : page,
				   PAGE_SIZE))
				return -1;
		}
	}
	return n;
}

/* Exit status: 0 as it should be, 1 not. */
static int run_task(struct fixture *f, struct lot *lot, bool aside);

static int run_child(struct fixture *f, struct lot *lot, bool aside)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(run_task(f, lot, aside));
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int run_task(struct fixture *f, struct lot *lot, bool aside)
{
	int n;

	if (cow_prepare(&f->r, &lot->task) < 0)
		return 1;
	n = look(f, lot, aside);
	if (n < 0)
		return 1;
	if (lot == &f->root && (run_child(f, &f->a, aside) || run_child(f, &f->b, aside)))
		return 1;
	if (lot == &f->a && run_child(f, &f->c, aside))
		return 1;
	return look(f, lot, aside) == n ? 0 : 1;
}

/* Returns how many pages came out as shared. */
static uint64_t run_rounds(bool aside)
{
	uint64_t compared = 0, shared = 0;

	for (unsigned int seed = 1; seed <= ROUNDS; seed++) {
		struct fixture f;

		init(&f, seed, aside);
		if (run_child(&f, &f.root, aside))
			fail_msg("seed %u: a task has memory that is not its own", seed);
		compared += f.r.sync->pages_compared;
		shared += f.r.sync->pages_shared;
		fini(&f);
	}
	assert_true(shared > 0 && compared > shared);
	return shared;
}

/* Where pieces are does not matter for what is shared. */
static void test_trees(void **state)
{
	assert_int_equal(run_rounds(false), run_rounds(true));
}

/* All tasks have one page in common, and nothing else. */
static void draw_common(struct fixture *f)
{
	struct lot *lots[] = { &f->root, &f->a, &f->b, &f->c };

	for (size_t i = 0; i < ARRAY_SIZE(lots); i++) {
		memset(lots[i]->vmas, 'A', WINDOW);
		memset(lots[i]->pages, '.', WINDOW);
		lots[i]->pages[1] = 'x';
		lots[i]->pages[2] = 'a' + i;
		lots[i]->task.mm->n_vmas = 0;
		lots[i]->map.n_extents = lots[i]->map.nr_pages = 0;
		assert_int_equal(ftruncate(lots[i]->file.fd, 0), 0);
		lseek(lots[i]->file.fd, 0, SEEK_SET);
		for_runs(f, lots[i], lots[i]->vmas, add_vma);
		for_runs(f, lots[i], lots[i]->pages, add_pages);
	}
}

static void test_counts(void **state)
{
	struct fixture f;

	init(&f, 1, false);
	draw_common(&f);
	assert_int_equal(run_child(&f, &f.root, false), 0);
	/* a and b with root, c with a: two pages each. */
	assert_int_equal(f.r.sync->pages_compared, 6);
	assert_int_equal(f.r.sync->pages_shared, 3);
	fini(&f);
}

/* A pages file that got short since it was looked at. */
static void test_short_file(void **state)
{
	struct fixture f;

	init(&f, 1, false);
	draw_common(&f);
	assert_int_equal(ftruncate(f.c.file.fd, PAGE_SIZE), 0);
	assert_int_equal(run_child(&f, &f.root, false), 1);
	assert_int_equal(ftruncate(f.root.file.fd, PAGE_SIZE), 0);
	assert_int_equal(run_child(&f, &f.root, false), 1);
	fini(&f);
}

/* Without children nothing is made, and nothing is where nothing was stored. */
static void test_alone(void **state)
{
	struct fixture f;

	init(&f, 1, false);
	assert_int_equal(cow_prepare(&f.r, &f.c.task), 0);
	assert_int_equal(cow_pieces(&f.r)->n, 0);
	f.root.map.n_extents = 0;
	assert_int_equal(cow_prepare(&f.r, &f.root.task), 0);
	assert_int_equal(cow_pieces(&f.r)->n, 0);
	fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_short_file),
		cmocka_unit_test(test_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
