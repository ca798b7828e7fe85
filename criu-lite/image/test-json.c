// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of image/json, and of the whole catalogue: one image of every
 * type is written with every field set, read back, and shown; and crit, where
 * it is installed, must decode each of them to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/dir.h"
#include "image/encode.h"
#include "image/json.h"
#include "image/reader.h"
#include "image/writer.h"
#include "images/fdinfo.pb-c.h"
#include "images/tcp-stream.pb-c.h"
#include "images/utsns.pb-c.h"
#include "util/arena.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

/* No message of ours is nested deeper, but those that nest in themselves. */
#define FILL_DEPTH 6

struct fixture {
	char path[64];
	struct image_dir *dir;
	struct arena *arena;
};

static int setup(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->path, "/tmp/test-json.XXXXXX");
	assert_non_null(mkdtemp(fx->path));
	assert_int_equal(image_dir_open(fx->path, &fx->dir), 0);
	fx->arena = arena_new();
	assert_non_null(fx->arena);
	*state = fx;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	image_dir_free(fx->dir);
	arena_free(fx->arena);
	nftw(fx->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fx);
	return 0;
}

static void test_base64(void **state)
{
	static const char *const pairs[][2] = {
		/* RFC 4648, section 10 */
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xff\xef\xfe", "/+/+" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char *text = base64_encode(pairs[i][0], strlen(pairs[i][0]));

		assert_string_equal(text, pairs[i][1]);
		free(text);
	}
}

static void test_quoted(void **state)
{
	static const char in[] = "\0a=b c\n\xff ";
	char *text = quoted_encode(in, sizeof(in) - 1);

	assert_string_equal(text, "=00a=3Db c=0A=FF=20");
	free(text);
}

/* A message with every field set: to its number, or a text that has it. */

static ProtobufCMessage *fill_message(struct arena *arena, const ProtobufCMessageDescriptor *desc,
				      unsigned int depth);

static void fill_value(struct arena *arena, const ProtobufCFieldDescriptor *f, void *value,
		       unsigned int depth)
{
	ProtobufCBinaryData *bytes = value;

	switch (f->type) {
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)value = 1;
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)value = ((const ProtobufCEnumDescriptor *)f->descriptor)->values[0].value;
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)value = arena_printf(arena, "%s \"%u\"\n\t\xc3\xa9", f->name, f->id);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		bytes->len = strlen(f->name);
		bytes->data = arena_memdup(arena, f->name, bytes->len);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)value = fill_message(arena, f->descriptor, depth + 1);
		break;
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_INT32:
		*(int32_t *)value = -(int32_t)f->id;
		break;
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_INT64:
		*(int64_t *)value = INT64_MIN + f->id;
		break;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_UINT32:
		*(uint32_t *)value = f->id;
		break;
	default:
		/* Lengths among them are those of payloads. */
		*(uint64_t *)value = strcmp(f->name, "len") ? UINT64_MAX - f->id : f->id;
	}
}

static ProtobufCMessage *fill_message(struct arena *arena, const ProtobufCMessageDescriptor *desc,
				      unsigned int depth)
{
	ProtobufCMessage *msg = arena_alloc(arena, desc->sizeof_message);

	desc->message_init(msg);
	for (unsigned int i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &desc->fields[i];
		uint8_t *at = (uint8_t *)msg + f->offset;
		uint8_t *has = (uint8_t *)msg + f->quantifier_offset;

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			if (depth >= FILL_DEPTH)
				continue;
			/* Two elements of one kind, each in 16 bytes at most. */
			*(void **)at = arena_alloc(arena, 32);
			fill_value(arena, f, *(void **)at, depth);
			*(size_t *)has = 1;
			continue;
		}
		fill_value(arena, f, at, depth);
		if (f->label == PROTOBUF_C_LABEL_OPTIONAL && f->quantifier_offset)
			*(protobuf_c_boolean *)has = 1;
	}
	return msg;
}

