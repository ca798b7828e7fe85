// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints images as JSON. One walk over protobuf-c's descriptors serves every
 * message; only payloads that crit shows in a form of their own have a function.
 * Entries are printed one by one, so that an image of any length can be shown.
 */
#include "image/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/encode.h"
#include "image/reader.h"
#include "images/ipc.pb-c.h"
#include "images/tcp-stream.pb-c.h"
#include "images/unixsk.pb-c.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

#define EXTRA_MAX (64U << 20)

DEFINE_CLEANUP(struct json_object *, json, json_object_put)
#define _cleanup_json_ _cleanup_(json_cleanup)

/* The member @n of a repeated field, or the field itself. */
static const void *field_value(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f,
			       size_t size, size_t n)
{
	const uint8_t *at = (const uint8_t *)msg + f->offset;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const uint8_t *const *)at + n * size;
	return at;
}

static bool field_is_set(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
	const uint8_t *base = (const uint8_t *)msg;

	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)(base + f->quantifier_offset) > 0;
	if (f->label == PROTOBUF_C_LABEL_REQUIRED)
		return true;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(const void *const *)(base + f->offset);
	/* A string that is not set points to its default, which we have none of. */
	if (f->type == PROTOBUF_C_TYPE_STRING)
		return *(const void *const *)(base + f->offset);
	return *(const protobuf_c_boolean *)(base + f->quantifier_offset);
}

/* The length of the valid UTF-8 sequence at @s, or 0. */
static size_t utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char mask, lead;
		unsigned int len, min;
	} forms[] = {
		{ 0x80, 0x00, 1, 0 },
		{ 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		unsigned int code = *s & ~forms[i].mask;

		if ((*s & forms[i].mask) != forms[i].lead)
			continue;
		for (unsigned int k = 1; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			code = code << 6 | (s[k] & 0x3f);
		}
		if (code < forms[i].min || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return 0;
		return forms[i].len;
	}
	return 0;
}

static struct json_object *text_to_json(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	_cleanup_free_ char *clean = malloc(strlen(text) * 3 + 1);
	const unsigned char *s = (const unsigned char *)text;
	char *to = clean;

	if (!clean)
		return NULL;
	while (*s) {
		size_t len = utf8_length(s);
		const void *from = len ? (const void *)s : replacement;
		size_t n = len ? len : 3;

		memcpy(to, from, n);
		to += n;
		s += len ? len : 1;
	}
	return json_object_new_string_len(clean, to - clean);
}

static struct json_object *base64_to_json(const void *data, size_t len)
{
	_cleanup_free_ char *text = base64_encode(data, len);

	return text ? json_object_new_string(text) : NULL;
}

/* A socket's name is a path most often, and crit shows it so that it is seen. */
static struct json_object *unix_name_to_json(const ProtobufCBinaryData *name)
{
	_cleanup_free_ char *text = quoted_encode(name->data, name->len);

	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *enum_to_json(const ProtobufCEnumDescriptor *desc, int value)
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(desc, value);

	return v ? json_object_new_string(v->name) : json_object_new_int(value);
}

static size_t field_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_DOUBLE:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
		return 8;
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	default:
		return 4;
	}
}

static struct json_object *value_to_json(const ProtobufCFieldDescriptor *f, const void *value)
{
	const ProtobufCBinaryData *bytes = value;

	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return json_object_new_int(*(const int32_t *)value);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return json_object_new_int64(*(const uint32_t *)value);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return json_object_new_int64(*(const int64_t *)value);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return json_object_new_uint64(*(const uint64_t *)value);
	case PROTOBUF_C_TYPE_FLOAT:
		return json_object_new_double(*(const float *)value);
	case PROTOBUF_C_TYPE_DOUBLE:
		return json_object_new_double(*(const double *)value);
	case PROTOBUF_C_TYPE_BOOL:
		return json_object_new_boolean(*(const protobuf_c_boolean *)value);
	case PROTOBUF_C_TYPE_ENUM:
		return enum_to_json(f->descriptor, *(const int *)value);
	case PROTOBUF_C_TYPE_STRING:
		return text_to_json(*(const char *const *)value);
	case PROTOBUF_C_TYPE_BYTES:
		return base64_to_json(bytes->data, bytes->len);
	case PROTOBUF_C_TYPE_MESSAGE:
		return image_message_to_json(*(const ProtobufCMessage *const *)value);
	}
	return NULL;
}

/* Takes @value, also when it fails. */
static bool add_member(struct json_object *object, const char *name, struct json_object *value)
{
	if (!value || json_object_object_add(object, name, value) < 0) {
		json_object_put(value);
		return false;
	}
	return true;
}

static bool add_element(struct json_object *array, struct json_object *value)
{
	if (!value || json_object_array_add(array, value) < 0) {
		json_object_put(value);
		return false;
	}
	return true;
}

