/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's names of types and the access macros, for user space. */
#pragma once

#include_next <linux/types.h>

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned int gfp_t;

#ifndef __user
#define __user
#endif
#define __init
#define __ro_after_init
#define __force
#define __bitwise
#ifndef __must_check
#define __must_check
#endif
#define likely(x) (x)
#define unlikely(x) (x)

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* Atomic to the eye of the thread sanitizer, and no more ordered than the kernel's. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#ifdef __SANITIZE_THREAD__
/* The thread sanitizer doesn't know fences. */
#define smp_mb() \
	do { \
		static int fence_; \
		__atomic_fetch_add(&fence_, 0, __ATOMIC_SEQ_CST); \
	} while (0)
#else
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* A warning of the kernel's is a failure of the test. */
void stub_warn(const char *file, int line, const char *text);
#define WARN_ON_ONCE(bad) \
	({ bool bad_ = (bad); if (bad_) stub_warn(__FILE__, __LINE__, #bad); bad_; })
#define WARN_ON WARN_ON_ONCE
#define VM_WARN_ON_ONCE WARN_ON_ONCE
#define BUG_ON WARN_ON_ONCE