static void write_payload(struct image_writer *w, int64_t len)
{
	for (int64_t i = 0; i < len; i++)
		assert_int_equal(image_writer_extra(w, &(uint8_t){ i * 37 }, 1), 0);
}

static void write_filled(struct fixture *fx, enum image_type type)
{
	const struct image_desc *desc = image_desc(type);
	struct image_writer *w;

	assert_int_equal(image_writer_open(fx->dir, type, 1, &w), 0);
	for (int i = 0; i < (desc->shape == IMAGE_SINGLE ? 1 : 3); i++) {
		const ProtobufCMessageDescriptor *d = !i && desc->first ? desc->first : desc->entry;
		ProtobufCMessage *msg = fill_message(fx->arena, d, 0);
		int64_t extra = desc->extra ? desc->extra(msg) : IMAGE_EXTRA_NONE;

		assert_int_equal(image_write(w, msg), 0);
		if (!desc->record) {
			write_payload(w, extra);
			continue;
		}
		for (int64_t k = 0; k < extra; k++) {
			ProtobufCMessage *record = fill_message(fx->arena, desc->record, 0);

			assert_int_equal(image_write_record(w, record), 0);
			write_payload(w, desc->record_extra(record));
		}
	}
	assert_int_equal(image_writer_close(w), 0);
}

/* What is read back packs to what was written. */
static void check_filled(struct fixture *fx, enum image_type type)
{
	const struct image_desc *desc = image_desc(type);
	struct image_reader *r;
	ProtobufCMessage *msg;
	int n, ret;

	assert_int_equal(image_reader_open(fx->dir, type, 1, &r), 0);
	for (n = 0; (ret = image_reader_next(r, &msg)) > 0; n++) {
		ProtobufCMessage *want = fill_message(fx->arena, msg->descriptor, 0);
		size_t len = protobuf_c_message_get_packed_size(want);
		uint8_t *a = arena_alloc(fx->arena, len), *b = arena_alloc(fx->arena, len);

		assert_int_equal(protobuf_c_message_get_packed_size(msg), len);
		protobuf_c_message_pack(msg, a);
		protobuf_c_message_pack(want, b);
		assert_memory_equal(a, b, len);
		image_message_free(msg);
	}
	assert_int_equal(ret, 0);
	assert_int_equal(n, desc->shape == IMAGE_SINGLE ? 1 : 3);
	image_reader_free(r);
}

/* Shows a file or directory and parses what was printed. */
static struct json_object *show(const char *path, int want)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct json_object *json;

	assert_non_null(out);
	assert_int_equal(image_show(out, path), want);
	fclose(out);
	json = json_tokener_parse(text);
	if (!json)
		fail_msg("%s: no JSON: %s", path, text);
	free(text);
	return json;
}

static const char *image_path(struct fixture *fx, enum image_type type)
{
	char name[IMAGE_NAME_MAX];

	image_name(image_desc(type), 1, name);
	return arena_printf(fx->arena, "%s/%s", fx->path, name);
}

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, name, &value))
		fail_msg("no member %s in %s", name, json_object_to_json_string(object));
	return value;
}

static void test_catalogue(void **state)
{
	struct fixture *fx = *state;
	size_t n_images = 0;
	struct json_object *all;

	for (int type = 0; type < IMAGE_TYPE_COUNT; type++) {
		struct json_object *json;

		if (image_desc(type)->head == IMAGE_HEAD_RAW)
			continue;
		n_images++;
		write_filled(fx, type);
		check_filled(fx, type);
		json = show(image_path(fx, type), 0);
		assert_string_equal(json_object_get_string(member(json, "magic")),
				    image_desc(type)->symbol);
		assert_int_equal(json_object_array_length(member(json, "entries")),
				 image_desc(type)->shape == IMAGE_SINGLE ? 1 : 3);
		json_object_put(json);
	}
	all = show(fx->path, 0);
	assert_int_equal(json_object_object_length(all), n_images);
	json_object_put(all);
}

/*
 * Whether @theirs says what @ours says. It may know fewer fields, since crit
 * may be older than the format; it breaks base64 into lines.
 */
