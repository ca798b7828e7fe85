// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page maps, sinks and sources: what is written is what is read, through
 * parent directories too, and what can't be is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/mman.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/dir.h"
#include "image/vma.h"
#include "image/writer.h"
#include "images/pagemap.pb-c.h"
#include "pages/armable.h"
#include "pages/pagemap.h"
#include "pages/sink.h"
#include "pages/source.h"
#include "util/macro.h"
#include "util/mapped.h"

#define KEY 7
#define AT(page) ((uint64_t)(page) * PAGE_SIZE)

/* Directories top, parent, grandparent: each may be the parent of the one before. */
struct dirs {
	char path[32];
	struct image_dir *top, *parent, *grand;
};

static struct image_dir *make_dir(const char *base, const char *name)
{
	struct image_dir *dir;
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(image_dir_open(path, &dir), 0);
	return dir;
}

static int setup(void **state)
{
	struct dirs *d = calloc(1, sizeof(*d));

	strcpy(d->path, "/tmp/pages-test-XXXXXX");
	assert_non_null(mkdtemp(d->path));
	d->top = make_dir(d->path, "top");
	d->parent = make_dir(d->path, "parent");
	d->grand = make_dir(d->path, "grand");
	assert_int_equal(symlinkat("../parent", d->top->fd, "parent"), 0);
	assert_int_equal(symlinkat("../grand", d->parent->fd, "parent"), 0);
	*state = d;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct dirs *d = *state;

	image_dir_free(d->top);
	image_dir_free(d->parent);
	image_dir_free(d->grand);
	nftw(d->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

/* An entry of a page map: how many pages at which page, and flags. */
struct entry {
	uint64_t page, n;
	uint32_t flags;
};

/* Pages hold @tag and their number, so that it shows where they come from. */
static void write_map(struct image_dir *dir, char tag, const struct entry *entries, size_t n)
{
	struct page_sink *sink;

	assert_int_equal(page_sink_open(dir, NULL, IMAGE_PAGEMAP, KEY, 1, &sink), 0);
	for (size_t i = 0; i < n; i++) {
		const struct entry *e = &entries[i];

		assert_int_equal(page_sink_extent(sink, AT(e->page), e->n, e->flags), 0);
		for (uint64_t j = 0; j < e->n && (e->flags & PAGE_PRESENT); j++) {
			char page[PAGE_SIZE];

			memset(page, tag, sizeof(page));
			page[1] = e->page + j;
			assert_int_equal(page_sink_data(sink, page, sizeof(page)), 0);
		}
	}
	assert_int_equal(page_sink_close(sink), 0);
}

/* What a source has for pages 0 to @n: the tag of each, '.' for a hole. */
static void read_all(struct image_dir *dir, size_t n, char *text)
{
	struct page_source *src;
	uint64_t at = 0, near;

	assert_int_equal(source_file_open(dir, IMAGE_PAGEMAP, KEY, &src), 0);
	memset(text, 0, n + 1);
	assert_int_equal(source_will_need(src, 0, AT(n), &near), 0);
	assert_int_equal(near, AT(n));
	while (at < AT(n)) {
		struct source_run run;

		assert_int_equal(source_lookup(src, at, AT(n) - at, &run), 0);
		assert_true(run.len && run.len <= AT(n) - at);
		for (uint64_t i = 0; i < run.len; i += PAGE_SIZE) {
			const char *page = run.data ? (const char *)run.data + i : ".";

			if (run.kind == SOURCE_DATA)
				assert_int_equal(page[1], (at + i) / PAGE_SIZE);
			text[(at + i) / PAGE_SIZE] = page[0];
		}
		at += run.len;
	}
	source_free(src);
}

static void test_round_trip(void **state)
{
	static const struct entry entries[] = {
		{ 1, 2, PAGE_PRESENT }, { 3, 1, PAGE_PRESENT }, { 4, 1, PAGE_PRESENT | PAGE_LAZY },
		{ 8, 3, PAGE_PRESENT },
	};
	struct dirs *d = *state;
	struct page_map *map;
	char text[16];

	write_map(d->top, 'a', entries, ARRAY_SIZE(entries));
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), 0);
	assert_int_equal(map->nr_pages, 7);
	/* Lazy or not, they are one run of the same file. */
	assert_int_equal(map->n_extents, 2);
	assert_int_equal(page_map_find(map, 0)->start, AT(1));
	assert_int_equal(page_map_find(map, AT(4))->start, AT(1));
	assert_int_equal(page_map_find(map, AT(5))->start, AT(8));
	assert_null(page_map_find(map, AT(11)));
	page_map_free(map);
	read_all(d->top, 12, text);
	assert_string_equal(text, ".aaaa...aaa.");
}

