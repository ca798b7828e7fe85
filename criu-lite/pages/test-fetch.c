// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lazy session, from both ends. Each end meets the other one, and a peer made
 * by hand, who says whatever he likes and stops wherever he likes: no byte is
 * taken for a page that is not the one that was asked for, and none is given that
 * the images have.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/dir.h"
#include "pages/answer.h"
#include "pages/fetch.h"
#include "pages/frame.h"
#include "pages/pagemap.h"
#include "pages/sink.h"
#include "pages/source.h"
#include "pages/test-lent.h"
#include "util/io.h"
#include "util/macro.h"

#define FRAME(name, bits, pages, at, pid) \
	{ .command = name, .flags = bits, .nr_pages = pages, .vaddr = at, .target = pid }

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

/* The answering end, in a process of its own; its exit code: whether it ended otherwise. */
static pid_t start_stoppable(int pair[2], int mem, int stop, int expected)
{
	pid_t pid;

	make_pair(pair);
	pid = fork();
	if (pid == 0) {
		const struct page_offer offer = { .map = &lent_map, .mem = mem };
		struct stream stream = stream_plain(pair[1]);
		int err;

		close(pair[0]);
		err = page_answer(&stream, NULL, &offer, 1, stop);
		if (!err)
			err = page_answer_close(&stream);
		_exit(err != expected);
	}
	close(pair[1]);
	return pid;
}

static pid_t start_answering(int pair[2], int mem, int expected)
{
	return start_stoppable(pair, mem, -1, expected);
}

/* Everything there is, in the background, with a fault now and then. */
static void test_session(void **state)
{
	int pair[2], mem = lent_memory();
	pid_t pid = start_answering(pair, mem, 0);
	uint64_t at = AT(64), got, asked, fault = AT(16);
	struct page_fetch *f;
	const void *data;

	assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
	while (at < AT(N_PAGES)) {
		int err;

		assert_int_equal(page_fetch_ahead(f, PID, at, AT(N_PAGES) - at, &asked), 0);
		assert_true(asked && asked <= FETCH_WINDOW_MAX + FETCH_WINDOW_MIN);
		err = page_fetch_get(f, PID, at, AT(N_PAGES) - at, &data, &got);
		if (!err) {
			lent_check(data, got, at);
			at += got;
			continue;
		}
		assert_int_equal(err, -EAGAIN);
		if (fault < AT(32)) {
			err = page_fetch_get(f, PID, fault, PAGE_SIZE, &data, &got);
			if (!err) {
				lent_check(data, got, fault);
				fault += PAGE_SIZE;
			}
		}
		wait_input(f);
		assert_int_equal(page_fetch_receive(f), 0);
	}
	/* What is still on its way is no reason not to end. */
	assert_int_equal(page_fetch_ahead(f, PID, AT(64), AT(64), &asked), 0);
	assert_int_equal(page_fetch_close(f), 0);
	wait_end(pid);
	close(mem);
}

/* The oldest answer that has come, or comes. */
static void drop_one(struct page_fetch *f)
{
	uint64_t addr, len;
	int pid;

	while (!page_fetch_arrived(f, &pid, &addr, &len)) {
		wait_input(f);
		assert_int_equal(page_fetch_receive(f), 0);
	}
	assert_int_equal(pid, PID);
	assert_true(addr >= AT(64) && len == AT(16));
	page_fetch_unwanted(f);
}

/* What was asked for and is not wanted any more is in the way until it is dropped. */
static void test_unwanted(void **state)
{
	int pair[2], mem = lent_memory();
	pid_t pid = start_answering(pair, mem, 0);
	uint64_t asked, got;
	struct page_fetch *f;
	const void *data;

	assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
	for (int round = 0; round < 50; round++) {
		uint64_t at = AT(64 + round * 16);

		do {
			assert_int_equal(page_fetch_ahead(f, PID, at, AT(16), &asked), 0);
			if (!asked)
				drop_one(f);
		} while (!asked);
	}
	/* And a fault is asked for whatever else there is. */
	while (page_fetch_get(f, PID, AT(20), PAGE_SIZE, &data, &got) == -EAGAIN) {
		wait_input(f);
		assert_int_equal(page_fetch_receive(f), 0);
	}
	assert_int_equal(got, PAGE_SIZE);
	lent_check(data, got, AT(20));
	assert_int_equal(page_fetch_close(f), 0);
	wait_end(pid);
	close(mem);
}