static struct json_object *field_to_json(const ProtobufCMessage *msg,
					 const ProtobufCFieldDescriptor *f)
{
	_cleanup_json_ struct json_object *array = NULL;
	size_t count;

	if (msg->descriptor == &unix_sk_entry__descriptor && f->type == PROTOBUF_C_TYPE_BYTES)
		return unix_name_to_json(&((const UnixSkEntry *)msg)->name);
	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return value_to_json(f, field_value(msg, f, 0, 0));
	count = *(const size_t *)((const uint8_t *)msg + f->quantifier_offset);
	array = json_object_new_array();
	if (!array)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const void *value = field_value(msg, f, field_size(f->type), i);

		if (!add_element(array, value_to_json(f, value)))
			return NULL;
	}
	return take_ptr(array);
}

struct json_object *image_message_to_json(const ProtobufCMessage *msg)
{
	_cleanup_json_ struct json_object *object = json_object_new_object();

	if (!object)
		return NULL;
	for (unsigned int i = 0; i < msg->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &msg->descriptor->fields[i];

		if (field_is_set(msg, f) && !add_member(object, f->name, field_to_json(msg, f)))
			return NULL;
	}
	return take_ptr(object);
}

/*
 * Payloads. Each function gives the member "extra" of the last entry, or NULL:
 * @err is what was logged, or 0 when memory ran out.
 */

static struct json_object *read_base64(struct image_reader *r, size_t len, int *err)
{
	_cleanup_free_ uint8_t *data = malloc(len ? len : 1);

	if (!data)
		return NULL;
	*err = image_reader_extra(r, data, len);
	return *err < 0 ? NULL : base64_to_json(data, len);
}

static struct json_object *bytes_extra(struct image_reader *r, const ProtobufCMessage *msg,
				       int *err)
{
	return read_base64(r, image_reader_extra_left(r), err);
}

static struct json_object *tcp_extra(struct image_reader *r, const ProtobufCMessage *msg, int *err)
{
	const TcpStreamEntry *e = (const TcpStreamEntry *)msg;
	_cleanup_json_ struct json_object *object = json_object_new_object();

	if (!object || !add_member(object, "inq", read_base64(r, e->inq_len, err)) ||
	    !add_member(object, "outq", read_base64(r, e->outq_len, err)))
		return NULL;
	return take_ptr(object);
}

static struct json_object *sem_extra(struct image_reader *r, const ProtobufCMessage *msg, int *err)
{
	uint32_t n = ((const IpcSemEntry *)msg)->nsems;
	_cleanup_json_ struct json_object *array = json_object_new_array();
	uint16_t value;

	for (uint32_t i = 0; array && i < n; i++) {
		*err = image_reader_extra(r, &value, sizeof(value));
		if (*err < 0 || !add_element(array, json_object_new_int(value)))
			return NULL;
	}
	return take_ptr(array);
}

/* Message, bytes, message, bytes ... in one array. */
static struct json_object *queue_extra(struct image_reader *r, const ProtobufCMessage *msg,
				       int *err)
{
	_cleanup_json_ struct json_object *array = json_object_new_array();
	ProtobufCMessage *record;

	while (array && (*err = image_reader_record(r, &record)) > 0) {
		bool added = add_element(array, image_message_to_json(record)) &&
			     add_element(array, read_base64(r, ((IpcMsg *)record)->msize, err));

		image_message_free(record);
		if (!added)
			return NULL;
	}
	return *err < 0 ? NULL : take_ptr(array);
}

static const struct {
	const ProtobufCMessageDescriptor *desc;
	struct json_object *(*to_json)(struct image_reader *r, const ProtobufCMessage *msg,
				       int *err);
} extra_table[] = {
	{ &ipc_msg_entry__descriptor, queue_extra },
	{ &ipc_sem_entry__descriptor, sem_extra },
	{ &tcp_stream_entry__descriptor, tcp_extra },
};

static struct json_object *extra_to_json(struct image_reader *r, const ProtobufCMessage *msg,
					 int *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(extra_table); i++)
		if (extra_table[i].desc == msg->descriptor)
			return extra_table[i].to_json(r, msg, err);
	return bytes_extra(r, msg, err);
}

/* Returns 0 or -errno, logged; -ENOMEM may be not. */
static int add_extra(struct image_reader *r, const ProtobufCMessage *msg,
		     struct json_object *object)
{
	int64_t left = image_reader_extra_left(r);
	int err = 0;

	if (left > EXTRA_MAX)
		return add_member(object, "extra_size", json_object_new_int64(left)) ? 0 : -ENOMEM;
	if (left < 0 && !image_reader_desc(r)->record)
		return 0;
	if (add_member(object, "extra", extra_to_json(r, msg, &err)))
		return 0;
	return err < 0 ? err : -ENOMEM;
}

/* Printing: json-c indents each entry from its own margin, we move it in. */

static void print_indented(FILE *out, const char *text, int indent)
{
	for (;;) {
		size_t len = strcspn(text, "\n");

		fprintf(out, "%*s%.*s", indent, "", (int)len, text);
		if (!text[len])
			return;
		fputc('\n', out);
		text += len + 1;
	}
}

/* Returns 0 and the entry with its payload, or -errno, logged. */
static int entry_to_json(struct image_reader *r, const ProtobufCMessage *msg,
			 struct json_object **entry)
{
	_cleanup_json_ struct json_object *object = image_message_to_json(msg);
	int ret = object ? add_extra(r, msg, object) : -ENOMEM;