/*
 *	top	|RR.aRRRR..|	R: in the parent
 *	parent	|bRRRbb.RR.|
 *	grand	|ccccc..ccc|
 */
static void test_chain(void **state)
{
	static const struct entry top[] = {
		{ 0, 2, PAGE_PARENT }, { 3, 1, PAGE_PRESENT }, { 4, 2, PAGE_PARENT },
		{ 7, 1, PAGE_PARENT },
	};
	static const struct entry parent[] = {
		{ 0, 1, PAGE_PRESENT }, { 1, 3, PAGE_PARENT }, { 4, 2, PAGE_PRESENT },
		{ 7, 2, PAGE_PARENT },
	};
	static const struct entry grand[] = { { 0, 5, PAGE_PRESENT }, { 7, 3, PAGE_PRESENT } };
	struct dirs *d = *state;
	struct page_map *map;
	char text[16];

	write_map(d->grand, 'c', grand, ARRAY_SIZE(grand));
	write_map(d->parent, 'b', parent, ARRAY_SIZE(parent));
	write_map(d->top, 'a', top, ARRAY_SIZE(top));
	read_all(d->top, 10, text);
	assert_string_equal(text, "bc.abb.c..");

	/* Missing anywhere in the chain is fatal. */
	write_map(d->grand, 'c', grand, 1);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), -EINVAL);
	assert_int_equal(unlinkat(d->top->fd, "parent", 0), 0);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), -EINVAL);
}

/* A circle of parents ends, with an error. */
static void test_circle(void **state)
{
	static const struct entry entry = { 0, 1, PAGE_PARENT };
	struct dirs *d = *state;
	struct page_map *map;

	write_map(d->grand, 'c', &entry, 1);
	write_map(d->parent, 'b', &entry, 1);
	write_map(d->top, 'a', &entry, 1);
	assert_int_equal(symlinkat("../top", d->grand->fd, "parent"), 0);
	assert_true(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map) < 0);
}

static void write_raw(struct image_dir *dir, const PagemapEntry *entries, size_t n, size_t n_pages)
{
	PagemapHead head = PAGEMAP_HEAD__INIT;
	struct image_writer *w;
	int fd;

	head.pages_id = 1;
	assert_int_equal(image_writer_open(dir, IMAGE_PAGEMAP, KEY, &w), 0);
	assert_int_equal(image_write(w, &head.base), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(image_write(w, &entries[i].base), 0);
	assert_int_equal(image_writer_close(w), 0);
	fd = image_open_raw(dir, IMAGE_PAGES, 1, O_WRONLY | O_CREAT | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, AT(n_pages)), 0);
	close(fd);
}

static PagemapEntry raw(uint64_t vaddr, uint64_t n, uint32_t flags)
{
	PagemapEntry e = PAGEMAP_ENTRY__INIT;

	e.vaddr = vaddr;
	e.has_nr_pages = e.has_flags = true;
	e.nr_pages = n;
	e.flags = flags;
	return e;
}

static void test_legacy(void **state)
{
	struct dirs *d = *state;
	PagemapEntry entries[4];
	struct page_map *map;

	for (size_t i = 0; i < 4; i++) {
		entries[i] = raw(AT(i * 10), 0, 0);
		entries[i].has_nr_pages = entries[i].has_flags = false;
		entries[i].compat_nr_pages = 3;
	}
	/* nr_pages counts where it is; flags absent: present, or in the parent; 0: a hole. */
	entries[1].has_nr_pages = true;
	entries[1].nr_pages = 2;
	entries[2].has_flags = true;
	entries[3].has_in_parent = entries[3].in_parent = true;
	write_raw(d->top, entries, 3, 5);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), 0);
	assert_int_equal(map->n_extents, 2);
	assert_int_equal(map->nr_pages, 5);
	assert_int_equal(map->extents[1].start, AT(10));
	assert_int_equal(map->extents[1].len, AT(2));
	assert_int_equal(map->extents[1].offset, AT(3));
	page_map_free(map);

	write_raw(d->parent, entries, 1, 3);
	write_raw(d->top, entries, 4, 5);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), -EINVAL);
	entries[3].vaddr = AT(1);
	entries[3].compat_nr_pages = 2;
	write_raw(d->top, entries + 3, 1, 0);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), 0);
	assert_int_equal(map->n_extents, 1);
	assert_int_equal(map->extents[0].offset, AT(1));
	page_map_free(map);
}

