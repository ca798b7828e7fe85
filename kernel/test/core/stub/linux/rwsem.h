/* SPDX-License-Identifier: GPL-2.0-only */
/* Semaphores for readers and writers; writers come first, as the kernel's do in the end. */
#pragma once

#include <pthread.h>
#include <linux/types.h>

struct rw_semaphore {
	pthread_rwlock_t lock;
};

void init_rwsem(struct rw_semaphore *sem);
void down_read(struct rw_semaphore *sem);
void up_read(struct rw_semaphore *sem);
void down_write(struct rw_semaphore *sem);
void up_write(struct rw_semaphore *sem);