static bool same(struct json_object *ours, struct json_object *theirs);

static bool same_text(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (*a == '\n')
			a++;
		while (*b == '\n')
			b++;
		if (*a != *b)
			return false;
		if (!*a)
			return true;
	}
}

static bool same_members(struct json_object *ours, struct json_object *theirs)
{
	json_object_object_foreach(theirs, name, value) {
		struct json_object *own;

		if (!json_object_object_get_ex(ours, name, &own) || !same(own, value)) {
			print_message("differs: %s\n", name);
			return false;
		}
	}
	return true;
}

static bool same(struct json_object *ours, struct json_object *theirs)
{
	if (json_object_get_type(ours) != json_object_get_type(theirs))
		return false;
	if (json_object_is_type(ours, json_type_object))
		return same_members(ours, theirs);
	if (json_object_is_type(ours, json_type_string))
		return same_text(json_object_get_string(ours), json_object_get_string(theirs));
	if (!json_object_is_type(ours, json_type_array))
		return json_object_equal(ours, theirs);
	if (json_object_array_length(ours) != json_object_array_length(theirs))
		return false;
	for (size_t i = 0; i < json_object_array_length(ours); i++)
		if (!same(json_object_array_get_idx(ours, i), json_object_array_get_idx(theirs, i)))
			return false;
	return true;
}

/* NULL when crit could not decode it. */
static struct json_object *crit_decode(struct fixture *fx, const char *path)
{
	char *text = NULL, *command;
	struct json_object *json;
	size_t len = 0;
	FILE *out;

	command = arena_printf(fx->arena, "crit decode -i %s 2>/dev/null", path);
	out = popen(command, "r");
	assert_non_null(out);
	if (getdelim(&text, &len, '\0', out) < 0) {
		free(text);
		pclose(out);
		return NULL;
	}
	assert_int_equal(pclose(out), 0);
	json = json_tokener_parse(text);
	assert_non_null(json);
	free(text);
	return json;
}

/* What keeps crit from being a judge (spec/images.md, sections 2 and 21). */
enum crit_verdict {
	CRIT_SAME,			/* it must show the same: all that are not listed */
	CRIT_DECODES,			/* a field has another name in older releases */
	CRIT_FAILS,			/* no decoder, or a wrong one */
};

static enum crit_verdict crit_verdict(enum image_type type)
{
	static const enum crit_verdict table[IMAGE_TYPE_COUNT] = {
		[IMAGE_BINFMT_MISC] = CRIT_FAILS,
		[IMAGE_BINFMT_MISC_OLD] = CRIT_FAILS,
		[IMAGE_IPCNS_SHM] = CRIT_FAILS,
		[IMAGE_PAGEMAP] = CRIT_DECODES,
		[IMAGE_PIDFD] = CRIT_FAILS,
		[IMAGE_PSIGNAL] = CRIT_FAILS,
		[IMAGE_SHMEM_PAGEMAP] = CRIT_DECODES,
		[IMAGE_SIGNAL] = CRIT_FAILS,
		[IMAGE_WORKING_SET] = CRIT_FAILS,
	};

	return table[type];
}

static void check_crit(struct fixture *fx, enum image_type type)
{
	const char *path = image_path(fx, type);
	struct json_object *ours, *theirs;

	write_filled(fx, type);
	theirs = crit_decode(fx, path);
	if (!theirs)
		fail_msg("crit can't decode %s", path);
	ours = show(path, 0);
	if (crit_verdict(type) == CRIT_SAME && !same(ours, theirs))
		fail_msg("%s\nours: %s\ncrit: %s", path, json_object_to_json_string(ours),
			 json_object_to_json_string(theirs));
	json_object_put(ours);
	json_object_put(theirs);
}

static void test_crit(void **state)
{
	if (system("command -v crit >/dev/null") != 0) {
		print_message("skipped: crit is not installed\n");
		skip();
	}
	for (int type = 0; type < IMAGE_TYPE_COUNT; type++)
		if (image_desc(type)->head != IMAGE_HEAD_RAW && crit_verdict(type) != CRIT_FAILS)
			check_crit(*state, type);
}

