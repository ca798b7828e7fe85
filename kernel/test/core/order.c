// SPDX-License-Identifier: GPL-2.0-only
/*
 * The numbers of events: the order in which the changes were announced, whatever the
 * order in which their threads come to send them, and without a gap.
 */
#include <string.h>

#include "support.h"

static struct file *open_ordered(void)
{
	struct file *file = stub_open(O_NONBLOCK);

	stub_ctx(file)->features |= UFFD_FEATURE_EVENT_ORDER;
	return file;
}

/* The next message; its number, or -EAGAIN. */
static long read_number(struct file *file, struct uffd_msg *msg)
{
	ssize_t got = stub_read(file, msg, sizeof(*msg));

	return got < 0 ? got : msg->order;
}

static void close_unused(struct file *file)
{
	EQUAL(refcount_read(&stub_ctx(file)->refs), 1);
	CHECK(list_empty(&stub_ctx(file)->unnumbered));
	EQUAL(stub_ctx(file)->changes.pending, 0);
	EQUAL(stub_fds_reserved(), 0);
	stub_close(file);
}

/* What happens for certain has its number at once, and can be sent in any order. */
static void order_of_announcement(void)
{
	enum { N = 4 };
	struct file *file = open_ordered();
	struct uffd_event *event[N];
	struct sender s[N];
	struct uffd_msg msg;
	int i;

	for (i = 0; i < N; i++) {
		event[i] = event_of_page(file, UFFD_EVENT_UNMAP, i);
		uffd_event_happens(event[i]);
	}
	for (i = N - 1; i >= 0; i--)
		send_announced(&s[i], event[i]);
	for (i = N - 1; i >= 0; i--) {
		EQUAL(read_number(file, &msg), i + 1);
		EQUAL(msg.arg.remove.start, i * PAGE);
		CHECK(send_end(&s[i]));
	}
	close_unused(file);
}

static void happens_from_the_beginning(void)
{
	struct file *file = open_ordered();
	struct uffd_event *first, *second;
	struct sender s[2];
	struct uffd_msg msg;

	first = uffd_event_new(stub_ctx(file), UFFD_EVENT_REMOVE, GFP_KERNEL);
	first->happened = true;
	uffd_event_announce(first, 0, PAGE);
	second = event_of_page(file, UFFD_EVENT_REMOVE, 1);
	send_announced(&s[1], second);
	EQUAL(read_number(file, &msg), 2);
	CHECK(send_end(&s[1]));
	send_announced(&s[0], first);
	EQUAL(read_number(file, &msg), 1);
	CHECK(send_end(&s[0]));
	close_unused(file);
}

/* Nobody knows yet whether the first one will happen: what comes then decides. */
static void uncertain_one(bool happens, bool fork)
{
	struct file *file = open_ordered();
	struct userfaultfd_ctx *ctx = stub_ctx(file);
	struct uffd_event *first;
	struct sender s[3];
	struct uffd_msg msg;
	int i, before = happens;

	first = fork ? event_of_fork(file) : event_of_page(file, UFFD_EVENT_UNMAP, 7);
	for (i = 0; i < 2; i++)
		send_start(&s[i], file, i, false);
	EQUAL(read_number(file, &msg), -EAGAIN);
	CHECK(!uffd_ctx_readable(ctx));
	/* What can't be read yet is pending all the same. */
	down_read(&ctx->changes.sem);
	CHECK(uffd_change_pending(&ctx->changes, 0, PAGE));
	up_read(&ctx->changes.sem);
	if (happens)
		uffd_event_happens(first);
	else
		uffd_event_drop(first);
	CHECK(uffd_ctx_readable(ctx));
	for (i = 0; i < 2; i++) {
		EQUAL(read_number(file, &msg), before + i + 1);
		EQUAL(msg.arg.remove.start, i * PAGE);
		CHECK(send_end(&s[i]));
	}
	if (happens) {
		send_announced(&s[2], first);
		EQUAL(read_number(file, &msg), 1);
		CHECK(send_end(&s[2]));
		if (fork)
			stub_close(stub_take_fd(msg.arg.fork.ufd));
	}
	close_unused(file);
}

static void waits_for_what_is_uncertain(void)
{
	uncertain_one(true, false);
	uncertain_one(true, true);
}

static void no_gap_for_what_fails(void)
{
	uncertain_one(false, false);
	uncertain_one(false, true);
}

struct reader {
	struct file *file;
	struct uffd_msg msg;
};

static void *read_blocking(void *arg)
{
	struct reader *r = arg;

	EQUAL(stub_read(r->file, &r->msg, sizeof(r->msg)), sizeof(r->msg));
	return NULL;
}

