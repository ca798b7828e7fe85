// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk over protobuf bytes, and unpacking within a budget.
 *
 *	message = field*    field = tag value    tag = varint(number << 3 | type)
 *
 *	type 0: varint    1: 8 bytes    2: varint(length), bytes    5: 4 bytes
 *
 * Types 3 and 4, groups, are no part of the format.
 */
#include "image/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macro.h"

/*
 * What unpacking may allocate. protobuf-c keeps 40 bytes for each field while
 * it reads, in blocks that grow by doubling, and a field has 2 bytes at least;
 * messages and arrays are a small part of that.
 */
#define BUDGET_BASE (64UL << 10)
#define BUDGET_PER_BYTE 128

/* As many as protobuf-c allows before the number needs more than five bytes. */
#define MAX_FIELD_NUMBER ((1U << 29) - 1)

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_64BIT = 1,
	WIRE_BYTES = 2,
	WIRE_32BIT = 5,
};

struct cursor {
	const uint8_t *p;
	size_t left;
};

/* One field as it stands in the bytes. */
struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value;			/* varint */
	struct cursor bytes;		/* WIRE_BYTES */
};

__attribute__((format(printf, 2, 3)))
static int wire_fail(struct wire_fault *fault, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(fault->text, sizeof(fault->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

static bool get_varint(struct cursor *c, uint64_t *value)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 10 && i < c->left; i++) {
		v |= (uint64_t)(c->p[i] & 0x7f) << (7 * i);
		if (!(c->p[i] & 0x80)) {
			c->p += i + 1;
			c->left -= i + 1;
			*value = v;
			return true;
		}
	}
	return false;
}

static bool get_bytes(struct cursor *c, size_t len, struct cursor *bytes)
{
	if (len > c->left)
		return false;
	*bytes = (struct cursor){ .p = c->p, .left = len };
	c->p += len;
	c->left -= len;
	return true;
}

static bool get_field(struct cursor *c, struct wire_field *f)
{
	uint64_t tag, len;

	if (!get_varint(c, &tag) || tag >> 3 == 0 || tag >> 3 > MAX_FIELD_NUMBER)
		return false;
	f->number = tag >> 3;
	f->type = tag & 7;
	switch (f->type) {
	case WIRE_VARINT:
		return get_varint(c, &f->value);
	case WIRE_64BIT:
		return get_bytes(c, 8, &f->bytes);
	case WIRE_32BIT:
		return get_bytes(c, 4, &f->bytes);
	case WIRE_BYTES:
		return get_varint(c, &len) && get_bytes(c, len, &f->bytes);
	}
	return false;
}

static enum wire_type type_of(const ProtobufCFieldDescriptor *d)
{
	switch (d->type) {
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_64BIT;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_32BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

static int check_enum(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *d,
		      uint64_t value, struct wire_fault *fault)
{
	if (d->type != PROTOBUF_C_TYPE_ENUM ||
	    protobuf_c_enum_descriptor_get_value(d->descriptor, (int)value))
		return 0;
	return wire_fail(fault, "%s.%s: %d is no value of %s", desc->name, d->name, (int)value,
			 ((const ProtobufCEnumDescriptor *)d->descriptor)->name);
}

/* A repeated number may come packed: a length, then the values alone. */
static int check_packed(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *d,
			struct cursor c, struct wire_fault *fault)
{
	size_t width = type_of(d) == WIRE_64BIT ? 8 : 4;
	uint64_t value;
	int r;

	if (type_of(d) != WIRE_VARINT) {
		if (c.left % width)
			return wire_fail(fault, "%s.%s: packed values are cut off", desc->name,
					 d->name);
		return 0;
	}
	while (c.left) {
		if (!get_varint(&c, &value))
			return wire_fail(fault, "%s.%s: packed values are cut off", desc->name,
					 d->name);
		r = check_enum(desc, d, value, fault);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_message(const ProtobufCMessageDescriptor *desc, struct cursor c,
			 unsigned int depth, struct wire_fault *fault);

static int check_field(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *d,
		       const struct wire_field *f, unsigned int depth, struct wire_fault *fault)
{
	enum wire_type want = type_of(d);

	if (f->type == WIRE_BYTES && want != WIRE_BYTES && d->label == PROTOBUF_C_LABEL_REPEATED)
		return check_packed(desc, d, f->bytes, fault);
	if (f->type != want)
		return wire_fail(fault, "%s.%s: wire type is %d, not %d", desc->name, d->name,
				 f->type, want);
	if (d->type == PROTOBUF_C_TYPE_STRING && memchr(f->bytes.p, '\0', f->bytes.left))
		return wire_fail(fault, "%s.%s: NUL in a string", desc->name, d->name);
	if (d->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_message(d->descriptor, f->bytes, depth + 1, fault);
	return check_enum(desc, d, f->value, fault);
}

/* Bit n of @seen is field n of the descriptor, in the order of the numbers. */
static int check_required(const ProtobufCMessageDescriptor *desc, uint64_t seen,
			  struct wire_fault *fault)
{
	for (unsigned int i = 0; i < desc->n_fields; i++)
		if (desc->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !(seen >> i & 1))
			return wire_fail(fault, "%s.%s is missing", desc->name,
					 desc->fields[i].name);
	return 0;
}

static int check_message(const ProtobufCMessageDescriptor *desc, struct cursor c,
			 unsigned int depth, struct wire_fault *fault)
{
	uint64_t seen = 0;

	if (desc->n_fields > 64)
		return wire_fail(fault, "%s has more than 64 fields", desc->name);
	if (depth > WIRE_MAX_DEPTH)
		return wire_fail(fault, "%s: nested deeper than %d", desc->name, WIRE_MAX_DEPTH);
	while (c.left) {
		const ProtobufCFieldDescriptor *d;
		struct wire_field f = {};
		int r;

		if (!get_field(&c, &f))
			return wire_fail(fault, "%s: malformed %zu bytes before its end",
					 desc->name, c.left);
		d = protobuf_c_message_descriptor_get_field(desc, f.number);
		if (!d)
			continue;
		r = check_field(desc, d, &f, depth, fault);
		if (r < 0)
			return r;
		seen |= 1ULL << (d - desc->fields);
	}
	return check_required(desc, seen, fault);
}

int wire_check(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
	       struct wire_fault *fault)
{
	return check_message(desc, (struct cursor){ .p = data, .left = len }, 0, fault);
}

static void *budget_alloc(void *data, size_t size)
{
	size_t *budget = data;

	if (size > *budget)
		return NULL;
	*budget -= size;
	return malloc(size);
}

static void budget_free(void *data, void *p)
{
	free(p);
}

int wire_unpack(const ProtobufCMessageDescriptor *desc, const uint8_t *data, size_t len,
		ProtobufCMessage **msg, struct wire_fault *fault)
{
	size_t budget = BUDGET_BASE + BUDGET_PER_BYTE * len;
	ProtobufCAllocator allocator = { budget_alloc, budget_free, &budget };
	int r = wire_check(desc, data, len, fault);

	if (r < 0)
		return r;
	*msg = protobuf_c_message_unpack(desc, &allocator, len, data);
	if (!*msg) {
		wire_fail(fault, "%s: cannot unpack %zu bytes", desc->name, len);
		return -ENOMEM;
	}
	return 0;
}