static void test_text(void **state)
{
	static const char *const pairs[][2] = {
		{ "plain /a/b", "\"plain /a/b\"" },
		{ "q\"b\\n\n", "\"q\\\"b\\\\n\\n\"" },
		{ "\xff", "\"\xef\xbf\xbd\"" },
		{ "a\xc3", "\"a\xef\xbf\xbd\"" },
		{ "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xf0\x9f\x90\xa7", "\"\xf0\x9f\x90\xa7\"" },
	};
	UtsnsEntry entry = UTSNS_ENTRY__INIT;

	entry.domainname = "";
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct json_object *json;

		entry.nodename = (char *)pairs[i][0];
		json = image_message_to_json(&entry.base);
		assert_string_equal(json_object_to_json_string_ext(member(json, "nodename"),
					JSON_C_TO_STRING_NOSLASHESCAPE), pairs[i][1]);
		json_object_put(json);
	}
}

static void test_payload(void **state)
{
	struct fixture *fx = *state;
	TcpStreamEntry entry = TCP_STREAM_ENTRY__INIT;
	struct json_object *json, *extra;
	struct image_writer *w;

	entry.inq_len = 3;
	entry.outq_len = 6;
	assert_int_equal(image_writer_open(fx->dir, IMAGE_TCP_STREAM, 1, &w), 0);
	assert_int_equal(image_write(w, &entry.base), 0);
	assert_int_equal(image_writer_extra(w, "foofoobar", 9), 0);
	assert_int_equal(image_writer_close(w), 0);
	json = show(image_path(fx, IMAGE_TCP_STREAM), 0);
	extra = member(json_object_array_get_idx(member(json, "entries"), 0), "extra");
	assert_string_equal(json_object_get_string(member(extra, "inq")), "Zm9v");
	assert_string_equal(json_object_get_string(member(extra, "outq")), "Zm9vYmFy");
	json_object_put(json);
}

/* The undamaged part is shown, what follows is called an error. */
static void test_damaged(void **state)
{
	struct fixture *fx = *state;
	FdinfoEntry entry = FDINFO_ENTRY__INIT;
	struct json_object *json;
	struct image_writer *w;
	int fd;

	entry.type = FD_TYPES__EVENTFD;
	assert_int_equal(image_writer_open(fx->dir, IMAGE_FDINFO, 1, &w), 0);
	assert_int_equal(image_write(w, &entry.base), 0);
	assert_int_equal(write_all(image_writer_fd(w), "\xff\xff\xff\x7f", 4), 0);
	assert_int_equal(image_writer_close(w), 0);
	fd = openat(fx->dir->fd, "dump.log", O_WRONLY | O_CREAT, 0644);
	assert_int_equal(write_all(fd, "not an image", 12), 0);
	close(fd);
	fd = image_open_raw(fx->dir, IMAGE_PAGES, 3, O_WRONLY | O_CREAT);
	assert_int_equal(ftruncate(fd, 8192), 0);
	close(fd);

	assert_int_equal(log_open(fx->dir->fd, "show.log", LOG_LEVEL_WARN), 0);
	log_set_fds(log_fd(), -1);
	json = show(fx->path, -EINVAL);
	assert_int_equal(json_object_object_length(json), 2);
	assert_int_equal(json_object_get_int(member(member(json, "pages-3.img"), "size")), 8192);
	json_object_put(json);
	json = show(image_path(fx, IMAGE_FDINFO), -EINVAL);
	assert_int_equal(json_object_array_length(member(json, "entries")), 1);
	assert_string_equal(json_object_get_string(member(json_object_array_get_idx(
		member(json, "entries"), 0), "type")), "EVENTFD");
	member(json, "error");
	json_object_put(json);
	log_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_quoted),
		cmocka_unit_test(test_text),
		cmocka_unit_test_setup_teardown(test_catalogue, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_payload, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
