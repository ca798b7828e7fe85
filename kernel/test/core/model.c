// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random layouts, monitors, faults and ends, against a model.
 *
 * In the model a page is a number: how often its address has come to mean
 * something else. The monitor has a number of its own for each, which it counts up
 * as it reads of changes. What must hold, at the moment at which a fill lands:
 *
 *	the monitor knows of every change that has happened to the page
 *
 * or else it fills the page with what belonged there before. It may know of one
 * more: a REMOVE is told before it is done.
 *
 * Threads of one address space change it as the kernel does: they announce, under
 * its lock, change, give the lock back, and send. Other threads fault. The
 * monitor reads, fills and wakes. Then the round ends: by a close in the midst of
 * it, or when all have done their work, which shows that nobody has been left
 * asleep. A fork happens between the changes of other threads: in which order the
 * events of two threads arrive nobody promises.
 *
 * But with UFFD_FEATURE_EVENT_ORDER the events are numbered, and so half of the rounds
 * have forks at any time, threads that are killed, and a monitor that takes what it
 * reads by its numbers. What must hold there, too:
 *
 *	the numbers are those of the changes as they were made, without a gap
 *	at a fork, the monitor knows what the child's pages mean
 *
 *	usage: model [rounds [seed]]
 */
#include <signal.h>
#include <string.h>
#include <time.h>

#include "support.h"

enum { PAGES = 12, CHANGERS = 2, TOUCHERS = 2, SPACES = 24, CHANGES = 64 };

struct space {
	struct file *file;
	struct userfaultfd_ctx *ctx;	/* the file's, for comparing */
	pthread_mutex_t mmap_lock;
	/* Held by a change from its beginning to its delivery, and by a fork alone. */
	pthread_rwlock_t order;
	/* Changed under mmap_lock; looked at while a fill keeps changes away. */
	unsigned int meaning[PAGES];
	bool filled[PAGES];
	/* Announced, and not done: removals of a page. Under mmap_lock. */
	unsigned int removals[PAGES];
	/* What has happened, in its order; number 1 comes first. Under mmap_lock. */
	struct uffd_msg truth[CHANGES];
	unsigned int happened;
	/* The monitor's own. */
	unsigned int known[PAGES];
	struct uffd_msg told[CHANGES];	/* by number; event 0: not yet */
	unsigned int heard, taken;	/* messages; those whose turn has come */
};

/*
 * What the pages of a child mean when it is made, and which removals the monitor knows
 * of that the parent has not done yet: to the child's pages they are never done.
 */
struct fork {
	struct userfaultfd_ctx *child;
	unsigned int meaning[PAGES], removals[PAGES];
};

struct world {
	struct space space[SPACES];
	int spaces;			/* the monitor's; the first is the family's oldest */
	bool stop;
	bool close_early;
	bool ordered;
	bool over;			/* the monitor has left */
	struct fork fork[SPACES];
	int fork_count;
	unsigned int seed;
	struct {
		unsigned long fills, refused, events, forks, faults, closes;
	} seen;
};

static struct world *world;

#define COUNT(what) __atomic_fetch_add(&world->seen.what, 1, __ATOMIC_RELAXED)

static unsigned int features(void)
{
	return UFFD_FEATURE_INITIALIZED | (world->ordered ? UFFD_FEATURE_EVENT_ORDER : 0);
}

static void space_init(struct space *s, struct file *file)
{
	memset(s, 0, sizeof(*s));
	s->file = file;
	s->ctx = stub_ctx(file);
	pthread_mutex_init(&s->mmap_lock, NULL);
	pthread_rwlock_init(&s->order, NULL);
}

static void space_fini(struct space *s)
{
	pthread_mutex_destroy(&s->mmap_lock);
	pthread_rwlock_destroy(&s->order);
}

static void breathe(unsigned int *seed)
{
	switch (rand_r(seed) % 4) {
	case 0:
		usleep(rand_r(seed) % 50);
		break;
	case 1:
		sched_yield();
		break;
	}
}

/* --- those who change the layout --- */