/* A server that ends wherever it likes in a sound answer, and one that never began. */
static void test_answer_cut(void **state)
{
	const struct page_frame frame = {
		.command = FRAME_ADD_F, .flags = PAGE_PRESENT, .nr_pages = 1, .vaddr = AT(16),
		.target = PID,
	};
	char answer[sizeof(frame) + PAGE_SIZE];

	memcpy(answer, &frame, sizeof(frame));
	lent_page(answer + sizeof(frame), 16);
	for (size_t cut = 0; cut <= sizeof(answer); cut += cut < 64 || cut > PAGE_SIZE ? 1 : 61) {
		struct page_fetch *f;
		const void *data;
		uint64_t got;
		int pair[2], err;

		make_pair(pair);
		assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
		assert_int_equal(page_fetch_get(f, PID, AT(16), PAGE_SIZE, &data, &got), -EAGAIN);
		/* In two pieces. */
		assert_int_equal(write_all(pair[1], answer, cut / 2), 0);
		assert_int_equal(page_fetch_receive(f), 0);
		assert_int_equal(page_fetch_get(f, PID, AT(16), PAGE_SIZE, &data, &got), -EAGAIN);
		assert_int_equal(write_all(pair[1], answer + cut / 2, cut - cut / 2), 0);
		close(pair[1]);
		err = page_fetch_receive(f);
		if (!err)
			err = page_fetch_receive(f);
		assert_true(err == -ECONNRESET || err == -EPIPE);
		err = page_fetch_get(f, PID, AT(16), PAGE_SIZE, &data, &got);
		assert_int_equal(err, cut == sizeof(answer) ? 0 : -EAGAIN);
		if (!err)
			lent_check(data, got, AT(16));
		page_fetch_free(f);
	}
}

/* Answers that are not to the request: of two pages at page 16. */
static void test_answer_lies(void **state)
{
	static const struct page_frame lies[] = {
		FRAME(0, 0, 0, 0, 0),
		FRAME(FRAME_GET, PAGE_PRESENT, 2, AT(16), PID),
		FRAME(FRAME_ADD, PAGE_PRESENT, 2, AT(16), PID),
		FRAME(FRAME_ADD_F, 0, 2, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_LAZY, 2, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT | PAGE_LAZY, 2, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 0, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 3, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, UINT64_MAX, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 1ULL << 52 | 2, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 2, AT(17), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 2, AT(16) + 1, PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 2, 0, PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 2, AT(16), PID + 1),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 2, AT(16), PID << 8 | 1),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 2, AT(16), 1ULL << 32 | PID),
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct page_fetch *f;
		const void *data;
		uint64_t got;
		int pair[2];

		make_pair(pair);
		assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
		assert_int_equal(page_fetch_get(f, PID, AT(16), AT(2), &data, &got), -EAGAIN);
		assert_int_equal(write_all(pair[1], &lies[i], sizeof(lies[i])), 0);
		if (page_fetch_receive(f) != -EPROTO)
			fail_msg("lie %zu", i);
		page_fetch_free(f);
		close(pair[1]);
	}
}

/* What nobody asked for, fewer pages than asked for, and an end with a bad word. */
static void test_answer_odd(void **state)
{
	struct {
		struct page_frame frame;
		char page[PAGE_SIZE];
	} answer = { .frame = { .command = FRAME_ADD_F, .flags = PAGE_PRESENT, .nr_pages = 1,
				.vaddr = AT(16), .target = PID } };
	const int32_t status = -5;
	struct page_fetch *f;
	const void *data;
	uint64_t got;
	int pair[2];

	lent_page(answer.page, 16);
	make_pair(pair);
	assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
	assert_int_equal(write_all(pair[1], &answer, sizeof(answer)), 0);
	assert_int_equal(page_fetch_receive(f), -EPROTO);
	page_fetch_free(f);
	close(pair[1]);

	make_pair(pair);
	assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
	assert_int_equal(page_fetch_get(f, PID, AT(16), AT(2), &data, &got), -EAGAIN);
	assert_int_equal(write_all(pair[1], &answer, sizeof(answer)), 0);
	assert_int_equal(page_fetch_receive(f), 0);
	assert_int_equal(page_fetch_get(f, PID, AT(16), AT(2), &data, &got), 0);
	assert_int_equal(got, PAGE_SIZE);
	lent_check(data, got, AT(16));
	/* The rest is asked for again, and was not answered. */
	assert_int_equal(page_fetch_get(f, PID, AT(17), AT(1), &data, &got), -EAGAIN);
	lent_page(answer.page, 17);
	answer.frame.vaddr = AT(17);
	assert_int_equal(write_all(pair[1], &answer, sizeof(answer)), 0);
	assert_int_equal(write_all(pair[1], &status, sizeof(status)), 0);
	assert_int_equal(page_fetch_close(f), -EPROTO);
	close(pair[1]);
}

