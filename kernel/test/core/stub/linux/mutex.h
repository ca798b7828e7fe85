/* SPDX-License-Identifier: GPL-2.0-only */
/* Mutexes: of POSIX threads, but never under a spinlock. */
#pragma once

#include <linux/spinlock.h>

struct mutex {
	pthread_mutex_t mutex;
};

static inline void mutex_init(struct mutex *m)
{
	pthread_mutex_init(&m->mutex, NULL);
}

static inline void mutex_lock(struct mutex *m)
{
	WARN_ON(stub_spinlocks);
	pthread_mutex_lock(&m->mutex);
}

static inline void mutex_unlock(struct mutex *m)
{
	pthread_mutex_unlock(&m->mutex);
}
