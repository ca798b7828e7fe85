// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages that are well-formed and make no sense: each field in turn gets
 * each value that a reader may stumble over. The message is packed anew, so
 * that sizes are right and what refuses it is what knows the field.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fuzz/damage.h"
#include "util/cleanup.h"
#include "util/macro.h"

/* Nothing in a dump has such an id. */
#define UNKNOWN_ID 0x5eed5eedULL

static const uint64_t numbers[] = {
	0, 1, UNKNOWN_ID, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffffffff000, UINT64_MAX,
	INT64_MAX, 1ULL << 63, 4095, 1ULL << 47,
};

static char long_text[5001];		/* longer than any path */
static char *const texts[] = {
	"", "..", "../../../../etc/passwd", "/proc/self/fd/0", "/etc/passwd", "\xff\xfe", long_text,
};

/* Names of another object, or of the object itself: one that nobody knows must be refused. */
static const char *const id_suffixes[] = {
	"_id", ".id", ".pid", ".ppid", ".pgid", ".sid", ".shmid", ".peer", ".tfd",
};

/* But for these. */
static const char *const free_ids[] = {
	".build_id",			/* bytes, each an element */
	".fown.pid",			/* known to the kernel alone */
	".pipe.pipe_id", ".fifo.pipe_id", /* the other end may be closed */
	".tfd.id",			/* the epoll's own, once more: nobody reads it */
	".shmid",			/* of a mapping: may be the only one of its segment */
	".root_ids.",			/* of the dumper: no task has to have one of them */
	/* What no other task shares may have any id; a missing table is an empty one. */
	".files_id", ".fs_id", ".sighand_id", ".vm_id",
};

struct place {
	struct damage *d;
	const struct damage_entry *entry;
	char name[128];			/* "core_entry.tc.comm" */
	enum verdict want;
};

/* Packs the entry's message as it is now and tries it. */
static void try_message(struct place *p, const char *value)
{
	const struct damage_entry *e = p->entry;
	struct damage *d = p->d;
	uint32_t size = protobuf_c_message_get_packed_size(e->msg);
	size_t tail = d->len - e->payload, len = e->start + sizeof(size) + size + tail;
	_cleanup_free_ uint8_t *data = malloc(len);
	char what[192];

	if (!data)
		err(1, "%s", d->name);
	memcpy(data, d->data, e->start);
	memcpy(data + e->start, &size, sizeof(size));
	protobuf_c_message_pack(e->msg, data + e->start + sizeof(size));
	memcpy(data + e->start + sizeof(size) + size, d->data + e->payload, tail);
	snprintf(what, sizeof(what), "entry %zu: %s = %s", (size_t)(e - d->entries), p->name,
		 value);
	damage_try(d, data, len, p->want, what);
}

static size_t width(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	default:
		return 4;
	}
}

static bool is_bound_id(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(free_ids); i++)
		if (strstr(name, free_ids[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(id_suffixes); i++) {
		size_t len = strlen(name), n = strlen(id_suffixes[i]);

		if (len > n && !strcmp(name + len - n, id_suffixes[i]))
			return true;
	}
	return false;
}

static void try_numbers(struct place *p, void *at, size_t size)
{
	uint64_t old = 0;
	char value[32];

	memcpy(&old, at, size);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		memcpy(at, &numbers[i], size);
		p->want = numbers[i] == UNKNOWN_ID && is_bound_id(p->name) ? MUST_REFUSE : MAY_LOAD;
		snprintf(value, sizeof(value), "%#llx", (unsigned long long)numbers[i]);
		try_message(p, value);
	}
	p->want = MAY_LOAD;
	old ^= 1;
	memcpy(at, &old, size);
	try_message(p, "its last bit flipped");
	old ^= 1;
	memcpy(at, &old, size);
}

static void try_texts(struct place *p, char **at)
{
	char *old = *at;

	memset(long_text, 'a', sizeof(long_text) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		*at = texts[i];
		try_message(p, texts[i][0] ? texts[i] : "nothing");
	}
	*at = old;
}

static void try_bytes(struct place *p, ProtobufCBinaryData *at)
{
	ProtobufCBinaryData old = *at;

	at->len = 0;
	try_message(p, "no bytes");
	*at = (ProtobufCBinaryData){ .data = (uint8_t *)long_text, .len = sizeof(long_text) };
	try_message(p, "5001 bytes");
	*at = old;
}

static void try_fields(struct place *p, ProtobufCMessage *msg);

/* One value: @at is where it stands. */
static void try_value(struct place *p, const ProtobufCFieldDescriptor *f, void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		if (*(ProtobufCMessage **)at)
			try_fields(p, *(ProtobufCMessage **)at);
		break;
	case PROTOBUF_C_TYPE_STRING:
		if (*(char **)at)
			try_texts(p, at);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		try_bytes(p, at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at ^= 1;
		try_message(p, "the other truth");
		*(protobuf_c_boolean *)at ^= 1;
		break;
	default:
		try_numbers(p, at, width(f->type));
	}
}

static size_t element_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	default:
		return width(type);
	}
}

/* Fewer elements than there are, and values in those that are first and last. */
static void try_repeated(struct place *p, const ProtobufCFieldDescriptor *f,
			 ProtobufCMessage *msg)
{
	size_t *count = (size_t *)((char *)msg + f->quantifier_offset), n = *count;
	char *items = *(char **)((char *)msg + f->offset);

	if (!n)
		return;
	*count = 0;
	try_message(p, "none");
	*count = n - 1;
	if (n > 1)
		try_message(p, "one less");
	*count = n;
	for (size_t i = 0; i < n; i++)
		if (i < 2 || i + 1 == n)
			try_value(p, f, items + i * element_size(f->type));
}

static void try_absent(struct place *p, const ProtobufCFieldDescriptor *f, ProtobufCMessage *msg)
{
	void *at = (char *)msg + f->offset;

	if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING) {
		void *old = *(void **)at;

		if (!old)
			return;
		*(void **)at = NULL;
		try_message(p, "absent");
		*(void **)at = old;
		return;
	}
	if (!f->quantifier_offset)
		return;
	*(protobuf_c_boolean *)((char *)msg + f->quantifier_offset) ^= 1;
	try_message(p, "absent, or there");
	*(protobuf_c_boolean *)((char *)msg + f->quantifier_offset) ^= 1;
}

static void try_fields(struct place *p, ProtobufCMessage *msg)
{
	const ProtobufCMessageDescriptor *desc = msg->descriptor;
	size_t used = strlen(p->name);

	for (unsigned int i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &desc->fields[i];
		void *at = (char *)msg + f->offset;

		snprintf(p->name + used, sizeof(p->name) - used, ".%s", f->name);
		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			try_repeated(p, f, msg);
		} else {
			if (f->label == PROTOBUF_C_LABEL_OPTIONAL)
				try_absent(p, f, msg);
			try_value(p, f, at);
		}
		p->name[used] = '\0';
	}
}

void damage_fields(struct damage *d)
{
	for (size_t i = 0; i < d->n_entries; i++) {
		struct place p = { .d = d, .entry = &d->entries[i], .want = MAY_LOAD };

		snprintf(p.name, sizeof(p.name), "%s", d->entries[i].msg->descriptor->short_name);
		try_fields(&p, d->entries[i].msg);
	}
}