static void test_hostile(void **state)
{
	const struct {
		const char *name;
		PagemapEntry entries[2];
		size_t n, n_pages;
	} cases[] = {
		{ "out of line", { raw(1, 1, PAGE_PRESENT) }, 1, 1 },
		{ "overlap", { raw(0, 2, PAGE_PRESENT), raw(AT(1), 1, PAGE_PRESENT) }, 2, 3 },
		{ "descending", { raw(AT(5), 1, PAGE_PRESENT), raw(0, 1, PAGE_PRESENT) }, 2, 2 },
		{ "end past all addresses", { raw(-AT(1), 1, PAGE_PRESENT) }, 1, 1 },
		{ "a length that wraps", { raw(0, 1ULL << 52, PAGE_PRESENT) }, 1, 0 },
		{ "a length that wraps in bytes", { raw(0, UINT64_MAX, PAGE_PRESENT) }, 1, 0 },
		{ "a sum of lengths", { raw(0, 1ULL << 51, PAGE_PRESENT),
					raw(1ULL << 63, (1ULL << 51) - 1, PAGE_PRESENT) }, 2, 0 },
		{ "unknown flags", { raw(0, 1, 8) }, 1, 0 },
		{ "here and in the parent", { raw(0, 1, PAGE_PRESENT | PAGE_PARENT) }, 1, 1 },
		{ "pages file too short", { raw(0, 2, PAGE_PRESENT) }, 1, 1 },
		{ "pages file too long", { raw(0, 2, PAGE_PRESENT) }, 1, 3 },
		{ "not in the parent", { raw(0, 2, PAGE_PARENT) }, 1, 0 },
	};
	struct dirs *d = *state;
	struct page_map *map;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int err;

		write_raw(d->top, cases[i].entries, cases[i].n, cases[i].n_pages);
		err = page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map);
		if (err != -EINVAL)
			print_message("case: %s\n", cases[i].name);
		assert_int_equal(err, -EINVAL);
	}
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY + 1, &map), -ENOENT);
}

/* Pages that were left with a page server can't come from a file. */
static void test_lazy_only(void **state)
{
	PagemapEntry entries[] = { raw(0, 1, PAGE_PRESENT), raw(AT(1), 4, PAGE_LAZY) };
	struct dirs *d = *state;
	struct page_source *src;
	struct page_map *map;

	write_raw(d->top, entries, 2, 1);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), 0);
	assert_int_equal(map->nr_pages, 1);
	assert_int_equal(map->nr_lazy_only, 4);
	assert_false(page_extent_has_data(page_map_find(map, AT(2))));
	page_map_free(map);
	assert_int_equal(source_file_open(d->top, IMAGE_PAGEMAP, KEY, &src), -ENOTSUP);
}

static void test_sink_counts(void **state)
{
	char pages[2 * PAGE_SIZE] = { 0 };
	struct dirs *d = *state;
	struct page_sink *sink;
	int pipe_fds[2];

	assert_int_equal(page_sink_open(d->top, NULL, IMAGE_PAGEMAP, KEY, 1, &sink), 0);
	assert_int_equal(page_sink_extent(sink, AT(4), 2, PAGE_PRESENT), 0);
	assert_int_equal(page_sink_extent(sink, AT(5), 1, PAGE_PRESENT), -EINVAL);
	assert_int_equal(page_sink_extent(sink, AT(9), 0, PAGE_PRESENT), -EINVAL);
	assert_int_equal(page_sink_extent(sink, AT(9) + 1, 1, PAGE_PRESENT), -EINVAL);
	assert_int_equal(page_sink_extent(sink, AT(9), 1, 0), -EINVAL);
	assert_int_equal(page_sink_missing(sink), AT(2));
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(write(pipe_fds[1], pages, PAGE_SIZE), PAGE_SIZE);
	assert_int_equal(page_sink_data_from_pipe(sink, pipe_fds[0], PAGE_SIZE), 0);
	assert_int_equal(page_sink_data(sink, pages, AT(2)), -EPROTO);
	assert_int_equal(page_sink_missing(sink), AT(1));
	assert_int_equal(page_sink_pages(sink), 1);
	/* One page short: the whole map would be wrong. */
	assert_int_equal(page_sink_close(sink), -EPROTO);

	/* A pipe that ends early. */
	assert_int_equal(page_sink_open(d->top, NULL, IMAGE_PAGEMAP, KEY, 1, &sink), 0);
	assert_int_equal(page_sink_extent(sink, AT(4), 2, PAGE_PRESENT), 0);
	assert_int_equal(write(pipe_fds[1], pages, PAGE_SIZE), PAGE_SIZE);
	close(pipe_fds[1]);
	assert_int_equal(page_sink_data_from_pipe(sink, pipe_fds[0], AT(2)), -EPIPE);
	page_sink_abort(sink);
	close(pipe_fds[0]);
}