static void pages_mean(struct space *s, int first, int count)
{
	int i;

	for (i = first; i < first + count; i++) {
		__atomic_fetch_add(&s->meaning[i], 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&s->filled[i], false, __ATOMIC_SEQ_CST);
	}
}

/* Under mmap_lock, as all that is announced. Its number is given under another lock. */
static void it_happens(struct space *s, const struct uffd_event *event)
{
	CHECK(s->happened < CHANGES);
	s->truth[s->happened++] = (struct uffd_msg){
		.event = event->msg.event, .arg = event->msg.arg,
	};
}

/* Now and then the thread is killed; what shares its memory goes on. */
static bool send(struct uffd_event *event, unsigned int *seed)
{
	bool killed = world->ordered && rand_r(seed) % 8 == 0, was_read;

	if (killed)
		stub_signal(current, true);
	was_read = uffd_event_send(event);
	if (killed)
		stub_pardon(current);
	return was_read;
}

static struct uffd_event *event_of(struct userfaultfd_ctx *ctx, u8 kind, int first, int count)
{
	struct uffd_event *event = uffd_event_new(ctx, kind, GFP_KERNEL);

	event->msg.arg.remove.start = first * PAGE;
	event->msg.arg.remove.end = (first + count) * PAGE;
	return event;
}

/* Told before it is done. */
static void do_remove(struct space *s, struct userfaultfd_ctx *ctx, int first, int count,
		      unsigned int *seed)
{
	struct uffd_event *event = event_of(ctx, UFFD_EVENT_REMOVE, first, count);
	int i;

	pthread_mutex_lock(&s->mmap_lock);
	event->happened = true;
	uffd_event_announce(event, first * PAGE, (first + count) * PAGE);
	it_happens(s, event);
	for (i = first; i < first + count; i++)
		s->removals[i]++;
	pthread_mutex_unlock(&s->mmap_lock);
	send(event, seed);
	pthread_mutex_lock(&s->mmap_lock);
	pages_mean(s, first, count);
	for (i = first; i < first + count; i++)
		s->removals[i]--;
	pthread_mutex_unlock(&s->mmap_lock);
}

/* Done before it is told; one in four fails, and is dropped. */
static void do_unmap(struct space *s, struct userfaultfd_ctx *ctx, int first, int count,
		     unsigned int *seed)
{
	struct uffd_event *event = event_of(ctx, UFFD_EVENT_UNMAP, first, count);
	bool fails = rand_r(seed) % 4 == 0;

	pthread_mutex_lock(&s->mmap_lock);
	uffd_event_announce(event, first * PAGE, (first + count) * PAGE);
	if (!fails) {
		pages_mean(s, first, count);
		it_happens(s, event);
		if (rand_r(seed) % 2)
			uffd_event_happens(event);
	}
	pthread_mutex_unlock(&s->mmap_lock);
	breathe(seed);
	if (fails)
		uffd_event_drop(event);
	else
		send(event, seed);
}

/* At first only the destination is known to change, and so all of it is refused. */
static void do_move(struct space *s, struct userfaultfd_ctx *ctx, int from, int to, int count,
		    unsigned int *seed)
{
	struct uffd_event *event = uffd_event_new(ctx, UFFD_EVENT_REMAP, GFP_KERNEL);

	event->msg.arg.remap.from = from * PAGE;
	event->msg.arg.remap.to = to * PAGE;
	event->msg.arg.remap.len = count * PAGE;
	pthread_mutex_lock(&s->mmap_lock);
	event->happened = true;
	uffd_event_announce_whole(event);
	it_happens(s, event);
	pages_mean(s, from, count);
	pages_mean(s, to, count);
	pthread_mutex_unlock(&s->mmap_lock);
	uffd_change_refine(&ctx->changes, &event->change, from * PAGE, to * PAGE, count * PAGE);
	send(event, seed);
}

static void do_fork(struct space *s, struct userfaultfd_ctx *ctx, unsigned int *seed);

