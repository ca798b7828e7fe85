// SPDX-License-Identifier: GPL-2.0-only
/* An arena: chunks of 64 KiB, filled from the front. */
#include "util/arena.h"

#include <bsd/sys/queue.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"
#include "util/macro.h"

#define CHUNK_SIZE (64 * 1024)

struct chunk {
	SLIST_ENTRY(chunk) link;
	size_t used, size;
	_Alignas(16) char data[];
};

struct arena {
	SLIST_HEAD(, chunk) chunks;
};

static void *must(void *p)
{
	if (!p) {
		log_error("out of memory");
		exit(1);
	}
	return p;
}

struct arena *arena_new(void)
{
	return must(calloc(1, sizeof(struct arena)));
}

void arena_free(struct arena *arena)
{
	struct chunk *c;

	if (!arena)
		return;
	while ((c = SLIST_FIRST(&arena->chunks))) {
		SLIST_REMOVE_HEAD(&arena->chunks, link);
		free(c);
	}
	free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *c = SLIST_FIRST(&arena->chunks);
	size_t need = ALIGN_UP(MAX(size, (size_t)1), 16);
	void *p;

	if (need < size)
		must(NULL);
	if (!c || c->size - c->used < need) {
		size_t room = MAX(need, (size_t)CHUNK_SIZE);

		c = must(calloc(1, sizeof(*c) + room));
		c->size = room;
		SLIST_INSERT_HEAD(&arena->chunks, c, link);
	}
	p = c->data + c->used;
	c->used += need;
	return p;
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
	void *p = arena_alloc(arena, size);

	if (size)
		memcpy(p, data, size);
	return p;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_memdup(arena, text, strlen(text) + 1);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text, *copy;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	must(text);
	copy = arena_strdup(arena, text);
	free(text);
	return copy;
}
