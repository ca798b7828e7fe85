// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit tests of image/wire: hand-made protobuf bytes, right and wrong. Tags
 * are number << 3 | type: 08 is field 1 as a varint, 12 is field 2 as bytes.
 */
#include "image/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/cgroup.pb-c.h"
#include "images/fdinfo.pb-c.h"
#include "images/inetsk.pb-c.h"
#include "images/pstree.pb-c.h"
#include "images/sk-opts.pb-c.h"
#include "images/utsns.pb-c.h"
#include "util/macro.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

struct wire_case {
	const char *what;
	const ProtobufCMessageDescriptor *desc;
	const uint8_t *data;
	size_t len;
	const char *fault;		/* NULL: it is right */
};

#define PSTREE &pstree_entry__descriptor
#define PSTREE_REQUIRED 0x08, 1, 0x10, 0, 0x18, 1, 0x20, 1

static const struct wire_case wire_cases[] = {
	{ "whole", PSTREE, BYTES(PSTREE_REQUIRED), NULL },
	{ "unknown field", PSTREE, BYTES(PSTREE_REQUIRED, 0xa0, 0x06, 7), NULL },
	{ "packed", PSTREE, BYTES(PSTREE_REQUIRED, 0x2a, 3, 1, 0x80, 1), NULL },
	{ "packed and cut", PSTREE, BYTES(PSTREE_REQUIRED, 0x2a, 2, 1, 0x80), "threads" },
	{ "nothing", PSTREE, NULL, 0, "pstree_entry.pid is missing" },
	{ "missing", PSTREE, BYTES(0x08, 1, 0x10, 0, 0x20, 1), "pgid is missing" },
	{ "wrong type", PSTREE, BYTES(PSTREE_REQUIRED, 0x0a, 1, 1), "pstree_entry.pid: wire" },
	{ "cut varint", PSTREE, BYTES(PSTREE_REQUIRED, 0x28, 0x80), "malformed" },
	{ "endless varint", PSTREE,
	  BYTES(0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1), "malformed" },
	{ "field 0", PSTREE, BYTES(PSTREE_REQUIRED, 0x00, 1), "malformed" },
	{ "group", PSTREE, BYTES(PSTREE_REQUIRED, 0x33, 0x34), "malformed" },
	{ "length past the end", &utsns_entry__descriptor, BYTES(0x0a, 9, 'a'), "malformed" },
	{ "length of 64 bits", &utsns_entry__descriptor,
	  BYTES(0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 'a'), "malformed" },
	{ "text", &utsns_entry__descriptor, BYTES(0x0a, 1, 'a', 0x12, 0), NULL },
	{ "NUL in text", &utsns_entry__descriptor, BYTES(0x0a, 2, 'a', 0, 0x12, 0), "nodename" },
	{ "enum", &fdinfo_entry__descriptor, BYTES(0x08, 1, 0x10, 0, 0x18, 1, 0x20, 0), NULL },
	{ "unknown enum value", &fdinfo_entry__descriptor,
	  BYTES(0x08, 1, 0x10, 0, 0x18, 99, 0x20, 0), "fdinfo_entry.type: 99 is no value" },
	{ "fixed64, packed and cut", &sk_opts_entry__descriptor,
	  BYTES(0x08, 0, 0x10, 0, 0x18, 0, 0x20, 0, 0x28, 0, 0x30, 0, 0x82, 0x01, 1, 0),
	  "so_filter" },
	{ "missing in a message within", &cgroup_entry__descriptor, BYTES(0x0a, 0),
	  "cg_set_entry.id is missing" },
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wire_cases); i++) {
		const struct wire_case *c = &wire_cases[i];
		struct wire_fault fault = {};
		ProtobufCMessage *msg = NULL;
		int r = wire_unpack(c->desc, c->data, c->len, &msg, &fault);

		if (!!c->fault != (r == -EINVAL) || (c->fault && !strstr(fault.text, c->fault)))
			fail_msg("%s: %d, \"%s\"", c->what, r, fault.text);
		if (msg)
			protobuf_c_message_free_unpacked(msg, NULL);
	}
}

/* Directory in directory: each level is "12 len", then its own name "0a 00". */
static size_t nest(uint8_t *buf, size_t depth)
{
	size_t len = 2;

	buf[0] = 0x0a;
	buf[1] = 0;
	for (size_t i = 1; i < depth; i++) {
		size_t head = len < 128 ? 4 : 5;

		memmove(buf + head, buf, len);
		buf[0] = 0x0a;
		buf[1] = 0;
		buf[2] = 0x12;
		buf[3] = len < 128 ? len : (len & 127) | 128;
		if (head == 5)
			buf[4] = len >> 7;
		len += head;
	}
	return len;
}

static void test_depth(void **state)
{
	static uint8_t buf[8192];
	struct wire_fault fault;
	size_t len;

	len = nest(buf, WIRE_MAX_DEPTH + 1);
	assert_int_equal(wire_check(&cgroup_dir_entry__descriptor, buf, len, &fault), 0);
	len = nest(buf, WIRE_MAX_DEPTH + 2);
	assert_int_equal(wire_check(&cgroup_dir_entry__descriptor, buf, len, &fault), -EINVAL);
	assert_non_null(strstr(fault.text, "deeper"));
}

/* The worst that a message can ask for: the smallest fields, as many as fit. */
static void test_budget(void **state)
{
	size_t n = 1 << 20, len = 8;
	uint8_t *buf = malloc(len + 2 * n);
	struct wire_fault fault;
	ProtobufCMessage *msg;
	PstreeEntry *e;

	assert_non_null(buf);
	memcpy(buf, ((const uint8_t[]){ PSTREE_REQUIRED }), len);
	for (size_t i = 0; i < n; i++, len += 2)
		memcpy(buf + len, "\x28\x01", 2);
	assert_int_equal(wire_unpack(PSTREE, buf, len, &msg, &fault), 0);
	e = (PstreeEntry *)msg;
	assert_int_equal(e->n_threads, n);
	assert_int_equal(e->threads[n - 1], 1);
	protobuf_c_message_free_unpacked(msg, NULL);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
