// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page server and those who talk to it: what is sent is what is stored, and
 * whatever is cut short, or was never meant, leaves nothing behind.
 */
#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/dir.h"
#include "pages/frame.h"
#include "pages/link.h"
#include "pages/pagemap.h"
#include "pages/receive.h"
#include "pages/sink.h"
#include "util/io.h"
#include "util/macro.h"

#define AT(page) ((uint64_t)(page) * PAGE_SIZE)

struct fixture {
	char path[32];
	struct image_dir *dir;
	int ours, theirs;		/* the connection; theirs is the server's end */
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));
	int pair[2];

	strcpy(fx->path, "/tmp/remote-test-XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	assert_int_equal(image_dir_open(fx->path, &fx->dir), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fx->ours = pair[0];
	fx->theirs = pair[1];
	*state = fx;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	if (fx->ours >= 0)
		close(fx->ours);
	close(fx->theirs);
	image_dir_free(fx->dir);
	nftw(fx->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(fx);
	return 0;
}

static size_t count_images(const struct fixture *fx)
{
	char pattern[64];
	glob_t found;
	size_t n;

	snprintf(pattern, sizeof(pattern), "%s/*", fx->path);
	n = glob(pattern, 0, NULL, &found) ? 0 : found.gl_pathc;
	if (n)
		globfree(&found);
	return n;
}

static void fill_page(char *page, enum image_type type, uint64_t number)
{
	memset(page, type == IMAGE_PAGEMAP ? 'p' : 's', PAGE_SIZE);
	page[1] = number;
}

static void check_map(struct image_dir *dir, enum image_type type, uint64_t key)
{
	static const uint64_t pages[] = { 1, 2, 8 };
	struct page_map *map;
	char page[PAGE_SIZE], found[PAGE_SIZE];

	assert_int_equal(page_map_load(dir, type, key, &map), 0);
	assert_int_equal(map->nr_pages, 3);
	assert_int_equal(map->nr_lazy_only, 2);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		const struct page_extent *e = page_map_find(map, AT(pages[i]));

		assert_true(e && e->start <= AT(pages[i]) && page_extent_has_data(e));
		fill_page(page, type, pages[i]);
		assert_int_equal(pread_all(map->files[e->file].fd, found, PAGE_SIZE,
					   e->offset + AT(pages[i]) - e->start), PAGE_SIZE);
		assert_memory_equal(page, found, PAGE_SIZE);
	}
	page_map_free(map);
}

/* The dump's half, in a process of its own. Its exit code: how often it failed. */
static pid_t start_sender(struct fixture *fx)
{
	pid_t pid = fork();

	if (pid == 0) {
		char path[] = "/tmp/remote-test-dump-XXXXXX";
		struct image_dir *dir = NULL;
		struct page_link *link;
		int failed = 0;

		failed += !mkdtemp(path) || image_dir_open(path, &dir);
		failed += page_link_new(stream_plain(fx->ours), &link) != 0;
		for (int i = 0; i < 2 && !failed; i++) {
			struct page_sink *sink;
			char page[PAGE_SIZE];
			const enum image_type type = i ? IMAGE_SHMEM_PAGEMAP : IMAGE_PAGEMAP;

			failed += page_sink_open(dir, link, type, 7, 1, &sink) != 0;
			/* The bytes of the last extent are still due. */
			failed += page_sink_extent(sink, AT(1), 2, PAGE_PRESENT | PAGE_LAZY) != 0;
			failed += page_sink_extent(sink, AT(4), 2, PAGE_LAZY) != -EPROTO;
			for (int n = 1; n <= 2; n++) {
				fill_page(page, type, n);
				failed += page_sink_data(sink, page, sizeof(page)) != 0;
			}
			failed += page_sink_extent(sink, AT(4), 2, PAGE_LAZY) != 0;
			failed += page_sink_extent(sink, AT(8), 1, PAGE_PRESENT) != 0;
			fill_page(page, type, 8);
			failed += page_sink_data(sink, page, sizeof(page)) != 0;
			failed += page_sink_close(sink) != 0;
		}
		failed += page_link_close(link) != 0;
		image_dir_free(dir);
		rmdir(path);
		_exit(failed);
	}
	close(fx->ours);
	fx->ours = -1;
	return pid;
}

