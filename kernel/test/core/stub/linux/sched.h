/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks are threads. A task that has set its state and calls schedule() sleeps
 * until somebody sets it running again; who does so in between isn't missed.
 */
#pragma once

#include <pthread.h>
#include <linux/refcount.h>
#include <linux/types.h>

enum {
	TASK_RUNNING = 0,
	TASK_INTERRUPTIBLE = 1,
	TASK_UNINTERRUPTIBLE = 2,
	TASK_WAKEKILL = 0x100,
	TASK_KILLABLE = TASK_WAKEKILL | TASK_UNINTERRUPTIBLE,
};

struct wake_q_node {
	struct wake_q_node *next;
};

struct task_struct {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned int state;
	bool signal, killed;
	refcount_t refs;
	struct wake_q_node wake_q;
};

/* The running thread's; made on first use. */
struct task_struct *stub_current(void);
#define current stub_current()

void set_current_state(unsigned int state);
#define __set_current_state set_current_state
void schedule(void);
#define cond_resched() ((void)0)
int wake_up_process(struct task_struct *task);
struct task_struct *get_task_struct(struct task_struct *task);
void put_task_struct(struct task_struct *task);

/* What a test does to a task: a signal to handle, or the end. */
void stub_signal(struct task_struct *task, bool kill);
/* Takes it back: the thread of a test goes on. */
void stub_pardon(struct task_struct *task);