	if (ret == -ENOMEM)
		return log_errno(ret, "show: %s", msg->descriptor->name);
	if (ret == 0)
		*entry = take_ptr(object);
	return ret;
}

static void print_entry(FILE *out, struct json_object *entry, int indent)
{
	const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			  JSON_C_TO_STRING_NOSLASHESCAPE;

	print_indented(out, json_object_to_json_string_ext(entry, flags), indent);
}

static int print_image(FILE *out, struct image_reader *r, int indent)
{
	ProtobufCMessage *msg;
	const char *comma = "";
	int ret;

	fprintf(out, "{\n%*s\"magic\": \"%s\",\n%*s\"entries\": [", indent + 2, "",
		image_reader_desc(r)->symbol, indent + 2, "");
	while ((ret = image_reader_next(r, &msg)) > 0) {
		_cleanup_json_ struct json_object *entry = NULL;

		ret = entry_to_json(r, msg, &entry);
		image_message_free(msg);
		if (ret < 0)
			break;
		fprintf(out, "%s\n", comma);
		print_entry(out, entry, indent + 4);
		comma = ",";
	}
	fprintf(out, "\n%*s]", indent + 2, "");
	if (ret < 0)
		fprintf(out, ",\n%*s\"error\": \"%s\"", indent + 2, "", strerror(-ret));
	fprintf(out, "\n%*s}", indent, "");
	return ret;
}

static int show_file(FILE *out, const char *path)
{
	_cleanup_(image_reader_cleanup) struct image_reader *r = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int ret;

	if (fd < 0)
		return log_errno(-errno, "%s: cannot open", path);
	ret = image_reader_open_any(fd, path, &r);
	if (ret == -ENOMSG)
		return log_errno(-EINVAL, "%s: not an image: it begins with no magic of ours",
				 path);
	if (ret < 0)
		return ret;
	ret = print_image(out, r, 0);
	fputc('\n', out);
	return ret;
}

/* Directories. */

struct name_list {
	char **names;
	size_t n, cap;
};

static void name_list_fini(struct name_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->names[i]);
	free(list->names);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int fd, struct name_list *list)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct dirent *e;

	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir)
		return -errno;
	while (errno = 0, (e = readdir(dir))) {
		char **slot;

		if (e->d_type != DT_REG && e->d_type != DT_UNKNOWN)
			continue;
		slot = array_push(&list->names, &list->n, &list->cap);
		if (!slot || !(*slot = strdup(e->d_name)))
			return -ENOMEM;
	}
	if (errno)
		return -errno;
	qsort(list->names, list->n, sizeof(*list->names), compare_names);
	return 0;
}

static void print_key(FILE *out, const char *name, const char **comma)
{
	_cleanup_json_ struct json_object *key = text_to_json(name);

	fprintf(out, "%s\n  %s: ", *comma,
		key ? json_object_to_json_string_ext(key, JSON_C_TO_STRING_NOSLASHESCAPE) : "\"\"");
	*comma = ",";
}

/* What is no image, such as a log, is left out. */
static int show_member(FILE *out, int dirfd, const char *path, const char *name,
		       const char **comma)
{
	_cleanup_(image_reader_cleanup) struct image_reader *r = NULL;
	_cleanup_free_ char *full = NULL;
	struct stat st;
	int fd, ret;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0 && (errno == ELOOP || errno == ENOENT))
		return 0;
	if (fd < 0)
		return log_errno(-errno, "%s/%s: cannot open", path, name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	if (image_desc_raw_by_name(name)) {
		close(fd);
		print_key(out, name, comma);
		fprintf(out, "{ \"magic\": \"%s\", \"size\": %lld }",
			image_desc_raw_by_name(name)->symbol, (long long)st.st_size);
		return 0;
	}
	if (asprintf(&full, "%s/%s", path, name) < 0) {
		full = NULL;
		close(fd);
		return log_errno(-ENOMEM, "%s/%s: cannot show", path, name);
	}
	ret = image_reader_open_any(fd, full, &r);
	if (ret < 0)
		return ret == -ENOMSG ? 0 : ret;
	print_key(out, name, comma);
	return print_image(out, r, 2);
}

static int show_dir(FILE *out, int fd, const char *path)
{
	_cleanup_(name_list_fini) struct name_list list = {};
	const char *comma = "";
	int ret = list_names(fd, &list);

	if (ret < 0)
		return log_errno(ret, "%s: cannot list", path);
	fputc('{', out);
	for (size_t i = 0; i < list.n; i++) {
		int r = show_member(out, fd, path, list.names[i], &comma);

		if (r < 0 && ret == 0)
			ret = r;
	}
	fputs("\n}\n", out);
	return ret;
}

int image_show(FILE *out, const char *path)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir < 0 ? show_file(out, path) : show_dir(out, dir, path);

	if (fflush(out) == EOF && r == 0)
		return log_errno(-errno, "%s: cannot print", path);
	return r;
}
