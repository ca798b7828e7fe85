// SPDX-License-Identifier: GPL-2.0-only
/* The working set: what the tasks of a lazy restore touched, and in which order. */
#include "lazy-pages/working-set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "image/dir.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/working-set.pb-c.h"
#include "util/array.h"
#include "util/log.h"
#include "util/macro.h"

/* 6 MiB: a server stays small, whatever its tasks do. */
#define PIECES_MAX (256UL << 10)
/* No task or segment has memory beyond. */
#define ADDR_MAX (1ULL << 47)

void working_set_fini(struct working_set *ws)
{
	free(ws->pieces);
	*ws = (struct working_set){};
}

static struct working_piece *add_piece(struct working_set *ws)
{
	return array_push(&ws->pieces, &ws->n, &ws->cap);
}

int working_set_note(struct working_set *ws, bool shared, uint64_t id, uint64_t addr)
{
	struct working_piece *last = ws->n ? &ws->pieces[ws->n - 1] : NULL;

	if (ws->full)
		return 0;
	if (last && last->shared == shared && last->id == id &&
	    last->addr + (uint64_t)last->n_pages * PAGE_SIZE == addr &&
	    last->n_pages < UINT32_MAX) {
		last->n_pages++;
		return 0;
	}
	if (ws->n == PIECES_MAX) {
		log_warn("lazy-pages: more was touched than a working set holds: the first %lu "
			 "pieces are kept", PIECES_MAX);
		ws->full = true;
		return 0;
	}
	last = add_piece(ws);
	if (!last)
		return -ENOMEM;
	*last = (struct working_piece){ .id = id, .addr = addr, .n_pages = 1, .shared = shared };
	return 0;
}

static int write_pieces(const struct working_set *ws, struct image_writer *writer)
{
	for (size_t i = 0; i < ws->n; i++) {
		const struct working_piece *p = &ws->pieces[i];
		WorkingSetEntry e = WORKING_SET_ENTRY__INIT;
		int err;

		e.id = p->id;
		e.vaddr = p->addr;
		e.nr_pages = p->n_pages;
		e.has_shared = e.shared = p->shared;
		err = image_write(writer, &e.base);
		if (err)
			return err;
	}
	return 0;
}

int working_set_save(const struct working_set *ws, const struct image_dir *dir)
{
	struct image_writer *writer;
	int err = image_writer_open(dir, IMAGE_WORKING_SET, 0, &writer), closed;

	if (err)
		return err;
	err = write_pieces(ws, writer);
	closed = image_writer_close(writer);
	if (!err)
		err = closed;
	/* Half of one would be called damaged. */
	if (err)
		image_remove(dir, IMAGE_WORKING_SET, 0);
	else
		log_info("lazy-pages: %s: a working set of %zu pieces", dir->path, ws->n);
	return err;
}

/* 1: one more piece, 0: that was all. */
static int read_piece(struct working_set *ws, struct image_reader *reader)
{
	_cleanup_(image_message_cleanup) ProtobufCMessage *msg = NULL;
	const WorkingSetEntry *e;
	struct working_piece *p;
	int ret = image_reader_next(reader, &msg);

	if (ret <= 0)
		return ret;
	e = (const WorkingSetEntry *)msg;
	if (!e->nr_pages || e->vaddr % PAGE_SIZE || e->vaddr >= ADDR_MAX ||
	    e->nr_pages > (ADDR_MAX - e->vaddr) / PAGE_SIZE || ws->n == PIECES_MAX)
		return log_errno(-EINVAL, "working-set: piece %zu: %u pages at %#" PRIx64
				 " make no sense", ws->n, e->nr_pages, e->vaddr);
	p = add_piece(ws);
	if (!p)
		return log_errno(-ENOMEM, "working-set");
	*p = (struct working_piece){ .id = e->id, .addr = e->vaddr, .n_pages = e->nr_pages,
				     .shared = e->shared };
	return 1;
}

int working_set_load(struct working_set *ws, const struct image_dir *dir)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	int ret = image_reader_open(dir, IMAGE_WORKING_SET, 0, &reader);

	*ws = (struct working_set){};
	if (ret == -ENOENT)
		return 0;
	while (!ret && (ret = read_piece(ws, reader)) > 0)
		ret = 0;
	if (ret)
		working_set_fini(ws);
	return ret;
}
