/* SPDX-License-Identifier: GPL-2.0-only */
/* Small macros that every layer uses. */
#ifndef CRIU_LITE_UTIL_MACRO_H
#define CRIU_LITE_UTIL_MACRO_H

#include <stddef.h>
#include <stdint.h>

#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

/* Images count in pages of this size (spec/images.md, section 5.3). */
/* Spelled as <sys/user.h> has them, so that both may be included, in any order. */
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE-1))

#define ALIGN_UP(x, a) (((x) + (__typeof__(x))(a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))

#endif
