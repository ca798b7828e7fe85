// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames of the page-server protocol.
 *
 * Older peers name targets by their image types; what they mean is the same.
 */
#include "pages/frame.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include "util/macro.h"

#define TYPE_BITS 8

static const struct target_row {
	uint8_t first, last;		/* numbers on the wire */
	enum image_type type;
} target_table[] = {
	{ 1, 1, IMAGE_PAGEMAP },
	{ 2, 2, IMAGE_SHMEM_PAGEMAP },
	{ 10, 11, IMAGE_PAGEMAP },
	{ 16, 17, IMAGE_PAGEMAP },
	{ 27, 29, IMAGE_SHMEM_PAGEMAP },
	{ 32, 34, IMAGE_SHMEM_PAGEMAP },
};

static const struct command_row {
	uint16_t command;
	const char *name;
} command_table[] = {
	{ FRAME_ADD, "ADD" },
	{ FRAME_HOLE, "HOLE" },
	{ FRAME_OPEN, "OPEN" },
	{ FRAME_OPEN2, "OPEN2" },
	{ FRAME_PARENT, "PARENT" },
	{ FRAME_ADD_F, "ADD_F" },
	{ FRAME_GET, "GET" },
	{ FRAME_CLOSE, "CLOSE" },
	{ FRAME_FORCE_CLOSE, "FORCE_CLOSE" },
};

uint64_t frame_target(enum image_type type, uint64_t key)
{
	return key << TYPE_BITS | (type == IMAGE_SHMEM_PAGEMAP ? 2 : 1);
}

int frame_target_parse(uint64_t target, enum image_type *type, uint64_t *key)
{
	const uint8_t number = target;

	*key = target >> TYPE_BITS;
	for (size_t i = 0; i < ARRAY_SIZE(target_table); i++) {
		const struct target_row *row = &target_table[i];

		if (number < row->first || number > row->last)
			continue;
		*type = row->type;
		return row->type == IMAGE_PAGEMAP && (!*key || *key > INT_MAX) ? -EPROTO : 0;
	}
	return -EPROTO;
}

const char *frame_command_str(uint16_t command)
{
	for (size_t i = 0; i < ARRAY_SIZE(command_table); i++)
		if (command_table[i].command == command)
			return command_table[i].name;
	return "?";
}
