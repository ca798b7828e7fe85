// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rest of the kernel, as far as the core sees it: files, descriptors, the
 * reader's memory, and threads that fault or send.
 */
#include <string.h>

#include <linux/file.h>
#include <linux/spinlock.h>

#include "support.h"

struct mm_struct test_mm = { { 1 } };
int test_failures;

int test_main(const struct test_case *cases, size_t count)
{
	int failed = 0;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", count);
	for (i = 0; i < count; i++) {
		test_failures = 0;
		alarm(120);
		cases[i].run();
		printf("%sok %zu - %s\n", test_failures ? "not " : "", i + 1, cases[i].name);
		failed += test_failures != 0;
	}
	return failed ? 1 : 0;
}

/* --- descriptors --- */

#define FDS 256
static pthread_mutex_t fd_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct file *fd_table[FDS];
static bool fd_reserved[FDS];
int stub_fd_limit = FDS;
bool stub_no_file;

int get_unused_fd_flags(unsigned int flags)
{
	int fd;

	WARN_ON(stub_spinlocks);
	pthread_mutex_lock(&fd_mutex);
	for (fd = 0; fd < stub_fd_limit; fd++)
		if (!fd_reserved[fd])
			break;
	if (fd < stub_fd_limit)
		fd_reserved[fd] = true;
	else
		fd = -EMFILE;
	pthread_mutex_unlock(&fd_mutex);
	return fd;
}

void put_unused_fd(unsigned int fd)
{
	pthread_mutex_lock(&fd_mutex);
	WARN_ON(!fd_reserved[fd] || fd_table[fd]);
	fd_reserved[fd] = false;
	pthread_mutex_unlock(&fd_mutex);
}

void fd_install(unsigned int fd, struct file *file)
{
	pthread_mutex_lock(&fd_mutex);
	WARN_ON(!fd_reserved[fd] || fd_table[fd]);
	fd_table[fd] = file;
	pthread_mutex_unlock(&fd_mutex);
}

struct file *stub_take_fd(int fd)
{
	struct file *file;

	pthread_mutex_lock(&fd_mutex);
	file = fd_table[fd];
	fd_table[fd] = NULL;
	fd_reserved[fd] = false;
	pthread_mutex_unlock(&fd_mutex);
	return file;
}

static int count_fds(bool installed)
{
	int fd, count = 0;

	pthread_mutex_lock(&fd_mutex);
	for (fd = 0; fd < FDS; fd++)
		count += installed ? fd_table[fd] != NULL : fd_reserved[fd];
	pthread_mutex_unlock(&fd_mutex);
	return count;
}

int stub_fds_installed(void)
{
	return count_fds(true);
}

int stub_fds_reserved(void)
{
	return count_fds(false);
}

/* --- files --- */

struct file *uffd_file_new(struct userfaultfd_ctx *ctx, const struct inode *parent)
{
	struct file *file;

	WARN_ON(stub_spinlocks);
	if (stub_no_file)
		return ERR_PTR(-ENFILE);
	file = calloc(1, sizeof(*file));
	file->f_flags = ctx->flags;
	file->private_data = ctx;
	return file;
}

void uffd_file_discard(struct file *file)
{
	WARN_ON(stub_spinlocks);
	uffd_ctx_put(file->private_data);
	free(file);
}

int stub_notifier_error;

int uffd_notifier_register(struct userfaultfd_ctx *ctx)
{
	WARN_ON(stub_spinlocks);
	return stub_notifier_error;
}

void uffd_notifier_unregister(struct userfaultfd_ctx *ctx)
{
	WARN_ON(stub_spinlocks);
}

struct file *stub_open(unsigned int flags)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct userfaultfd_ctx *ctx;

	pthread_once(&once, (void (*)(void))uffd_ctx_cache_init);
	ctx = uffd_ctx_new(&test_mm, flags);
	ctx->features = UFFD_FEATURE_INITIALIZED;
	return uffd_file_new(ctx, NULL);
}

struct userfaultfd_ctx *stub_ctx(struct file *file)
{
	return file->private_data;
}

void stub_close(struct file *file)
{
	uffd_ctx_shut(file->private_data);
	uffd_ctx_put(file->private_data);
	free(file);
}

ssize_t stub_read(struct file *file, void *buf, size_t bytes)
{
	struct iov_iter to = { .base = buf, .count = bytes, .good = bytes, .present = bytes };
	struct kiocb iocb = { file, 0 };

	return uffd_read_iter(&iocb, &to);
}

/* --- the reader's memory --- */

static _Thread_local int faults_disabled;

void pagefault_disable(void)
{
	faults_disabled++;
}

