/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads one image file, entry by entry.
 *
 * Images are untrusted. A size counts only as far as the file goes on, and no
 * memory is taken for more. Every message is whole: each required field is
 * there and each enum value is known. What is wrong is logged once, with the
 * file, the entry and its offset.
 */
#ifndef CRIU_LITE_IMAGE_READER_H
#define CRIU_LITE_IMAGE_READER_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/catalogue.h"
#include "images/inventory.pb-c.h"
#include "util/cleanup.h"

struct image_dir;
struct image_reader;

/*
 * Opens the file and checks its magic. Returns 0 or -errno; -ENOENT when there
 * is no such file, which is not logged: it may stand for "no entries".
 */
int image_reader_open(const struct image_dir *dir, enum image_type type, uint64_t key,
		      struct image_reader **reader);

/*
 * Opens whatever image @fd is, by its magic alone; @path is for the log. The
 * descriptor is the reader's, also on failure. -ENOMSG when it is no image,
 * not logged.
 */
int image_reader_open_any(int fd, const char *path, struct image_reader **reader);
void image_reader_free(struct image_reader *r);
DEFINE_CLEANUP(struct image_reader *, image_reader, image_reader_free)

const struct image_desc *image_reader_desc(const struct image_reader *r);

/*
 * The next entry; the first of a headed file is its head. Payload of the entry
 * before that was not read is skipped. Returns 1 and a message, which the
 * caller frees (image_message_free); 0 at a clean end of file; or -errno.
 */
int image_reader_next(struct image_reader *r, ProtobufCMessage **msg);

/*
 * The next record in the payload of the last entry (desc->record): as
 * image_reader_next(), 0 after the last one of this entry. The payload of a
 * record is read like that of an entry.
 */
int image_reader_record(struct image_reader *r, ProtobufCMessage **msg);

/* Bytes of payload that are left, or IMAGE_EXTRA_NONE where none can be. */
int64_t image_reader_extra_left(const struct image_reader *r);

/* Reads exactly @len bytes of the payload. Returns 0 or -errno. */
int image_reader_extra(struct image_reader *r, void *buf, size_t len);

/* Skips what is left of the payload, records too. Returns 0 or -errno. */
int image_reader_skip(struct image_reader *r);

/* Bytes from here to the end of the file: the bound of every size in it. */
uint64_t image_reader_left(const struct image_reader *r);

static inline void image_message_free(ProtobufCMessage *msg)
{
	protobuf_c_message_free_unpacked(msg, NULL);
}
DEFINE_CLEANUP(ProtobufCMessage *, image_message, image_message_free)

/*
 * A file of exactly one entry: refuses none and a second one. A payload is not
 * looked at. Returns 0 or -errno; -ENOENT as above.
 */
int image_read_single(const struct image_dir *dir, enum image_type type, uint64_t key,
		      ProtobufCMessage **msg);

/*
 * The inventory, which is read before all other files: it says how they are
 * framed. -EINVAL when the directory can't be restored (a pre-dump's); -ENOENT
 * as above. To look at a parent's inventory use image_read_single().
 */
int image_read_inventory(struct image_dir *dir, InventoryEntry **inventory);

#endif
