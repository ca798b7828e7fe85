/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page sources: where the content of pages comes from.
 *
 * A source serves one address space (pid) or one segment (shmid). Its
 * operations are thin; source_lookup() is the one door, and checks what goes
 * in and what comes out, whichever source it is.
 */
#ifndef CRIU_LITE_PAGES_SOURCE_H
#define CRIU_LITE_PAGES_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "image/catalogue.h"
#include "util/cleanup.h"

struct image_dir;
struct page_fetch;
struct page_source;

enum source_run_kind {
	SOURCE_HOLE,			/* reads as zero */
	SOURCE_DATA,
};

struct source_run {
	enum source_run_kind kind;
	uint64_t len;			/* bytes, a multiple of the page size, not 0 */
	/*
	 * SOURCE_DATA: @len bytes, valid until the next call for this or any
	 * other source. They may be a mapped file, which was readable just now.
	 */
	const void *data;
};

struct page_source_ops {
	const char *name;		/* as a log names it: "file" */
	/* As lookup, but never waits, and sets no data. */
	int (*find)(struct page_source *src, uint64_t addr, uint64_t len,
		    struct source_run *run);
	/*
	 * What is at @addr: a run that begins there, at most @len bytes. A
	 * source that has to wait for it first asks, and returns -EAGAIN.
	 */
	int (*lookup)(struct page_source *src, uint64_t addr, uint64_t len,
		      struct source_run *run);
	/* As source_hurry(); NULL: all that it can do it does. */
	int (*hurry)(struct page_source *src, uint64_t addr);
	/* As source_will_need(). */
	int (*will_need)(struct page_source *src, uint64_t addr, uint64_t len, uint64_t *near);
	void (*free)(struct page_source *src);
};

/* What every source begins with. */
struct page_source {
	const struct page_source_ops *ops;
	enum image_type type;		/* IMAGE_PAGEMAP or IMAGE_SHMEM_PAGEMAP */
	uint64_t key;			/* pid or shmid */
};

/*
 * What the source has for [@addr, @addr + @len), page-aligned, @len not 0: the
 * run that begins at @addr, not longer than @len. Returns 0, -EAGAIN (not yet:
 * ask again), or -errno, logged: -EBADMSG and -EIO when an image is damaged.
 */
int source_lookup(struct page_source *src, uint64_t addr, uint64_t len, struct source_run *run);
/* The same without its bytes: what kind it is and how long. Never -EAGAIN. */
int source_find(struct page_source *src, uint64_t addr, uint64_t len, struct source_run *run);
/* A task waits for the page at @addr, whose lookup was -EAGAIN. 0 or -errno, logged. */
int source_hurry(struct page_source *src, uint64_t addr);
/*
 * Says that [@addr, @addr + @len) will be looked up soon. *near: for how much of
 * it, from @addr on, something was done about that; 0: no room for it now, later
 * perhaps. Returns 0 or -errno, logged.
 */
int source_will_need(struct page_source *src, uint64_t addr, uint64_t len, uint64_t *near);
/*
 * Whether two sources have pages at the same addresses. 0; -ESTALE: they differ, the first time at
 * *@at; or -errno, logged.
 */
int source_compare(struct page_source *a, struct page_source *b, uint64_t *at);
void source_free(struct page_source *src);
DEFINE_CLEANUP(struct page_source *, source, source_free)

/*
 * Image files, mapped: what source_lookup() returns points into the page
 * cache. Errors as page_map_load(); -ENOTSUP (logged) when some pages were
 * left with a dump-side page server.
 */
int source_file_open(struct image_dir *dir, enum image_type type, uint64_t key,
		     struct page_source **src);
/*
 * Image files, and for what was left with a dump-side page server @fetch, which
 * outlives the source. Errors as page_map_load().
 */
int source_remote_open(struct image_dir *dir, uint64_t pid, struct page_fetch *fetch,
		       struct page_source **src);
/* From here on a source of that kind asks @fetch. */
void source_remote_ask(struct page_source *src, struct page_fetch *fetch);

#endif
