/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of the caches, plainly allocated: the sanitizers then know each object. */
#pragma once

#include <stdlib.h>
#include <linux/types.h>

#define GFP_KERNEL 0u
#define SLAB_HWCACHE_ALIGN 0
#define SLAB_PANIC 0
#define SLAB_ACCOUNT 0

struct kmem_cache {
	size_t size;
};

static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
						   unsigned int flags, void *ctor)
{
	static struct kmem_cache cache;

	cache.size = size;
	return &cache;
}

/* How many allocations more succeed; -1: all. */
extern int stub_allocations_left;

static inline void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	if (stub_allocations_left >= 0 && stub_allocations_left-- == 0)
		return NULL;
	return calloc(1, cache->size);
}

static inline void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	free(object);
}

#define kfree free
#define kzalloc(size, gfp) calloc(1, size)
#define kmalloc(size, gfp) malloc(size)