static void change_once(struct space *s, struct userfaultfd_ctx *ctx, unsigned int *seed,
			bool may_fork)
{
	int first = rand_r(seed) % PAGES, count = 1 + rand_r(seed) % (PAGES - first);
	int half = 1 + rand_r(seed) % (PAGES / 2);

	if (may_fork && rand_r(seed) % 6 == 0) {
		if (!world->ordered)
			pthread_rwlock_wrlock(&s->order);
		do_fork(s, ctx, seed);
		if (!world->ordered)
			pthread_rwlock_unlock(&s->order);
		return;
	}
	if (!world->ordered)
		pthread_rwlock_rdlock(&s->order);
	switch (rand_r(seed) % 3) {
	case 0:
		do_remove(s, ctx, first, count, seed);
		break;
	case 1:
		do_unmap(s, ctx, first, count, seed);
		break;
	case 2:
		do_move(s, ctx, 0, PAGES - half, half, seed);
		break;
	}
	if (!world->ordered)
		pthread_rwlock_unlock(&s->order);
}

/* The event has been read, so the monitor is about to have the child, or has; or it left. */
static struct space *space_of(struct userfaultfd_ctx *child)
{
	while (!SEEN(world->over)) {
		int i, n = SEEN(world->spaces);

		for (i = 0; i < n; i++)
			if (world->space[i].ctx == child)
				return &world->space[i];
		sched_yield();
	}
	return NULL;
}

/* Under mmap_lock. */
static void remember_fork(struct space *s, struct userfaultfd_ctx *child)
{
	struct fork *fork = &world->fork[world->fork_count];

	CHECK(world->fork_count < SPACES);
	fork->child = child;
	memcpy(fork->meaning, s->meaning, sizeof(fork->meaning));
	memcpy(fork->removals, s->removals, sizeof(fork->removals));
	__atomic_store_n(&world->fork_count, world->fork_count + 1, __ATOMIC_SEQ_CST);
}

/* It is certain only after mmap_lock is given back; one in four fails. */
static void do_fork(struct space *s, struct userfaultfd_ctx *ctx, unsigned int *seed)
{
	struct uffd_event *event = uffd_event_new(ctx, UFFD_EVENT_FORK, GFP_KERNEL);
	struct userfaultfd_ctx *child = uffd_ctx_new(&test_mm, O_NONBLOCK);
	bool fails = rand_r(seed) % 4 == 0;
	struct space *c;
	int i;

	child->features = features();
	event->child = uffd_ctx_get(child);
	pthread_mutex_lock(&s->mmap_lock);
	uffd_event_announce_whole(event);
	if (!fails) {
		it_happens(s, event);
		remember_fork(s, child);
	}
	pthread_mutex_unlock(&s->mmap_lock);
	breathe(seed);
	if (fails) {
		uffd_event_drop(event);
	} else if (send(event, seed)) {
		c = space_of(child);
		for (i = 0; i < 3 && c; i++)
			change_once(c, child, seed, false);
	}
	uffd_ctx_put(child);
}

static void *changer(void *arg)
{
	unsigned int seed = world->seed + 1 + (long)arg;
	struct userfaultfd_ctx *ctx = world->space[0].ctx;
	int i, n = 1 + rand_r(&seed) % 5;

	for (i = 0; i < n; i++) {
		breathe(&seed);
		change_once(&world->space[0], ctx, &seed, (long)arg == 0);
	}
	uffd_ctx_put(ctx);
	return NULL;
}

/* --- those who fault --- */

static bool page_is_there(void *arg)
{
	return __atomic_load_n((bool *)arg, __ATOMIC_SEQ_CST);
}

static void *toucher(void *arg)
{
	unsigned int seed = world->seed + 100 + (long)arg;
	struct space *s = &world->space[0];
	struct userfaultfd_ctx *ctx = s->ctx;
	int i, n = 1 + rand_r(&seed) % 5;

	for (i = 0; i < n; i++) {
		int page = rand_r(&seed) % PAGES;
		struct sleeper sleeper = { .ctx = ctx, .address = page * PAGE,
					   .present = page_is_there, .arg = &s->filled[page] };

		breathe(&seed);
		while (!page_is_there(&s->filled[page]) && !SEEN(ctx->released))
			if (sleeper_wait(&sleeper))
				COUNT(faults);
	}
	uffd_ctx_put(ctx);
	return NULL;
}

/* --- the monitor --- */