/* A reader that sleeps while all there is has no number is woken when it gets one. */
static void reader_is_woken(void)
{
	int way;

	for (way = 0; way < 2; way++) {
		struct reader r = { .file = stub_open(0) };
		struct uffd_event *first;
		struct sender s;
		pthread_t thread;

		stub_ctx(r.file)->features |= UFFD_FEATURE_EVENT_ORDER;
		first = event_of_page(r.file, UFFD_EVENT_UNMAP, 7);
		send_start(&s, r.file, 3, false);
		thread = thread_start(read_blocking, &r);
		usleep(20000);
		if (way)
			uffd_event_happens(first);
		else
			uffd_event_drop(first);
		pthread_join(thread, NULL);
		EQUAL(r.msg.order, way + 1);
		CHECK(send_end(&s));
		if (way)
			uffd_event_drop(first);
		close_unused(r.file);
	}
}

/* The thread goes, what it has done stays to be told. */
static void killed(bool fork, bool uncertain)
{
	struct file *file = open_ordered();
	struct userfaultfd_ctx *ctx = stub_ctx(file);
	struct uffd_event *first = NULL;
	struct uffd_msg msg;
	struct sender s[2];

	if (uncertain)
		first = event_of_page(file, UFFD_EVENT_UNMAP, 9);
	send_start(&s[0], file, 0, fork);
	stub_signal(SEEN(s[0].task), true);
	CHECK(!send_end(&s[0]));
	down_read(&ctx->changes.sem);
	CHECK(uffd_change_pending(&ctx->changes, 0, PAGE));
	up_read(&ctx->changes.sem);
	send_start(&s[1], file, 1, false);
	if (uncertain)
		uffd_event_drop(first);
	EQUAL(read_number(file, &msg), 1);
	EQUAL(msg.event, fork ? UFFD_EVENT_FORK : UFFD_EVENT_REMOVE);
	if (fork)
		stub_close(stub_take_fd(msg.arg.fork.ufd));
	EQUAL(read_number(file, &msg), 2);
	CHECK(send_end(&s[1]));
	close_unused(file);
}

static void killed_ones_are_told(void)
{
	killed(false, false);
	killed(true, false);
	killed(false, true);
	killed(true, true);
}

/* The sender and the reader agree on whether it was the thread's or the queue's. */
static void kill_meets_read(void)
{
	struct file *file = open_ordered();
	struct uffd_msg msg;
	int i;

	for (i = 0; i < 800; i++) {
		struct sender s;

		send_start(&s, file, i, i % 2);
		stub_signal(SEEN(s.task), true);
		EQUAL(read_number(file, &msg), i + 1);
		send_end(&s);
		if (i % 2)
			stub_close(stub_take_fd(msg.arg.fork.ufd));
	}
	close_unused(file);
}

/* Numbered, waiting for a number, left by a thread, not sent yet: a close ends all. */
static void close_ends_all(void)
{
	int round;

	for (round = 0; round < 100; round++) {
		struct file *file = open_ordered();
		struct uffd_event *uncertain;
		struct sender s[4];
		int i;

		send_start(&s[0], file, 0, true);
		send_start(&s[1], file, 1, true);
		stub_signal(SEEN(s[1].task), true);
		CHECK(!send_end(&s[1]));
		uncertain = event_of_fork(file);
		send_start(&s[2], file, 2, false);
		send_start(&s[3], file, 3, true);
		stub_signal(SEEN(s[3].task), true);
		CHECK(!send_end(&s[3]));
		stub_close(file);
		for (i = 0; i < 4; i += 2)
			CHECK(!send_end(&s[i]));
		CHECK(round % 2 ? (uffd_event_drop(uncertain), true) :
				  !uffd_event_send(uncertain));
	}
	EQUAL(refcount_read(&test_mm.mm_count), 1);
}

static void numbers_wrap(void)
{
	struct file *file = open_ordered();
	struct uffd_msg msg;
	struct sender s;
	u32 i;

	stub_ctx(file)->number = UINT32_MAX - 1;
	for (i = 0; i < 3; i++) {
		send_start(&s, file, 0, false);
		EQUAL(read_number(file, &msg), (u32)(UINT32_MAX + i));
		CHECK(send_end(&s));
	}
	close_unused(file);
}

static void without_the_feature(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_event *uncertain = event_of_page(file, UFFD_EVENT_UNMAP, 7);
	struct uffd_msg msg;
	struct sender s;

	send_start(&s, file, 0, false);
	EQUAL(read_number(file, &msg), 0);
	EQUAL(msg.event, UFFD_EVENT_REMOVE);
	CHECK(send_end(&s));
	uffd_event_happens(uncertain);
	send_announced(&s, uncertain);
	EQUAL(read_number(file, &msg), 0);
	CHECK(send_end(&s));
	close_unused(file);
}

static const struct test_case cases[] = {
	{ "numbers are in the order of announcement", order_of_announcement },
	{ "what can't fail has its number at once", happens_from_the_beginning },
	{ "what is behind an uncertain change waits", waits_for_what_is_uncertain },
	{ "what fails leaves no gap", no_gap_for_what_fails },
	{ "a reader is woken by a number", reader_is_woken },
	{ "what a killed thread did is told", killed_ones_are_told },
	{ "a kill meets a read", kill_meets_read },
	{ "a close ends all", close_ends_all },
	{ "numbers wrap", numbers_wrap },
	{ "without the feature there is no number, and no waiting", without_the_feature },
};
TEST_MAIN(cases)
