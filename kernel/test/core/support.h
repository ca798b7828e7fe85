/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core gets from the rest of the kernel, and what its tests share.
 *
 * A context is made with a file, as open makes it, and ends with stub_close(), as
 * the last close ends it; whatever is then not freed is found by the leak checker.
 */
#pragma once

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/userfaultfd/context.h>

#include "internal.h"

#define PAGE 4096UL

extern struct mm_struct test_mm;
extern int test_failures;

#define CHECK(good) \
	do { \
		if (!(good)) { \
			__atomic_fetch_add(&test_failures, 1, __ATOMIC_RELAXED); \
			printf("#   %s:%d: not so: %s\n", __FILE__, __LINE__, #good); \
		} \
	} while (0)
#define EQUAL(got, want) \
	do { \
		long got_ = (long)(got), want_ = (long)(want); \
		if (got_ != want_) { \
			__atomic_fetch_add(&test_failures, 1, __ATOMIC_RELAXED); \
			printf("#   %s:%d: %s: got %ld, want %ld\n", __FILE__, __LINE__, #got, \
			       got_, want_); \
		} \
	} while (0)

struct test_case {
	const char *name;
	void (*run)(void);
};

int test_main(const struct test_case *cases, size_t count);

#define TEST_MAIN(cases) \
	int main(void) \
	{ \
		return test_main(cases, sizeof(cases) / sizeof((cases)[0])); \
	}

/* A file with a context behind it that has made its handshake. */
struct file *stub_open(unsigned int flags);
struct userfaultfd_ctx *stub_ctx(struct file *file);
void stub_close(struct file *file);

/* read(2). */
ssize_t stub_read(struct file *file, void *buf, size_t bytes);

/* The descriptors of forks: takes one out of the table. */
struct file *stub_take_fd(int fd);
int stub_fds_installed(void);
int stub_fds_reserved(void);
extern int stub_fd_limit;
/* The next file that is to be made fails. */
extern bool stub_no_file;
/* What hearing of an address space's end fails with. */
extern int stub_notifier_error;

pthread_t thread_start(void *(*f)(void *), void *arg);

/* A thread that waits for a page at an address, as the fault handler makes it. */
struct sleeper {
	struct uffd_waiter waiter;
	struct userfaultfd_ctx *ctx;
	unsigned long address;
	/* What it rechecks after it has begun to wait; NULL: always absent. */
	bool (*present)(void *arg);
	void *arg;
	struct task_struct *task;	/* counted; set once it runs */
	bool started, over;
	pthread_t thread;
};

void sleeper_start(struct sleeper *s, struct userfaultfd_ctx *ctx, unsigned long address);
void sleeper_end(struct sleeper *s);
/* One wait: true if it slept. */
bool sleeper_wait(struct sleeper *s);

/* A thread that sends an event. */
struct sender {
	struct uffd_event *event;	/* not to be looked at once it may have been read */
	struct task_struct *task;	/* set once it runs */
	struct userfaultfd_ctx *child;
	bool was_read, over;
	pthread_t thread;
};

/* Of one page, or a fork. Comes back when the event is there to be read. */
void send_start(struct sender *s, struct file *file, unsigned long page, bool fork);
/* One that has been announced. Comes back when it is sent. */
void send_announced(struct sender *s, struct uffd_event *event);
/* True if it was read. */
bool send_end(struct sender *s);
struct uffd_event *event_of_page(struct file *file, u8 kind, unsigned long page);
struct uffd_event *event_of_fork(struct file *file);

#define UNTIL(condition) \
	do { \
		int ms_; \
		for (ms_ = 0; !(condition) && ms_ < 50000; ms_++) \
			usleep(100); \
		CHECK(condition); \
	} while (0)
#define SEEN(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