static void learn(struct space *s, const struct uffd_msg *msg)
{
	unsigned long from = msg->arg.remap.from / PAGE, to = msg->arg.remap.to / PAGE, i;
	unsigned long len = msg->arg.remap.len / PAGE;

	COUNT(events);
	if (msg->event == UFFD_EVENT_REMAP) {
		for (i = 0; i < len; i++) {
			s->known[from + i]++;
			s->known[to + i]++;
		}
		return;
	}
	for (i = msg->arg.remove.start / PAGE; i < msg->arg.remove.end / PAGE; i++)
		s->known[i]++;
}

static void inherit(struct space *s, struct space *parent)
{
	int i, n = SEEN(world->fork_count);

	memcpy(s->known, parent->known, sizeof(s->known));
	memcpy(s->meaning, parent->meaning, sizeof(s->meaning));
	for (i = 0; world->ordered && i < n; i++)
		if (world->fork[i].child == s->ctx)
			break;
	if (!world->ordered || i == n)
		return;
	memcpy(s->meaning, world->fork[i].meaning, sizeof(s->meaning));
	memcpy(s->removals, world->fork[i].removals, sizeof(s->removals));
	for (i = 0; i < PAGES; i++)
		EQUAL(s->known[i], s->meaning[i] + s->removals[i]);
}

/* The child's pages mean what the parent's do: the monitor knows both alike. */
static void adopt(struct space *parent, const struct uffd_msg *msg)
{
	struct space *s = &world->space[world->spaces];

	COUNT(forks);
	CHECK(world->spaces < SPACES);
	space_init(s, stub_take_fd(msg->arg.fork.ufd));
	inherit(s, parent);
	__atomic_store_n(&world->spaces, world->spaces + 1, __ATOMIC_SEQ_CST);
}

static void take(struct space *s, const struct uffd_msg *msg)
{
	if (msg->event == UFFD_EVENT_FORK)
		adopt(s, msg);
	else
		learn(s, msg);
}

/* Takes what has come, as far as it goes without a gap. */
static void hear(struct space *s, const struct uffd_msg *msg)
{
	unsigned int number = msg->order;

	s->heard++;
	if (!world->ordered) {
		s->taken++;
		EQUAL(number, 0);
		take(s, msg);
		return;
	}
	CHECK(number > s->taken && number < CHANGES && !s->told[number].event);
	s->told[number] = *msg;
	while (s->told[s->taken + 1].event)
		take(s, &s->told[++s->taken]);
}

static void fill(struct space *s, int page)
{
	struct userfaultfd_ctx *ctx = stub_ctx(s->file);
	bool refused;

	/* What it has read and can't use yet says that it doesn't know enough. */
	if (s->heard != s->taken)
		return;
	down_read(&ctx->changes.sem);
	refused = uffd_change_pending(&ctx->changes, page * PAGE, (page + 1) * PAGE);
	if (!refused) {
		unsigned int meaning = __atomic_load_n(&s->meaning[page], __ATOMIC_SEQ_CST);

		/* A fill takes a while. No change may come over it. */
		sched_yield();
		CHECK(s->known[page] >= meaning);
		__atomic_store_n(&s->filled[page], true, __ATOMIC_SEQ_CST);
	}
	up_read(&ctx->changes.sem);
	if (refused)
		COUNT(refused);
	else
		COUNT(fills);
	uffd_ctx_wake(ctx, page * PAGE, PAGE);
}

static bool read_and_learn(struct space *s)
{
	struct uffd_msg msg;

	if (stub_read(s->file, &msg, sizeof(msg)) != sizeof(msg))
		return false;
	if (msg.event == UFFD_EVENT_PAGEFAULT)
		fill(s, msg.arg.pagefault.address / PAGE);
	else
		hear(s, &msg);
	return true;
}