/* Returns what the answering end makes of @len bytes and the end of the connection. */
static int answer_bytes(int mem, const void *buf, size_t len)
{
	const struct page_offer offer = { .map = &lent_map, .mem = mem };
	struct stream stream;
	int pair[2], err;

	make_pair(pair);
	stream = stream_plain(pair[1]);
	assert_int_equal(write_all(pair[0], buf, len), 0);
	shutdown(pair[0], SHUT_WR);
	err = page_answer(&stream, NULL, &offer, 1, -1);
	close(pair[0]);
	close(pair[1]);
	return err;
}

static void test_requests_cut(void **state)
{
	const struct page_frame frames[] = {
		{ .command = FRAME_GET, .nr_pages = 1, .vaddr = AT(16), .target = PID },
		{ .command = FRAME_GET, .nr_pages = 1, .vaddr = AT(64), .target = PID },
		{ .command = FRAME_CLOSE },
	};
	int mem = lent_memory();

	for (size_t cut = 0; cut < sizeof(frames); cut++)
		assert_int_equal(answer_bytes(mem, frames, cut), -ECONNRESET);
	assert_int_equal(answer_bytes(mem, frames, sizeof(frames)), 0);
	close(mem);
}

static void test_requests_hostile(void **state)
{
	static const struct page_frame frames[] = {
		FRAME(0, 0, 0, 0, 0),
		FRAME(99, 0, 1, AT(16), PID),
		FRAME(FRAME_ADD, 0, 1, AT(16), PID),
		FRAME(FRAME_ADD_F, PAGE_PRESENT, 1, AT(16), PID),
		FRAME(FRAME_OPEN2, 0, 1, AT(16), PID),
		FRAME(FRAME_GET, 0, 1, AT(16), PID << 8 | 1),
		FRAME(FRAME_GET, 0, 1, AT(16), 1ULL << 32 | PID),
		FRAME(FRAME_GET, 0, 1, AT(16), 0),
		FRAME(FRAME_GET, 0, 0, AT(16), PID),
		FRAME(FRAME_GET, 0, 1, AT(16) + 1, PID),
		/* A hole before what there is, what the images have, and a hole behind it. */
		FRAME(FRAME_GET, 0, 1, AT(15), PID),
		FRAME(FRAME_GET, 0, 1, AT(32), PID),
		FRAME(FRAME_GET, 0, 1, AT(48), PID),
		FRAME(FRAME_GET, 0, 1, AT(N_PAGES), PID),
		FRAME(FRAME_GET, 0, 1, -PAGE_SIZE, PID),
	};
	int mem = lent_memory();

	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		if (answer_bytes(mem, &frames[i], sizeof(frames[i])) != -EPROTO)
			fail_msg("request %zu", i);
	close(mem);
}

/* However long the request, the answer ends where the images begin. */
static void test_request_long(void **state)
{
	static const uint64_t lengths[] = { 17, 1ULL << 52, UINT64_MAX };
	int mem = lent_memory();

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct page_frame frame = { .command = FRAME_GET, .nr_pages = lengths[i],
					    .vaddr = AT(16), .target = PID };
		char *data = malloc(AT(16));
		int pair[2];
		pid_t pid = start_answering(pair, mem, -ECONNRESET);

		assert_int_equal(write_all(pair[0], &frame, sizeof(frame)), 0);
		assert_int_equal(read_all(pair[0], &frame, sizeof(frame)), sizeof(frame));
		assert_int_equal(frame.command, FRAME_ADD_F);
		assert_int_equal(frame.flags, PAGE_PRESENT);
		assert_int_equal(frame.nr_pages, 16);
		assert_int_equal(frame.vaddr, AT(16));
		assert_int_equal(frame.target, PID);
		assert_int_equal(read_all(pair[0], data, AT(16)), AT(16));
		lent_check(data, AT(16), AT(16));
		free(data);
		close(pair[0]);
		wait_end(pid);
	}
	close(mem);
}

/* The memory is gone: nothing is said to be a page. */
static void test_memory_gone(void **state)
{
	const struct page_frame frame = { .command = FRAME_GET, .nr_pages = 1, .vaddr = AT(16),
					  .target = PID };
	int mem = lent_memory();

	assert_int_equal(ftruncate(mem, AT(16) + 100), 0);
	assert_int_equal(answer_bytes(mem, &frame, sizeof(frame)), -ESRCH);
	close(mem);
}

