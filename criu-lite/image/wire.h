/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Untrusted protobuf bytes: checked as a whole, then unpacked.
 *
 * protobuf-c says only that a message is bad. It also recurses as deep as the
 * sender likes and allocates what the sender asks for. So the bytes are walked
 * first, which tells what is wrong in words and bounds the depth; then they
 * are unpacked within a budget.
 */
#ifndef CRIU_LITE_IMAGE_WIRE_H
#define CRIU_LITE_IMAGE_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* Deeper than any message of ours; cgroup directories nest in each other. */
#define WIRE_MAX_DEPTH 64

/* What is wrong, for the log: "core_entry.mtype is missing". */
struct wire_fault {
	char text[160];
};

/*
 * Checks that @data is one complete message: every size within the next outer
 * one, the types of all known fields right, every required field there, every
 * enum value known, no NUL in a string. Unknown fields are fine. Returns 0, or
 * -EINVAL and the fault.
 */
int wire_check(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
	       struct wire_fault *fault);

/*
 * Checks and unpacks. The message is freed with
 * protobuf_c_message_free_unpacked(msg, NULL). Returns 0, -EINVAL or -ENOMEM,
 * and the fault.
 */
int wire_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		ProtobufCMessage **msg, struct wire_fault *fault);

#endif
