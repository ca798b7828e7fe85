/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An arena: allocations that live exactly as long as one dump or restore.
 *
 * Image messages are trees of small objects that are built piece by piece and
 * all die together; freeing the arena frees them all.
 */
#ifndef CRIU_LITE_UTIL_ARENA_H
#define CRIU_LITE_UTIL_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);

/*
 * Zeroed memory, aligned to 16 bytes. Never returns NULL: a dump or restore
 * cannot go on without its messages, and has written nothing at this point,
 * so running out of memory is logged and ends the process with status 1.
 */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
void *arena_memdup(struct arena *arena, const void *data, size_t size);
__attribute__((format(printf, 2, 3)))
char *arena_printf(struct arena *arena, const char *fmt, ...);

#define arena_new_object(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_new_array(arena, type, n) ((type *)arena_alloc((arena), sizeof(type) * (n)))

/* A protobuf message: arena_message(arena, FsEntry, fs_entry__init). */
#define arena_message(arena, type, init_fn) ({			\
	type *msg_ = arena_alloc((arena), sizeof(type));	\
	init_fn(msg_);						\
	msg_; })

#endif