/* Who is asked to stop does, whether it waits for a request or for room. */
static void test_stop(void **state)
{
	const struct page_frame frame = FRAME(FRAME_GET, 0, N_PAGES - 64, AT(64), PID);
	int mem = lent_memory();

	for (int asks = 0; asks < 2; asks++) {
		struct page_frame answer;
		int pair[2], stop[2];
		pid_t pid;

		make_pair(stop);
		pid = start_stoppable(pair, mem, stop[0], -EINTR);
		if (asks) {
			assert_int_equal(write_all(pair[0], &frame, sizeof(frame)), 0);
			assert_int_equal(read_all(pair[0], &answer, sizeof(answer)),
					 sizeof(answer));
		}
		assert_int_equal(write_all(stop[1], "", 1), 0);
		wait_end(pid);
		close(pair[0]);
		close(stop[0]);
		close(stop[1]);
	}
	close(mem);
}

/* What a dump --lazy-pages leaves: page 16 to 31 with it, 32 to 47 in its images, then a hole. */
static struct image_dir *make_images(char *path)
{
	struct image_dir *dir;
	struct page_sink *sink;
	char page[PAGE_SIZE];

	assert_non_null(mkdtemp(path));
	assert_int_equal(image_dir_open(path, &dir), 0);
	assert_int_equal(page_sink_open(dir, NULL, IMAGE_PAGEMAP, PID, 1, &sink), 0);
	assert_int_equal(page_sink_extent(sink, AT(16), 16, PAGE_LAZY), 0);
	assert_int_equal(page_sink_extent(sink, AT(32), 16, PAGE_PRESENT), 0);
	for (uint64_t i = 32; i < 48; i++) {
		lent_page(page, i);
		assert_int_equal(page_sink_data(sink, page, sizeof(page)), 0);
	}
	assert_int_equal(page_sink_extent(sink, AT(64), N_PAGES - 64, PAGE_LAZY), 0);
	assert_int_equal(page_sink_close(sink), 0);
	return dir;
}

static void remove_images(struct image_dir *dir)
{
	image_remove(dir, IMAGE_PAGEMAP, PID);
	image_remove(dir, IMAGE_PAGES, 1);
	image_remove(dir, IMAGE_PAGE_CRCS, 1);
	assert_int_equal(rmdir(dir->path), 0);
	image_dir_free(dir);
}

/* Looks up all of [0, AT(N_PAGES)): what is there, and that it is the right thing. */
static void look_up_all(struct page_source *src, struct page_fetch *f)
{
	uint64_t at = 0, near;

	while (at < AT(N_PAGES)) {
		struct source_run found, run;
		int err;

		assert_int_equal(source_find(src, at, AT(N_PAGES) - at, &found), 0);
		assert_int_equal(source_will_need(src, at, AT(N_PAGES) - at, &near), 0);
		err = source_lookup(src, at, AT(N_PAGES) - at, &run);
		if (err == -EAGAIN) {
			wait_input(f);
			assert_int_equal(page_fetch_receive(f), 0);
			continue;
		}
		assert_int_equal(err, 0);
		assert_int_equal(run.kind, found.kind);
		assert_true(run.len <= found.len);
		if (run.kind == SOURCE_DATA)
			lent_check(run.data, run.len, at);
		else
			assert_true(at < AT(16) || (at >= AT(48) && at < AT(64)));
		at += run.len;
	}
}

/* Pages from both places; from the images alone, none of what they leave out. */
static void test_source(void **state)
{
	char path[] = "/tmp/fetch-test-XXXXXX";
	struct image_dir *dir = make_images(path);
	int pair[2], mem = lent_memory();
	pid_t pid = start_answering(pair, mem, 0);
	struct page_source *src;
	struct page_fetch *f;

	assert_int_equal(page_fetch_new(stream_plain(pair[0]), &f), 0);
	assert_int_equal(source_file_open(dir, IMAGE_PAGEMAP, PID, &src), -ENOTSUP);
	assert_int_equal(source_remote_open(dir, PID + 1, f, &src), -ENOENT);
	assert_int_equal(source_remote_open(dir, PID, f, &src), 0);
	look_up_all(src, f);
	source_free(src);
	assert_int_equal(page_fetch_close(f), 0);
	wait_end(pid);
	close(mem);
	remove_images(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_unwanted),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_answer_cut),
		cmocka_unit_test(test_answer_lies),
		cmocka_unit_test(test_answer_odd),
		cmocka_unit_test(test_requests_cut),
		cmocka_unit_test(test_requests_hostile),
		cmocka_unit_test(test_request_long),
		cmocka_unit_test(test_memory_gone),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