void pagefault_enable(void)
{
	faults_disabled--;
}

size_t copy_to_iter(const void *from, size_t bytes, struct iov_iter *to)
{
	size_t room = to->present > to->done ? to->present - to->done : 0;

	/* With a lock held, a page fault would sleep. */
	WARN_ON(stub_spinlocks && !faults_disabled);
	if (bytes > room)
		bytes = room;
	memcpy(to->base + to->done, from, bytes);
	to->done += bytes;
	to->count -= bytes;
	return bytes;
}

void iov_iter_revert(struct iov_iter *to, size_t bytes)
{
	to->done -= bytes;
	to->count += bytes;
}

size_t fault_in_iov_iter_writeable(const struct iov_iter *to, size_t bytes)
{
	struct iov_iter *i = (struct iov_iter *)to;

	WARN_ON(stub_spinlocks || faults_disabled);
	if (to->good < to->done + bytes)
		return to->done + bytes - to->good;
	/* Reclaim may be faster than the reader, but not for ever. */
	if (i->volatile_memory)
		i->volatile_memory = false;
	else
		i->present = i->good;
	return 0;
}

/* --- faulting threads --- */

pthread_t thread_start(void *(*f)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, f, arg))
		abort();
	return thread;
}

bool sleeper_wait(struct sleeper *s)
{
	bool waits;

	memset(&s->waiter, 0, sizeof(s->waiter));
	s->waiter.task = current;
	s->waiter.address = s->address;
	s->waiter.msg.event = UFFD_EVENT_PAGEFAULT;
	s->waiter.msg.arg.pagefault.address = s->address;
	set_current_state(TASK_INTERRUPTIBLE);
	if (!uffd_ctx_wait_begin(s->ctx, &s->waiter)) {
		__set_current_state(TASK_RUNNING);
		return false;
	}
	waits = !s->present || !s->present(s->arg);
	if (waits) {
		wake_up_poll(&s->ctx->readers, EPOLLIN);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	uffd_ctx_wait_end(s->ctx, &s->waiter);
	return waits;
}

static void *sleeper_run(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->task, get_task_struct(current), __ATOMIC_SEQ_CST);
	sleeper_wait(s);
	uffd_ctx_put(s->ctx);
	__atomic_store_n(&s->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

void sleeper_start(struct sleeper *s, struct userfaultfd_ctx *ctx, unsigned long address)
{
	memset(s, 0, sizeof(*s));
	s->ctx = uffd_ctx_get(ctx);
	s->address = address;
	s->thread = thread_start(sleeper_run, s);
	while (!SEEN(s->task))
		sched_yield();
}

void sleeper_end(struct sleeper *s)
{
	pthread_join(s->thread, NULL);
	put_task_struct(s->task);
}

/* --- threads that send --- */

struct uffd_event *event_of_page(struct file *file, u8 kind, unsigned long page)
{
	struct uffd_event *event = uffd_event_new(stub_ctx(file), kind, GFP_KERNEL);

	event->msg.arg.remove.start = page * PAGE;
	event->msg.arg.remove.end = (page + 1) * PAGE;
	uffd_event_announce(event, page * PAGE, (page + 1) * PAGE);
	return event;
}

struct uffd_event *event_of_fork(struct file *file)
{
	struct uffd_event *event = uffd_event_new(stub_ctx(file), UFFD_EVENT_FORK, GFP_KERNEL);

	event->child = uffd_ctx_new(&test_mm, O_NONBLOCK | O_CLOEXEC);
	event->child->features = UFFD_FEATURE_INITIALIZED;
	uffd_event_announce_whole(event);
	return event;
}

static void *sender_run(void *arg)
{
	struct sender *s = arg;

	s->event->task = current;
	__atomic_store_n(&s->task, current, __ATOMIC_SEQ_CST);
	s->was_read = uffd_event_send(s->event);
	__atomic_store_n(&s->over, true, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool is_queued(struct uffd_event *event)
{
	bool is;

	spin_lock(&event->ctx->lock);
	is = event->state == UFFD_EVENT_QUEUED;
	spin_unlock(&event->ctx->lock);
	return is;
}

void send_announced(struct sender *s, struct uffd_event *event)
{
	memset(s, 0, sizeof(*s));
	s->event = event;
	s->child = event->child;
	s->thread = thread_start(sender_run, s);
	UNTIL(is_queued(event));
}

void send_start(struct sender *s, struct file *file, unsigned long page, bool fork)
{
	send_announced(s, fork ? event_of_fork(file) : event_of_page(file, UFFD_EVENT_REMOVE, page));
}

bool send_end(struct sender *s)
{
	pthread_join(s->thread, NULL);
	return s->was_read;
}
