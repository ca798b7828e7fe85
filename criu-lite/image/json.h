/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Images as JSON, in the form that crit prints and takes:
 *
 *	{ "magic": SYMBOL, "entries": [ { FIELD: VALUE, ... }, ... ] }
 *
 * Numbers are decimal, enums their names, bytes base64, but names of unix
 * sockets quoted-printable. Payload is the member "extra": base64, or in the
 * form of crit's for TCP queues ("inq", "outq"), System V messages and
 * semaphores. Payload of more than 64 MiB is left out, "extra_size" stands for
 * it. Text that is not UTF-8 has U+FFFD for what can't be shown.
 */
#ifndef CRIU_LITE_IMAGE_JSON_H
#define CRIU_LITE_IMAGE_JSON_H

#include <json-c/json.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

/* A new object with every field that is set; NULL when memory ran out. */
struct json_object *image_message_to_json(const ProtobufCMessage *msg);

/*
 * Prints one image file, or of a directory every image that it holds, keyed by
 * name and sorted by it. Files are known by their magic; raw images, which
 * have none, by their name, and only their size is said. A damaged file is
 * printed up to the damage, with a member "error"; the output stays valid
 * JSON. Returns 0 or -errno, logged.
 */
int image_show(FILE *out, const char *path);

#endif
