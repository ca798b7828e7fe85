// SPDX-License-Identifier: GPL-2.0-only
/*
 * What somebody says in a lazy session with a page server, as either end of it. The first
 * byte says which: 0 hears requests, anything else hears answers. Who asks for what he may
 * not have gets nothing, and who answers what nobody asked for is not believed.
 */
#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pages/answer.h"
#include "pages/fetch.h"
#include "pages/frame.h"
#include "pages/pagemap.h"
#include "test/fuzz/fetched.h"
#include "test/fuzz/target.h"
#include "util/macro.h"

#define PID 7
#define START 0x10000UL
#define N_PAGES 4
/* So that a socket holds all answers, and nobody has to read meanwhile. */
#define REQUESTS_MAX 8

static struct page_extent extents[] = {
	{ .start = START, .len = N_PAGES * PAGE_SIZE, .flags = PAGE_LAZY },
	{ .start = START + N_PAGES * PAGE_SIZE, .len = PAGE_SIZE, .flags = PAGE_PRESENT },
};
static const struct page_map map = {
	.type = IMAGE_PAGEMAP, .key = PID, .extents = extents, .n_extents = ARRAY_SIZE(extents),
};

static int memory(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("memory", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, START + 8 * PAGE_SIZE))
		err(1, "memory");
	return fd;
}

static void say(int sock, const void *data, size_t len)
{
	/* What does not fit is not said: the session is cut there. */
	if (send(sock, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && len)
		err(1, "send");
	shutdown(sock, SHUT_WR);
}

/* Every answer must be about memory that is lent. */
static void check_answers(int sock)
{
	static char pages[N_PAGES * PAGE_SIZE];
	struct page_frame frame;

	while (recv(sock, &frame, sizeof(frame), MSG_WAITALL) == sizeof(frame)) {
		ssize_t len = frame.nr_pages << PAGE_SHIFT;

		if (frame.command != FRAME_ADD_F || frame.target != PID || !frame.nr_pages ||
		    frame.nr_pages > N_PAGES || frame.vaddr < START ||
		    frame.vaddr + len > START + sizeof(pages) ||
		    recv(sock, pages, len, MSG_WAITALL) != len)
			abort();
	}
}

static void hear_requests(int pair[2], const uint8_t *data, size_t size)
{
	const struct page_offer offer = { .map = &map, .mem = memory() };
	struct stream stream = stream_plain(pair[1]);

	say(pair[0], data, MIN(size, REQUESTS_MAX * sizeof(struct page_frame)));
	page_answer(&stream, NULL, &offer, 1, -1);
	shutdown(pair[1], SHUT_WR);
	check_answers(pair[0]);
	close(pair[0]);
	close(pair[1]);
}

static void hear_answers(int pair[2], const uint8_t *data, size_t size)
{
	struct page_fetch *f;
	const void *page;
	uint64_t got, asked;

	if (page_fetch_new(stream_plain(pair[0]), &f))
		abort();
	page_fetch_get(f, PID, START, PAGE_SIZE, &page, &got);
	page_fetch_ahead(f, PID, START, 3 * PAGE_SIZE, &asked);
	say(pair[1], data, size);
	while (!page_fetch_receive(f))
		;
	fetched_check(f, PID, START, START + 3 * PAGE_SIZE, START + N_PAGES * PAGE_SIZE);
	page_fetch_close(f);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];

	target_silence();
	if (!size)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	if (data[0])
		hear_answers(pair, data + 1, size - 1);
	else
		hear_requests(pair, data + 1, size - 1);
	return 0;
}
