// SPDX-License-Identifier: GPL-2.0-only
/*
 * The queues, the events and the pending changes, one property after the other.
 *
 * The files of the kernel are compiled as they are. What can be seen with one
 * thread is seen with one; the rest makes its threads meet at the moment that the
 * property is about.
 */
#include <string.h>

#include <linux/slab.h>

#include "support.h"

/* --- waiters --- */

static void add(struct uffd_waiters *w, struct uffd_waiter *waiter, unsigned long address)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->task = current;
	waiter->address = address;
	uffd_waiter_add(w, waiter);
}

static void wake(struct uffd_waiters *w, unsigned long start, unsigned long last)
{
	DEFINE_WAKE_Q(q);

	uffd_waiters_wake(w, start, last, &q);
	wake_up_q(&q);
}

static void waiters_are_read_in_order(void)
{
	static const unsigned long order[] = { 5, 1, 9, 1, 0, 7 };
	struct uffd_waiter waiter[6];
	struct uffd_waiters w;
	int i;

	uffd_waiters_init(&w);
	CHECK(!uffd_waiter_first_unread(&w));
	for (i = 0; i < 6; i++)
		add(&w, &waiter[i], order[i] * PAGE);
	EQUAL(w.count, 6);
	EQUAL(w.unread_count, 6);
	for (i = 0; i < 6; i++) {
		CHECK(uffd_waiter_first_unread(&w) == &waiter[i]);
		CHECK(uffd_waiter_first_unread(&w) == &waiter[i]);
		uffd_waiter_read(&w, &waiter[i]);
		EQUAL(w.unread_count, 5 - i);
	}
	EQUAL(w.count, 6);
	wake(&w, 0, ULONG_MAX);
	EQUAL(w.count, 0);
}

static void edges_of_a_wake(void)
{
	static const struct {
		unsigned long start, last;
		bool woken;
	} t[] = {
		{ 0, PAGE - 1, false }, { 0, PAGE, true }, { PAGE, PAGE, true },
		{ PAGE, 2 * PAGE - 1, true }, { PAGE + 1, 9 * PAGE, false },
		{ 0, ULONG_MAX, true }, { 2 * PAGE, ULONG_MAX, false },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct uffd_waiter waiter;
		struct uffd_waiters w;

		uffd_waiters_init(&w);
		add(&w, &waiter, PAGE);
		wake(&w, t[i].start, t[i].last);
		EQUAL(waiter.woken, t[i].woken);
		EQUAL(w.count, !t[i].woken);
		EQUAL(w.unread_count, !t[i].woken);
		/* Twice over is once, and nothing after a wake. */
		uffd_waiter_remove(&w, &waiter);
		EQUAL(w.count, 0);
		EQUAL(w.unread_count, 0);
	}
}

/* Against a plain array that says for each waiter what it must be. */
static void waiters_against_an_array(void)
{
	enum { N = 40 };
	static struct uffd_waiter waiter[N];
	enum { OUT, UNREAD, READ } state[N] = { OUT };
	unsigned int seed = 1;
	struct uffd_waiters w;
	int round, i;

	uffd_waiters_init(&w);
	for (round = 0; round < 60000 && !test_failures; round++) {
		unsigned long start = rand_r(&seed) % 12 * PAGE;
		unsigned long last = start + rand_r(&seed) % (4 * PAGE);
		int k = rand_r(&seed) % N;
		unsigned long in = 0, unread = 0;

		switch (rand_r(&seed) % 5) {
		case 0:
		case 1:
			if (state[k] == OUT)
				add(&w, &waiter[k], rand_r(&seed) % 12 * PAGE +
						    rand_r(&seed) % 3 * 100);
			state[k] = state[k] == OUT ? UNREAD : state[k];
			break;
		case 2:
			if (state[k] != OUT)
				uffd_waiter_remove(&w, &waiter[k]);
			state[k] = OUT;
			break;
		case 3:
			if (uffd_waiter_first_unread(&w)) {
				k = uffd_waiter_first_unread(&w) - waiter;
				EQUAL(state[k], UNREAD);
				uffd_waiter_read(&w, &waiter[k]);
				state[k] = READ;
			}
			break;
		case 4:
			if (rand_r(&seed) % 4)
				break;
			wake(&w, start, last);
			for (i = 0; i < N; i++) {
				bool inside = waiter[i].address >= start && waiter[i].address <= last;

				if (state[i] == OUT)
					continue;
				EQUAL(waiter[i].woken, inside);
				if (inside)
					state[i] = OUT;
			}
			break;
		}
		for (i = 0; i < N; i++) {
			in += state[i] != OUT;
			unread += state[i] == UNREAD;
		}
		EQUAL(w.count, in);
		EQUAL(w.unread_count, unread);
	}
}

