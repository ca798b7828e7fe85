/* SPDX-License-Identifier: GPL-2.0-only */
/* Wait queues: who sleeps in one looks again whenever it is woken. */
#pragma once

#include <pthread.h>
#include <sys/epoll.h>
#include <errno.h>
#include <unistd.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/types.h>

#ifndef ERESTARTSYS
#define ERESTARTSYS 512
#endif

typedef struct {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned long wakes;
} wait_queue_head_t;

void init_waitqueue_head(wait_queue_head_t *q);
void stub_wake_up(wait_queue_head_t *q);
/* Sleeps until the queue has been woken more often than SEEN, or a little while. */
void stub_wait(wait_queue_head_t *q, unsigned long seen);

#define wake_up_poll(q, key) ((void)(key), stub_wake_up(q))
#define wake_up_interruptible_poll wake_up_poll
#define wake_up_all stub_wake_up
#define wake_up stub_wake_up

#define wait_event_interruptible(q, condition) \
	({ \
		int err_ = 0; \
		for (;;) { \
			unsigned long seen_ = __atomic_load_n(&(q).wakes, __ATOMIC_SEQ_CST); \
			if (condition) \
				break; \
			if (signal_pending(current)) { \
				err_ = -ERESTARTSYS; \
				break; \
			} \
			stub_wait(&(q), seen_); \
		} \
		/* Preempted here: whatever it was, others may be faster. */ \
		usleep(100); \
		err_; \
	})
#define wait_event_interruptible_exclusive wait_event_interruptible
