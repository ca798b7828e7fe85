/* SPDX-License-Identifier: GPL-2.0-only */
/* Spinlocks are mutexes here. To sleep under one is what the stub of schedule() checks. */
#pragma once

#include <pthread.h>
#include <linux/types.h>

typedef struct {
	pthread_mutex_t mutex;
} spinlock_t;

extern _Thread_local int stub_spinlocks;

static inline void spin_lock_init(spinlock_t *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
}

static inline void spin_lock(spinlock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
	stub_spinlocks++;
}

static inline void spin_unlock(spinlock_t *lock)
{
	stub_spinlocks--;
	pthread_mutex_unlock(&lock->mutex);
}

#define spin_lock_irq spin_lock
#define spin_unlock_irq spin_unlock
#define spin_lock_irqsave(lock, flags) ((void)(flags = 0), spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), spin_unlock(lock))
#define lockdep_assert_held(lock) ((void)(lock))
