/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sinks of pages/ share with their door, sink.c. Nobody else includes it. */
#ifndef CRIU_LITE_PAGES_SINK_OPS_H
#define CRIU_LITE_PAGES_SINK_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/catalogue.h"
#include "pages/pagemap.h"

struct image_dir;
struct page_link;
struct page_sink;

struct page_sink_ops {
	/* The bytes of an extent come before the next extent: all go the same way. */
	bool in_step;
	/* Checked by the door. Returns 0 or -errno, logged. */
	int (*extent)(struct page_sink *s, uint64_t start, uint64_t nr_pages, uint32_t flags);
	/* Takes bytes where there is no descriptor for them; 0 or -errno, logged. */
	int (*data)(struct page_sink *s, const void *buf, size_t len);
	/* Ends what was written, unless @err says that it is of no use, and frees @s. */
	int (*close)(struct page_sink *s, int err);
};

/* What every sink begins with. */
struct page_sink {
	const struct page_sink_ops *ops;
	int fd;				/* takes the bytes, from others too; -1: there is none */
	enum image_type type;
	uint64_t key;
	uint64_t end;			/* of the last extent */
	uint64_t announced, written;	/* bytes of page data */
};

int page_sink_file_open(struct image_dir *dir, enum image_type type, uint64_t key,
			uint32_t pages_id, struct page_sink **sink);
int page_sink_remote_open(struct image_dir *dir, struct page_link *link, enum image_type type,
			  uint64_t key, struct page_sink **sink);
/* Logs @err with the page map's name, and returns it. */
int page_sink_error(const struct page_sink *s, int err, const char *what);

#endif