static void test_session(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = start_sender(fx);
	struct stream stream = stream_plain(fx->theirs);
	int status;

	assert_int_equal(page_receive(&stream, fx->dir), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_map(fx->dir, IMAGE_PAGEMAP, 7);
	check_map(fx->dir, IMAGE_SHMEM_PAGEMAP, 7);
}

/* A session by hand: two page maps, one of them in an older peer's words. */
static size_t write_session(char *buf)
{
	static const struct page_frame frames[] = {
		{ .command = FRAME_OPEN2, .target = 7 << 8 | 1 },
		{ .command = FRAME_ADD_F, .flags = PAGE_PRESENT | PAGE_LAZY, .nr_pages = 2,
		  .vaddr = AT(1), .target = 7 << 8 | 1 },
		{ .command = FRAME_ADD_F, .flags = PAGE_LAZY, .nr_pages = 2, .vaddr = AT(4),
		  .target = 7 << 8 | 1 },
		{ .command = FRAME_PARENT, .target = 7 << 8 | 33 },
		{ .command = FRAME_OPEN, .target = 7 << 8 | 33 },
		{ .command = FRAME_ADD, .nr_pages = 1, .vaddr = AT(8), .target = 7 << 8 | 33 },
		{ .command = FRAME_CLOSE },
	};
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		bool data = frames[i].command == FRAME_ADD || frames[i].flags & PAGE_PRESENT;

		memcpy(buf + len, &frames[i], sizeof(frames[i]));
		len += sizeof(frames[i]);
		for (uint64_t n = 0; data && n < frames[i].nr_pages; n++, len += PAGE_SIZE)
			fill_page(buf + len, IMAGE_PAGEMAP, n);
	}
	return len;
}

/* Returns what the server makes of @len bytes and the end of the connection. */
static int receive_bytes(struct fixture *fx, const char *buf, size_t len)
{
	struct stream stream;
	int pair[2], ret;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(write_all(pair[0], buf, len), 0);
	shutdown(pair[0], SHUT_WR);
	stream = stream_plain(pair[1]);
	ret = page_receive(&stream, fx->dir);
	close(pair[0]);
	close(pair[1]);
	return ret;
}

static void test_cut(void **state)
{
	struct fixture *fx = *state;
	char *buf = malloc(8 * PAGE_SIZE);
	size_t len = write_session(buf);

	for (size_t cut = 0; cut < len; cut += cut % PAGE_SIZE < 96 ? 1 : 61) {
		assert_int_equal(receive_bytes(fx, buf, cut), -EPROTO);
		assert_int_equal(count_images(fx), 0);
	}
	assert_int_equal(receive_bytes(fx, buf, len), 0);
	assert_int_equal(count_images(fx), 6);
	free(buf);
}

#define TASK_7 (7 << 8 | 1)
#define OPEN_7 { .command = FRAME_OPEN, .target = TASK_7 }

static void test_hostile(void **state)
{
	static const struct {
		int ret;
		struct page_frame frames[3];
	} cases[] = {
		{ -EPROTO, { { .command = 99 } } },
		{ -EPROTO, { { .command = FRAME_GET, .target = 7, .nr_pages = 1 } } },
		{ -EPROTO, { { .command = FRAME_OPEN, .target = 7 << 8 | 3 } } },
		{ -EPROTO, { { .command = FRAME_OPEN, .target = 1 } } },
		{ -EPROTO, { { .command = FRAME_OPEN2, .target = UINT64_MAX << 8 | 1 } } },
		{ -EPROTO, { OPEN_7, OPEN_7 } },
		{ -EPROTO, { { .command = FRAME_ADD, .target = TASK_7, .nr_pages = 1 } } },
		{ -EPROTO, { OPEN_7, { .command = FRAME_ADD, .target = 8 << 8 | 1,
				       .nr_pages = 1 } } },
		{ -ENOTSUP, { OPEN_7, { .command = FRAME_HOLE, .target = TASK_7,
					.nr_pages = 1 } } },
		{ -ENOTSUP, { OPEN_7, { .command = FRAME_ADD_F, .flags = PAGE_PARENT,
					.target = TASK_7, .nr_pages = 1 } } },
		{ -EPROTO, { OPEN_7, { .command = FRAME_ADD_F, .flags = 0x8000,
				       .target = TASK_7, .nr_pages = 1 } } },
		{ -EINVAL, { OPEN_7, { .command = FRAME_ADD_F, .target = TASK_7,
				       .nr_pages = 1 } } },
		{ -EINVAL, { OPEN_7, { .command = FRAME_ADD, .target = TASK_7 } } },
		{ -EINVAL, { OPEN_7, { .command = FRAME_ADD, .target = TASK_7, .nr_pages = 1,
				       .vaddr = 1 } } },
		{ -EINVAL, { OPEN_7, { .command = FRAME_ADD, .target = TASK_7, .nr_pages = 2,
				       .vaddr = -PAGE_SIZE } } },
		{ -EINVAL, { OPEN_7, { .command = FRAME_ADD, .target = TASK_7,
				       .nr_pages = UINT64_MAX } } },
		/* As much as there can be: it ends at the end of what comes. */
		{ -EPROTO, { OPEN_7, { .command = FRAME_ADD, .target = TASK_7,
				       .nr_pages = (1ULL << 52) - 1 } } },
		{ -EINVAL, { OPEN_7, { .command = FRAME_ADD_F, .flags = PAGE_LAZY,
				       .target = TASK_7, .nr_pages = 2, .vaddr = AT(4) },
			     { .command = FRAME_ADD_F, .flags = PAGE_LAZY, .target = TASK_7,
			       .nr_pages = 1, .vaddr = AT(5) } } },
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = 0;

		while (n < ARRAY_SIZE(cases[i].frames) && cases[i].frames[n].command)
			n++;
		if (receive_bytes(fx, (const char *)cases[i].frames, n * sizeof(struct page_frame))
		    != cases[i].ret)
			fail_msg("case %zu", i);
		assert_int_equal(count_images(fx), 0);
	}
}