static void wake_meets_every_sleeper(void)
{
	enum { N = 64 };
	static struct sleeper s[N];
	struct file *file = stub_open(O_NONBLOCK);
	struct userfaultfd_ctx *ctx = stub_ctx(file);
	int i;

	for (i = 0; i < N; i++)
		sleeper_start(&s[i], ctx, i % 8 * PAGE);
	UNTIL(SEEN(ctx->waiters.count) == N);
	uffd_ctx_wake(ctx, 3 * PAGE, PAGE);
	for (i = 0; i < N; i++)
		if (i % 8 == 3)
			sleeper_end(&s[i]);
	EQUAL(SEEN(ctx->waiters.count), N - N / 8);
	uffd_ctx_wake(ctx, 0, 0);
	for (i = 0; i < N; i++)
		if (i % 8 != 3)
			sleeper_end(&s[i]);
	EQUAL(ctx->waiters.count, 0);
	stub_close(file);
}

/* A sleeper gives up by itself at the moment at which it is woken. */
static void signal_meets_wake(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct userfaultfd_ctx *ctx = stub_ctx(file);
	int round;

	for (round = 0; round < 1000; round++) {
		struct sleeper s;

		sleeper_start(&s, ctx, PAGE);
		while (!SEEN(ctx->waiters.count))
			sched_yield();
		if (round % 2)
			wake_up_process(SEEN(s.task));
		uffd_ctx_wake(ctx, 0, 0);
		sleeper_end(&s);
	}
	EQUAL(ctx->waiters.count, 0);
	EQUAL(ctx->waiters.unread_count, 0);
	stub_close(file);
}

/* --- pending changes --- */

static bool pending(struct uffd_changes *changes, unsigned long start, unsigned long end)
{
	bool is;

	down_read(&changes->sem);
	is = uffd_change_pending(changes, start, end);
	up_read(&changes->sem);
	return is;
}

/* Pages 2 and 3 change: |0|1|#2|#3|4| */
static void edges_of_a_change(void)
{
	struct uffd_changes changes;
	struct uffd_change change;
	unsigned long a, b;

	uffd_changes_init(&changes);
	CHECK(!pending(&changes, 0, PAGE));
	uffd_change_begin(&changes, &change, 2 * PAGE, 4 * PAGE);
	for (a = 0; a < 6; a++)
		for (b = a + 1; b <= 6; b++)
			EQUAL(pending(&changes, a * PAGE, b * PAGE), a < 4 && b > 2);
	uffd_change_end(&changes, &change);
	CHECK(!pending(&changes, 0, ULONG_MAX));
}

static void changes_that_overlap(void)
{
	struct uffd_changes changes;
	struct uffd_change one, two, fork;

	uffd_changes_init(&changes);
	uffd_change_begin(&changes, &one, 0, 4 * PAGE);
	uffd_change_begin(&changes, &two, 2 * PAGE, 6 * PAGE);
	uffd_change_begin_whole(&changes, &fork);
	CHECK(pending(&changes, 100 * PAGE, 101 * PAGE));
	uffd_change_end(&changes, &fork);
	CHECK(!pending(&changes, 100 * PAGE, 101 * PAGE));
	uffd_change_end(&changes, &one);
	CHECK(!pending(&changes, 0, 2 * PAGE));
	CHECK(pending(&changes, 2 * PAGE, 3 * PAGE));
	uffd_change_end(&changes, &two);
	CHECK(!pending(&changes, 0, ULONG_MAX));
	/* To end what has not begun, or has ended, is nothing. */
	uffd_change_end(&changes, &two);
	CHECK(!pending(&changes, 0, ULONG_MAX));
}

