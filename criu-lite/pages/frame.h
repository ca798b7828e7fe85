/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Frames of the page-server protocol, as CRIU 4.2 speaks it (spec/images.md,
 * section 16): 32 bytes in the byte order of the host, then the pages, if any.
 */
#ifndef CRIU_LITE_PAGES_FRAME_H
#define CRIU_LITE_PAGES_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "image/catalogue.h"

enum frame_command {
	FRAME_ADD = 1,			/* ADD_F with PAGE_PRESENT */
	FRAME_HOLE = 2,			/* ADD_F with PAGE_PARENT */
	FRAME_OPEN = 3,			/* OPEN2 without its answer */
	FRAME_OPEN2 = 4,		/* answered by a byte: whether there is a parent image */
	FRAME_PARENT = 5,		/* answered by an int32_t: the same */
	FRAME_ADD_F = 6,		/* an extent; its bytes follow when it has PAGE_PRESENT */
	FRAME_GET = 7,			/* asks a lazy server */
	FRAME_CLOSE = 0x1023,		/* answered by an int32_t: 0 */
	FRAME_FORCE_CLOSE = 0x1024,	/* the same, and no end of file will come */
};

struct page_frame {
	uint16_t command;		/* enum frame_command */
	uint16_t flags;			/* enum page_flags */
	uint32_t unused;
	uint64_t nr_pages;
	uint64_t vaddr;			/* address, or offset in a segment; bytes */
	uint64_t target;		/* frame_target(); FRAME_GET: a pid */
};

_Static_assert(sizeof(struct page_frame) == 32, "the size of a frame is on the wire");

/* What a store is about: the page map of a task (IMAGE_PAGEMAP) or segment. */
uint64_t frame_target(enum image_type type, uint64_t key);
/* The other way round. Returns 0, or -EPROTO for what no page map is called. */
int frame_target_parse(uint64_t target, enum image_type *type, uint64_t *key);

/*
 * Whether a peer that should send frames begins with a record of TLS: a handshake (0x16), or
 * an alert (0x15) of who hears no TLS from us. Both have a version that begins with 3.
 */
static inline bool frame_is_tls(uint16_t command)
{
	return command == 0x0316 || command == 0x0315;
}

/* "ADD_F", or "?". */
const char *frame_command_str(uint16_t command);

#endif