/* A server that says something else, or nothing. */
static void test_link(void **state)
{
	static const struct {
		int opened, closed;
		size_t len;
		char answers[5];
	} cases[] = {
		{ 0, 0, 5, { 0, 0, 0, 0, 0 } },
		{ -ECONNRESET, 0, 0, { 0 } },
		{ -ENOTSUP, 0, 1, { 1 } },
		{ 0, -ECONNRESET, 1, { 0 } },
		{ 0, -ECONNRESET, 3, { 0, 0, 0 } },
		{ 0, -EPROTO, 5, { 0, 1, 0, 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct page_link *link;
		int pair[2], opened;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(write_all(pair[1], cases[i].answers, cases[i].len), 0);
		shutdown(pair[1], SHUT_WR);
		assert_int_equal(page_link_new(stream_plain(pair[0]), &link), 0);
		opened = page_link_open(link, IMAGE_PAGEMAP, 7);
		assert_int_equal(opened, cases[i].opened);
		if (opened)
			page_link_free(link);
		else
			assert_int_equal(page_link_close(link), cases[i].closed);
		close(pair[1]);
	}
}

static void test_targets(void **state)
{
	static const struct { uint64_t target, key; enum image_type type; int ret; } cases[] = {
		{ 7 << 8 | 1, 7, IMAGE_PAGEMAP, 0 }, { 7 << 8 | 2, 7, IMAGE_SHMEM_PAGEMAP, 0 },
		{ 7 << 8 | 10, 7, IMAGE_PAGEMAP, 0 }, { 7 << 8 | 11, 7, IMAGE_PAGEMAP, 0 },
		{ 7 << 8 | 16, 7, IMAGE_PAGEMAP, 0 }, { 7 << 8 | 17, 7, IMAGE_PAGEMAP, 0 },
		{ 7 << 8 | 27, 7, IMAGE_SHMEM_PAGEMAP, 0 },
		{ 7 << 8 | 29, 7, IMAGE_SHMEM_PAGEMAP, 0 },
		{ 7 << 8 | 32, 7, IMAGE_SHMEM_PAGEMAP, 0 },
		{ 7 << 8 | 34, 7, IMAGE_SHMEM_PAGEMAP, 0 },
		{ 7 << 8 | 0, 0, 0, -EPROTO }, { 7 << 8 | 3, 0, 0, -EPROTO },
		{ 7 << 8 | 12, 0, 0, -EPROTO }, { 7 << 8 | 30, 0, 0, -EPROTO },
		{ 7 << 8 | 35, 0, 0, -EPROTO }, { 0 << 8 | 1, 0, 0, -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum image_type type;
		uint64_t key;

		assert_int_equal(frame_target_parse(cases[i].target, &type, &key), cases[i].ret);
		if (cases[i].ret)
			continue;
		assert_int_equal(type, cases[i].type);
		assert_int_equal(key, cases[i].key);
	}
	assert_int_equal(frame_target(IMAGE_PAGEMAP, 7), 7 << 8 | 1);
	assert_int_equal(frame_target(IMAGE_SHMEM_PAGEMAP, 7), 7 << 8 | 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_link),
		cmocka_unit_test_setup_teardown(test_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
