// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any image: its magic says which. Every entry is read, with its payload, and
 * shown as JSON. What was read is packed again: it must be read as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "image/json.h"
#include "image/reader.h"
#include "image/wire.h"
#include "test/fuzz/target.h"
#include "util/cleanup.h"

static void look_again(const ProtobufCMessage *msg)
{
	size_t size = protobuf_c_message_get_packed_size(msg);
	_cleanup_free_ uint8_t *packed = malloc(size ? size : 1);
	struct wire_fault fault;
	ProtobufCMessage *again;

	protobuf_c_message_pack(msg, packed);
	if (wire_unpack(msg->descriptor, packed, size, &again, &fault) < 0)
		abort();
	if (protobuf_c_message_get_packed_size(again) != size)
		abort();
	image_message_free(again);
}

static void read_payload(struct image_reader *reader)
{
	int64_t left;
	uint8_t byte;

	while ((left = image_reader_extra_left(reader)) > 0)
		if (image_reader_extra(reader, &byte, 1) < 0)
			return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_reader *reader;
	ProtobufCMessage *msg;

	target_silence();
	if (image_reader_open_any(target_file(data, size), "input", &reader) < 0)
		return 0;
	while (image_reader_next(reader, &msg) > 0) {
		json_object_put(image_message_to_json(msg));
		look_again(msg);
		image_message_free(msg);
		read_payload(reader);
		while (image_reader_record(reader, &msg) > 0) {
			image_message_free(msg);
			read_payload(reader);
		}
	}
	image_reader_free(reader);
	return 0;
}