static void test_sink_from_file(void **state)
{
	struct dirs *d = *state;
	struct page_sink *sink;
	char page[PAGE_SIZE], text[16];
	FILE *file = tmpfile();

	assert_non_null(file);
	for (int i = 0; i < 4; i++) {
		memset(page, 'a' + i, sizeof(page));
		page[1] = i;
		assert_int_equal(fwrite(page, sizeof(page), 1, file), 1);
	}
	assert_int_equal(fflush(file), 0);
	assert_int_equal(page_sink_open(d->top, NULL, IMAGE_PAGEMAP, KEY, 1, &sink), 0);
	assert_int_equal(page_sink_extent(sink, AT(1), 2, PAGE_PRESENT), 0);
	assert_int_equal(page_sink_data_from_file(sink, fileno(file), AT(1), AT(2)), 0);
	assert_int_equal(page_sink_close(sink), 0);
	fclose(file);
	read_all(d->top, 4, text);
	assert_string_equal(text, ".bc.");
}

static int bad_lookup(struct page_source *src, uint64_t addr, uint64_t len, struct source_run *run)
{
	static const struct source_run answers[] = {
		{ SOURCE_HOLE, 0, NULL }, { SOURCE_HOLE, AT(3), NULL }, { SOURCE_HOLE, 100, NULL },
		{ SOURCE_DATA, AT(1), NULL }, { (enum source_run_kind)7, AT(1), "x" },
	};

	*run = answers[src->key];
	return 0;
}

/* Whatever a source answers, nothing wrong gets through the door. */
static void test_door(void **state)
{
	static const struct page_source_ops ops = {
		.name = "bad", .find = bad_lookup, .lookup = bad_lookup,
	};
	struct page_source src = { .ops = &ops };
	struct source_run run;

	for (src.key = 0; src.key < 5; src.key++)
		assert_int_equal(source_lookup(&src, 0, AT(2), &run), -EPROTO);
	src.key = 1;
	assert_int_equal(source_lookup(&src, 0, AT(3), &run), 0);
	assert_int_equal(source_find(&src, 0, AT(2), &run), -EPROTO);
	/* Only who wants the bytes needs them. */
	src.key = 3;
	assert_int_equal(source_find(&src, 0, AT(2), &run), 0);
	assert_int_equal(source_lookup(&src, 0, 0, &run), -EINVAL);
	assert_int_equal(source_lookup(&src, 1, AT(1), &run), -EINVAL);
	assert_int_equal(source_lookup(&src, 0, 1, &run), -EINVAL);
	assert_int_equal(source_lookup(&src, -AT(1), AT(2), &run), -EINVAL);
}