static void both_ends_of_a_move(void)
{
	struct uffd_changes changes;
	struct uffd_change change;
	int from_whole;

	uffd_changes_init(&changes);
	for (from_whole = 0; from_whole < 2; from_whole++) {
		if (from_whole)
			uffd_change_begin_whole(&changes, &change);
		else
			uffd_change_begin(&changes, &change, 0, PAGE);
		uffd_change_refine(&changes, &change, 4 * PAGE, 8 * PAGE, 2 * PAGE);
		CHECK(!pending(&changes, 0, 4 * PAGE));
		CHECK(pending(&changes, 5 * PAGE, 6 * PAGE));
		CHECK(!pending(&changes, 6 * PAGE, 8 * PAGE));
		CHECK(pending(&changes, 9 * PAGE, 10 * PAGE));
		CHECK(!pending(&changes, 10 * PAGE, 11 * PAGE));
		uffd_change_end(&changes, &change);
		CHECK(!pending(&changes, 0, ULONG_MAX));
	}
}

struct beginning {
	struct uffd_changes *changes;
	struct uffd_change change;
	bool over;
};

static void *begin_change(void *arg)
{
	struct beginning *b = arg;

	uffd_change_begin(b->changes, &b->change, 0, PAGE);
	__atomic_store_n(&b->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void change_waits_for_fills(void)
{
	struct uffd_changes changes;
	struct beginning b = { .changes = &changes };
	pthread_t thread;

	uffd_changes_init(&changes);
	down_read(&changes.sem);
	CHECK(!uffd_change_pending(&changes, 0, PAGE));
	thread = thread_start(begin_change, &b);
	usleep(20000);
	CHECK(!SEEN(b.over));
	up_read(&changes.sem);
	pthread_join(thread, NULL);
	CHECK(pending(&changes, 0, PAGE));
	uffd_change_end(&changes, &b.change);
}

/* Known better or not, the range that is left to move never looks quiet. */
struct refining {
	struct uffd_changes changes;
	struct uffd_change change;
	bool whole, ready, over;
};

static void *refine_again_and_again(void *arg)
{
	struct refining *r = arg;
	int i;

	for (i = 0; i < 100000; i++)
		uffd_change_refine(&r->changes, &r->change, 0, 8 * PAGE, PAGE);
	__atomic_store_n(&r->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void no_gap_while_a_change_is_refined(void)
{
	struct refining r = { 0 };
	unsigned long gaps = 0;
	pthread_t thread;

	uffd_changes_init(&r.changes);
	uffd_change_begin(&r.changes, &r.change, 0, PAGE);
	thread = thread_start(refine_again_and_again, &r);
	while (!SEEN(r.over))
		gaps += !pending(&r.changes, 0, PAGE);
	pthread_join(thread, NULL);
	EQUAL(gaps, 0);
	uffd_change_end(&r.changes, &r.change);
}

/* --- events --- */

static void event_ends_when_it_is_read(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_changes *changes = &stub_ctx(file)->changes;
	struct uffd_msg msg;
	struct sender s;
	int i;

	for (i = 0; i < 500; i++) {
		send_start(&s, file, 3, false);
		CHECK(pending(changes, 3 * PAGE, 4 * PAGE));
		CHECK(!pending(changes, 4 * PAGE, 5 * PAGE));
		CHECK(!SEEN(s.over));
		EQUAL(stub_read(file, &msg, sizeof(msg)), sizeof(msg));
		/* At once, whether or not the sender has run. */
		CHECK(!pending(changes, 3 * PAGE, 4 * PAGE));
		EQUAL(msg.event, UFFD_EVENT_REMOVE);
		EQUAL(msg.arg.remove.start, 3 * PAGE);
		CHECK(send_end(&s));
	}
	EQUAL(refcount_read(&stub_ctx(file)->refs), 1);
	stub_close(file);
}

static void event_that_is_dropped(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct userfaultfd_ctx *ctx = stub_ctx(file);
	struct uffd_event *event = event_of_page(file, UFFD_EVENT_UNMAP, 0);
	struct uffd_msg msg;

	EQUAL(refcount_read(&ctx->refs), 2);
	uffd_event_drop(event);
	EQUAL(refcount_read(&ctx->refs), 1);
	CHECK(!pending(&ctx->changes, 0, PAGE));
	EQUAL(stub_read(file, &msg, sizeof(msg)), -EAGAIN);
	stub_close(file);
}

static void events_are_read_in_order(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_msg msg[5];
	struct sender s[5];
	int i;

	for (i = 0; i < 5; i++)
		send_start(&s[i], file, 7 * i % 5, false);
	EQUAL(stub_read(file, msg, sizeof(msg)), sizeof(msg));
	for (i = 0; i < 5; i++) {
		EQUAL(msg[i].arg.remove.start, 7 * i % 5 * PAGE);
		CHECK(send_end(&s[i]));
	}
	stub_close(file);
}

static void kill_abandons(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_msg msg;
	struct sender s;

	send_start(&s, file, 0, false);
	/* A signal that it could handle leaves it waiting. */
	stub_signal(SEEN(s.task), false);
	usleep(10000);
	CHECK(!SEEN(s.over));
	stub_signal(SEEN(s.task), true);
	CHECK(!send_end(&s));
	CHECK(!pending(&stub_ctx(file)->changes, 0, PAGE));
	EQUAL(stub_read(file, &msg, sizeof(msg)), -EAGAIN);
	EQUAL(refcount_read(&stub_ctx(file)->refs), 1);
	stub_close(file);
}

/* The reader and the killer at once: the sender's answer is what the reader got. */
static void kill_meets_read(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_msg msg;
	int i;

	for (i = 0; i < 800; i++) {
		struct sender s;
		ssize_t got;

		send_start(&s, file, i, i % 2);
		stub_signal(SEEN(s.task), true);
		got = stub_read(file, &msg, sizeof(msg));
		EQUAL(send_end(&s), got == sizeof(msg));
		CHECK(got == sizeof(msg) || got == -EAGAIN);
		if (got == sizeof(msg) && i % 2)
			stub_close(stub_take_fd(msg.arg.fork.ufd));
	}
	EQUAL(stub_fds_reserved(), 0);
	stub_close(file);
}

static void close_abandons_all(void)
{
	int round;

	for (round = 0; round < 100; round++) {
		struct file *file = stub_open(O_NONBLOCK);
		struct sender s[3];
		struct sleeper sleeper[3];
		int i;

		for (i = 0; i < 3; i++) {
			send_start(&s[i], file, i, i == 2);
			sleeper_start(&sleeper[i], stub_ctx(file), i * PAGE);
		}
		stub_close(file);
		for (i = 0; i < 3; i++) {
			CHECK(!send_end(&s[i]));
			sleeper_end(&sleeper[i]);
		}
	}
}

/* What comes after the close doesn't wait at all. */
static void nothing_waits_after_the_close(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct userfaultfd_ctx *ctx = uffd_ctx_get(stub_ctx(file));
	struct sleeper s = { .ctx = ctx, .address = PAGE };
	struct uffd_event *event = event_of_page(file, UFFD_EVENT_REMOVE, 0);

	stub_close(file);
	CHECK(!uffd_event_send(event));
	CHECK(!pending(&ctx->changes, 0, PAGE));
	CHECK(!sleeper_wait(&s));
	EQUAL(refcount_read(&ctx->refs), 1);
	uffd_ctx_put(ctx);
}

/* --- read --- */

static void faults_before_events(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_msg msg[4];
	struct sleeper s[2];
	struct sender e;
	int i;

	send_start(&e, file, 7, false);
	for (i = 0; i < 2; i++) {
		sleeper_start(&s[i], stub_ctx(file), i * PAGE);
		UNTIL(SEEN(stub_ctx(file)->waiters.count) == (unsigned long)i + 1);
	}
	EQUAL(stub_read(file, msg, sizeof(msg) - 1), 3 * sizeof(msg[0]));
	EQUAL(msg[0].arg.pagefault.address, 0);
	EQUAL(msg[1].arg.pagefault.address, PAGE);
	EQUAL(msg[2].event, UFFD_EVENT_REMOVE);
	CHECK(send_end(&e));
	uffd_ctx_wake(stub_ctx(file), 0, 0);
	sleeper_end(&s[0]);
	sleeper_end(&s[1]);
	stub_close(file);
}

static ssize_t read_into(struct file *file, void *buf, size_t bytes, size_t good, size_t present)
{
	struct iov_iter to = { .base = buf, .count = bytes, .good = good, .present = present,
			       .volatile_memory = true };
	struct kiocb iocb = { file, 0 };

	return uffd_read_iter(&iocb, &to);
}

static void bad_buffers(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_msg msg[4];
	struct sleeper s[3];
	struct sender fork;
	int i;

	EQUAL(stub_read(file, msg, 31), -EINVAL);
	for (i = 0; i < 3; i++) {
		sleeper_start(&s[i], stub_ctx(file), i * PAGE);
		UNTIL(SEEN(stub_ctx(file)->waiters.count) == (unsigned long)i + 1);
	}
	send_start(&fork, file, 0, true);
	EQUAL(read_into(file, msg, 32, 0, 0), -EFAULT);
	EQUAL(read_into(file, msg, 32, 20, 20), -EFAULT);
	/* Good for one message and a half: one. */
	EQUAL(read_into(file, msg, 128, 48, 48), 32);
	EQUAL(msg[0].arg.pagefault.address, 0);
	/* Absent memory is faulted in. */
	EQUAL(read_into(file, msg, 64, 64, 5), 64);
	EQUAL(msg[0].arg.pagefault.address, PAGE);
	EQUAL(msg[1].arg.pagefault.address, 2 * PAGE);
	for (i = 0; i < 3; i++)
		EQUAL(read_into(file, msg, 32, 20, 20), -EFAULT);
	EQUAL(stub_fds_reserved(), 0);
	EQUAL(read_into(file, msg, 32, 32, 0), 32);
	EQUAL(msg[0].event, UFFD_EVENT_FORK);
	EQUAL(stub_fds_installed(), 1);
	CHECK(send_end(&fork));
	stub_close(stub_take_fd(msg[0].arg.fork.ufd));
	uffd_ctx_wake(stub_ctx(file), 0, 0);
	for (i = 0; i < 3; i++)
		sleeper_end(&s[i]);
	stub_close(file);
}

static void fork_without_a_descriptor(void)
{
	struct file *file = stub_open(O_NONBLOCK), *child;
	struct userfaultfd_ctx *ctx;
	struct uffd_msg msg;
	struct sender fork;

	send_start(&fork, file, 0, true);
	ctx = fork.child;
	stub_fd_limit = 0;
	EQUAL(stub_read(file, &msg, sizeof(msg)), -EMFILE);
	stub_fd_limit = 256;
	stub_no_file = true;
	EQUAL(stub_read(file, &msg, sizeof(msg)), -ENFILE);
	stub_no_file = false;
	EQUAL(stub_fds_reserved(), 0);
	stub_notifier_error = -ENOMEM;
	EQUAL(stub_read(file, &msg, sizeof(msg)), -ENOMEM);
	stub_notifier_error = 0;
	EQUAL(stub_fds_reserved(), 0);
	CHECK(!SEEN(fork.over));
	EQUAL(stub_read(file, &msg, sizeof(msg)), sizeof(msg));
	child = stub_take_fd(msg.arg.fork.ufd);
	CHECK(stub_ctx(child) == ctx);
	CHECK(send_end(&fork));
	EQUAL(refcount_read(&ctx->refs), 1);
	stub_close(child);
	stub_close(file);
}

/* Several readers, several forks: each child once, and to one reader. */
struct readers {
	struct file *file;
	int forks, others;
};

static void *read_until_gone(void *arg)
{
	struct readers *r = arg;
	struct uffd_msg msg;
	ssize_t got;

	while ((got = stub_read(r->file, &msg, sizeof(msg))) == sizeof(msg)) {
		if (msg.event == UFFD_EVENT_FORK) {
			__atomic_fetch_add(&r->forks, 1, __ATOMIC_SEQ_CST);
			stub_close(stub_take_fd(msg.arg.fork.ufd));
		} else {
			__atomic_fetch_add(&r->others, 1, __ATOMIC_SEQ_CST);
		}
	}
	EQUAL(got, 0);
	/* Who finds that another one was faster isn't told of an end that is none. */
	CHECK(READ_ONCE(stub_ctx(r->file)->gone));
	return NULL;
}

static void *send_many(void *arg)
{
	int i;

	for (i = 0; i < 100; i++)
		CHECK(uffd_event_send(i % 2 ? event_of_fork(arg) :
				      event_of_page(arg, UFFD_EVENT_REMOVE, i)));
	return NULL;
}

static void many_readers(void)
{
	struct readers r = { .file = stub_open(0) };
	pthread_t readers[3], senders[4];
	int i;

	for (i = 0; i < 3; i++)
		readers[i] = thread_start(read_until_gone, &r);
	for (i = 0; i < 4; i++)
		senders[i] = thread_start(send_many, r.file);
	for (i = 0; i < 4; i++)
		pthread_join(senders[i], NULL);
	/* The address space ends: a blocking read says so. */
	WRITE_ONCE(stub_ctx(r.file)->gone, true);
	wake_up_poll(&stub_ctx(r.file)->readers, EPOLLHUP);
	for (i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	EQUAL(r.forks, 200);
	EQUAL(r.others, 200);
	EQUAL(stub_fds_reserved(), 0);
	stub_close(r.file);
}

static void *blocking_read(void *arg)
{
	struct uffd_msg msg;
	struct sleeper *s = arg;

	s->task = current;
	__atomic_store_n(&s->started, true, __ATOMIC_SEQ_CST);
	return (void *)(long)stub_read((struct file *)s->arg, &msg, sizeof(msg));
}

static void blocking_reads(void)
{
	struct file *file = stub_open(0);
	struct sleeper reader = { .arg = file }, s;
	pthread_t thread = thread_start(blocking_read, &reader);
	void *got;

	UNTIL(SEEN(reader.started));
	sleeper_start(&s, stub_ctx(file), PAGE);
	pthread_join(thread, &got);
	EQUAL(got, 32);
	__atomic_store_n(&reader.started, false, __ATOMIC_SEQ_CST);
	thread = thread_start(blocking_read, &reader);
	UNTIL(SEEN(reader.started));
	usleep(5000);
	stub_signal(reader.task, false);
	pthread_join(thread, &got);
	EQUAL(got, -ERESTARTSYS);
	uffd_ctx_wake(stub_ctx(file), PAGE, PAGE);
	sleeper_end(&s);
	stub_close(file);
}

static void read_before_the_handshake(void)
{
	struct file *file = stub_open(O_NONBLOCK);
	struct uffd_msg msg;

	stub_ctx(file)->features = 0;
	EQUAL(stub_read(file, &msg, sizeof(msg)), -EINVAL);
	stub_close(file);
}

static void no_memory_for_a_context(void)
{
	stub_close(stub_open(0));
	stub_allocations_left = 0;
	CHECK(!uffd_ctx_new(&test_mm, 0));
	stub_allocations_left = -1;
	EQUAL(refcount_read(&test_mm.mm_count), 1);
}

static const struct test_case cases[] = {
	{ "waiters are read in order of arrival", waiters_are_read_in_order },
	{ "the edges of a wake", edges_of_a_wake },
	{ "waiters do what an array does", waiters_against_an_array },
	{ "a wake meets every sleeper in its range", wake_meets_every_sleeper },
	{ "a signal meets a wake", signal_meets_wake },
	{ "the edges of a change", edges_of_a_change },
	{ "changes that overlap", changes_that_overlap },
	{ "both ends of a move", both_ends_of_a_move },
	{ "a change waits for the fills in flight", change_waits_for_fills },
	{ "no gap while a change is refined", no_gap_while_a_change_is_refined },
	{ "a change ends when its event is read", event_ends_when_it_is_read },
	{ "events are read in order of arrival", events_are_read_in_order },
	{ "an event that is dropped", event_that_is_dropped },
	{ "a kill abandons the event, a signal doesn't", kill_abandons },
	{ "a kill meets a read", kill_meets_read },
	{ "a close abandons all", close_abandons_all },
	{ "nothing waits after the close", nothing_waits_after_the_close },
	{ "faults are read before events", faults_before_events },
	{ "bad buffers lose nothing", bad_buffers },
	{ "a fork for which there is no descriptor", fork_without_a_descriptor },
	{ "many readers, many forks", many_readers },
	{ "blocking reads: a message, a signal", blocking_reads },
	{ "a read before the handshake", read_before_the_handshake },
	{ "no memory for a context", no_memory_for_a_context },
};
TEST_MAIN(cases)