/* What nobody waits with: killed threads have left it. Then the numbers are all there. */
static void read_the_rest(struct space *s)
{
	unsigned int i;

	while (read_and_learn(s))
		;
	EQUAL(s->heard, s->happened);
	EQUAL(s->taken, s->happened);
	for (i = 0; world->ordered && i < s->happened; i++) {
		struct uffd_msg *told = &s->told[i + 1], *truth = &s->truth[i];

		EQUAL(told->event, truth->event);
		if (told->event != UFFD_EVENT_FORK)
			CHECK(!memcmp(&told->arg, &truth->arg, sizeof(told->arg)));
	}
	for (i = 0; i < PAGES; i++)
		EQUAL(s->known[i], s->meaning[i] + s->removals[i]);
}

/* Closes the children that it has been told of too early, and never took. */
static void forget_the_rest(struct space *s)
{
	unsigned int i;

	for (i = s->taken + 1; i < CHANGES; i++)
		if (s->told[i].event == UFFD_EVENT_FORK)
			stub_close(stub_take_fd(s->told[i].arg.fork.ufd));
}

static void *monitor(void *arg)
{
	unsigned int seed = world->seed + 1000;
	int i, steps = rand_r(&seed) % 300;

	while (!SEEN(world->stop)) {
		if (world->close_early && steps-- == 0)
			break;
		for (i = 0; i < world->spaces; i++) {
			read_and_learn(&world->space[i]);
			if (rand_r(&seed) % 3 == 0)
				fill(&world->space[i], rand_r(&seed) % PAGES);
		}
		breathe(&seed);
	}
	for (i = 0; i < world->spaces; i++)
		if (world->close_early)
			forget_the_rest(&world->space[i]);
		else
			read_the_rest(&world->space[i]);
	for (i = 0; i < world->spaces; i++)
		stub_close(world->space[i].file);
	__atomic_store_n(&world->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static void play(unsigned int seed)
{
	pthread_t changers[CHANGERS], touchers[TOUCHERS], monitors;
	long i;

	world->seed = seed;
	world->spaces = 1;
	world->stop = false;
	world->close_early = rand_r(&seed) % 3 == 0;
	world->ordered = rand_r(&seed) % 2;
	world->over = false;
	world->fork_count = 0;
	world->seen.closes += world->close_early;
	space_init(&world->space[0], stub_open(O_NONBLOCK));
	world->space[0].ctx->features = features();
	for (i = 0; i < CHANGERS; i++) {
		uffd_ctx_get(world->space[0].ctx);
		changers[i] = thread_start(changer, (void *)i);
	}
	for (i = 0; i < TOUCHERS; i++) {
		uffd_ctx_get(world->space[0].ctx);
		touchers[i] = thread_start(toucher, (void *)i);
	}
	monitors = thread_start(monitor, NULL);
	for (i = 0; i < CHANGERS; i++)
		pthread_join(changers[i], NULL);
	for (i = 0; i < TOUCHERS; i++)
		pthread_join(touchers[i], NULL);
	__atomic_store_n(&world->stop, true, __ATOMIC_SEQ_CST);
	pthread_join(monitors, NULL);
	for (i = 0; i < world->spaces; i++)
		space_fini(&world->space[i]);
	EQUAL(stub_fds_reserved(), 0);
	EQUAL(refcount_read(&test_mm.mm_count), 1);
}

static volatile unsigned int now_playing;

static void time_over(int sig)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "not ok 1 - hangs: seed %u\n", now_playing);

	if (write(1, text, n) == n)
		_exit(1);
	_exit(2);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 500, i;
	unsigned int seed = argc > 2 ? strtoul(argv[2], NULL, 0) : (unsigned int)time(NULL);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..1\n# %d rounds from seed %u\n", rounds, seed);
	signal(SIGALRM, time_over);
	world = calloc(1, sizeof(*world));
	for (i = 0; i < rounds && !test_failures; i++) {
		alarm(20);
		now_playing = seed + i;
		play(seed + i);
	}
	if (test_failures)
		printf("# seed %u\n", seed + i - 1);
	printf("# %lu fills, %lu refused, %lu faults, %lu events, %lu forks, %lu early closes\n",
	       world->seen.fills, world->seen.refused, world->seen.faults, world->seen.events,
	       world->seen.forks, world->seen.closes);
	printf("%sok 1 - no fill is for what a page was before\n", test_failures ? "not " : "");
	free(world);
	return test_failures ? 1 : 0;
}