static void test_arming(void **state)
{
	const uint32_t anon = MAP_PRIVATE | MAP_ANONYMOUS;
	const struct {
		uint32_t status, flags;
		uint64_t madv;
		bool anonymous;
		enum vma_arming arming;
	} cases[] = {
		{ 0x201, anon, 0, false, VMA_ARM_PRIVATE },
		{ 0x221, anon, 0, false, VMA_ARM_PRIVATE },
		{ 0x201, anon | MAP_GROWSDOWN, 0, false, VMA_ARM_PRIVATE },
		{ 0x203, anon | MAP_NORESERVE, 1 << MADV_DONTFORK, false, VMA_ARM_PRIVATE },
		{ 0x201, anon | MAP_LOCKED, 0, false, VMA_ARM_NO },
		/* Of no known size, of 2 MiB, of these and not reserved. */
		{ 0x201, anon | MAP_HUGETLB, 0, false, VMA_ARM_NO },
		{ 0x201, anon | MAP_HUGETLB | MAP_HUGE_2MB, 0, false, VMA_ARM_PRIVATE },
		{ 0x201, anon | MAP_HUGETLB | MAP_HUGE_2MB | MAP_NORESERVE, 0, false, VMA_ARM_NO },
		{ 0x201, anon | MAP_HUGETLB | MAP_HUGE_2MB | MAP_LOCKED, 0, false, VMA_ARM_NO },
		{ 0x4081, MAP_SHARED | MAP_HUGETLB | MAP_HUGE_2MB, 0, true, VMA_ARM_SHARED },
		{ 0x4081, MAP_SHARED | MAP_HUGETLB | MAP_HUGE_2MB, 0, false, VMA_ARM_NO },
		{ 0x201, anon | MAP_DROPPABLE, 0, false, VMA_ARM_NO },
		{ 0x201, anon, 1 << MADV_WIPEONFORK, false, VMA_ARM_NO },
		{ 0x101, MAP_SHARED | MAP_ANONYMOUS, 0, false, VMA_ARM_SHARED },
		{ 0x501, MAP_SHARED | MAP_ANONYMOUS, 0, false, VMA_ARM_NO },
		{ 0x4081, MAP_SHARED, 0, true, VMA_ARM_SHARED },
		{ 0x4081, MAP_SHARED, 0, false, VMA_ARM_NO },
		{ 0x4041, MAP_PRIVATE, 0, true, VMA_ARM_NO },
		{ 0x41, MAP_PRIVATE, 0, false, VMA_ARM_NO },
		{ 0x81, MAP_SHARED, 0, false, VMA_ARM_NO },
		{ 0x209, anon, 0, false, VMA_ARM_NO },
		{ 0x1201, anon, 0, false, VMA_ARM_NO },
		{ 0x204, anon, 0, false, VMA_ARM_NO },
		{ 0x2000, MAP_SHARED, 0, false, VMA_ARM_NO },
		{ 0x8201, anon, 0, false, VMA_ARM_NO },
		{ 0x10000, anon, 0, false, VMA_ARM_NO },
		{ 0x801, MAP_SHARED, 0, false, VMA_ARM_NO },
		/* Two classes at once: neither is believed. */
		{ 0x301, anon, 0, false, VMA_ARM_NO },
		{ 0x201, MAP_SHARED, 0, false, VMA_ARM_NO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		VmaEntry vma = VMA_ENTRY__INIT;
		const char *reason = "x";

		vma.status = cases[i].status;
		vma.flags = cases[i].flags;
		vma.has_madv = cases[i].madv;
		vma.madv = cases[i].madv;
		if (vma_arming(&vma, cases[i].anonymous, &reason) != cases[i].arming)
			print_message("case %zu\n", i);
		assert_int_equal(vma_arming(&vma, cases[i].anonymous, &reason), cases[i].arming);
		assert_int_equal(!reason, cases[i].arming != VMA_ARM_NO);
	}
}

static void test_huge(void **state)
{
	VmaEntry vma = VMA_ENTRY__INIT;

	vma.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGE_2MB;
	assert_int_equal(vma_huge(&vma), 0);
	vma.flags |= MAP_HUGETLB;
	assert_int_equal(vma_huge(&vma), 21);
	vma.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
	assert_int_equal(vma_huge(&vma), 0);
}

/* |aaaaa....a|: where there are pages counts, and not how they are cut; another has one less. */
static void test_compare(void **state)
{
	static const struct entry whole[] = {
		{ 0, 5, PAGE_PRESENT }, { 9, 1, PAGE_PRESENT | PAGE_LAZY },
	}, cut[] = {
		{ 0, 2, PAGE_PRESENT }, { 2, 3, PAGE_PRESENT | PAGE_LAZY }, { 9, 1, PAGE_PRESENT },
	}, less[] = {
		{ 0, 4, PAGE_PRESENT }, { 9, 1, PAGE_PRESENT },
	};
	const struct dirs *d = *state;
	struct page_source *a, *b, *c;
	uint64_t at;

	write_map(d->top, 'a', whole, ARRAY_SIZE(whole));
	write_map(d->parent, 'b', cut, ARRAY_SIZE(cut));
	write_map(d->grand, 'c', less, ARRAY_SIZE(less));
	assert_int_equal(source_file_open(d->top, IMAGE_PAGEMAP, KEY, &a), 0);
	assert_int_equal(source_file_open(d->parent, IMAGE_PAGEMAP, KEY, &b), 0);
	assert_int_equal(source_file_open(d->grand, IMAGE_PAGEMAP, KEY, &c), 0);
	assert_int_equal(source_compare(a, a, &at), 0);
	assert_int_equal(source_compare(a, b, &at), 0);
	assert_int_equal(source_compare(a, c, &at), -ESTALE);
	assert_int_equal(at, AT(4));
	assert_int_equal(source_compare(c, b, &at), -ESTALE);
	assert_int_equal(at, AT(4));
	source_free(a);
	source_free(b);
	source_free(c);
}

static void change(struct image_dir *dir, enum image_type type, off_t at, int bits)
{
	int fd = image_open_raw(dir, type, 1, O_RDWR);
	char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= bits;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* How page 3 is found damaged, in the pages file or in their checksums, and no other. */
static void expect_damage(struct image_dir *dir)
{
	struct page_source *src;
	struct source_run run;
	struct page_map *map;

	assert_int_equal(source_file_open(dir, IMAGE_PAGEMAP, KEY, &src), 0);
	assert_int_equal(source_find(src, 0, AT(5), &run), 0);
	assert_int_equal(source_lookup(src, 0, AT(3), &run), 0);
	assert_int_equal(source_lookup(src, 0, AT(4), &run), -EBADMSG);
	assert_int_equal(source_lookup(src, AT(4), AT(1), &run), 0);
	source_free(src);
	assert_int_equal(page_map_load(dir, IMAGE_PAGEMAP, KEY, &map), 0);
	assert_int_equal(page_map_verify(map, 0, AT(3)), 0);
	assert_int_equal(page_map_verify(map, AT(4), UINT64_MAX), 0);
	assert_int_equal(page_map_verify(map, 0, UINT64_MAX), -EBADMSG);
	page_map_free(map);
}

/* Bytes that are there no more when they are looked at are an error, not the end of us. */
static void expect_unreadable(struct image_dir *dir)
{
	int fd = image_open_raw(dir, IMAGE_PAGES, 1, O_RDWR);
	struct page_source *src;
	struct source_run run;
	char page[PAGE_SIZE];

	assert_int_equal(mapped_catch(), 0);
	assert_int_equal(source_file_open(dir, IMAGE_PAGEMAP, KEY, &src), 0);
	assert_int_equal(pread(fd, page, sizeof(page), AT(5)), sizeof(page));
	assert_int_equal(ftruncate(fd, AT(5)), 0);
	assert_int_equal(source_lookup(src, AT(4), AT(1), &run), 0);
	assert_int_equal(source_lookup(src, AT(9), AT(1), &run), -EIO);
	assert_int_equal(pwrite(fd, page, sizeof(page), AT(5)), sizeof(page));
	assert_int_equal(source_lookup(src, AT(9), AT(1), &run), 0);
	source_free(src);
	close(fd);
}

static void test_checksums(void **state)
{
	static const struct entry entries[] = {
		{ 0, 5, PAGE_PRESENT }, { 9, 1, PAGE_PRESENT | PAGE_LAZY },
	};
	const struct dirs *d = *state;
	struct page_map *map;
	int fd;

	write_map(d->top, 'a', entries, ARRAY_SIZE(entries));
	for (int bit = 0; bit < 8; bit++) {
		change(d->top, IMAGE_PAGES, AT(3) + 500 * bit, 1 << bit);
		expect_damage(d->top);
		change(d->top, IMAGE_PAGES, AT(3) + 500 * bit, 1 << bit);
	}
	change(d->top, IMAGE_PAGE_CRCS, 3 * sizeof(uint32_t), 1);
	expect_damage(d->top);
	expect_unreadable(d->top);
	fd = image_open_raw(d->top, IMAGE_PAGE_CRCS, 1, O_RDWR);
	assert_int_equal(ftruncate(fd, 5 * sizeof(uint32_t)), 0);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), -EINVAL);
	close(fd);
	/* Whether it should be there is for the list of images to say. */
	image_remove(d->top, IMAGE_PAGE_CRCS, 1);
	assert_int_equal(page_map_load(d->top, IMAGE_PAGEMAP, KEY, &map), 0);
	assert_int_equal(page_map_verify(map, 0, UINT64_MAX), 0);
	page_map_free(map);
	expect_unreadable(d->top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_circle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_checksums, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compare, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legacy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lazy_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sink_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sink_from_file, setup, teardown),
		cmocka_unit_test(test_door),
		cmocka_unit_test(test_arming),
		cmocka_unit_test(test_huge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
