/* SPDX-License-Identifier: GPL-2.0-only */
/* One image directory, one damage at a time. */
#ifndef CRIU_LITE_TEST_FUZZ_DAMAGE_H
#define CRIU_LITE_TEST_FUZZ_DAMAGE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/fuzz/loader.h"

#define DAMAGE_ENTRIES 65536

/* What has to become of a damage in images without checksums. */
enum verdict {
	MAY_LOAD,			/* it may make sense: another number, a shorter list */
	MUST_REFUSE,
};

/* File offsets: size word and message [start, payload), payload [payload, end). */
struct damage_entry {
	size_t start, payload, end;
	ProtobufCMessage *msg;
};

struct damage {
	struct loader *loader;
	bool listed;
	unsigned int every, phase;	/* one bit or byte of so many; where to begin */
	int dir;
	/* The image that is being damaged. */
	const char *name;
	int fd;
	uint8_t *data;			/* as it should be */
	size_t len, head;		/* all of it; magic numbers */
	struct damage_entry entries[DAMAGE_ENTRIES];
	size_t n_entries;
	size_t n_cases, n_refused, n_wrong, n_files, n_bad_files;
};

/* Writes the file as @data, loads, judges, and puts the file back. */
void damage_try(struct damage *d, const void *data, size_t len, enum verdict want,
		const char *what);
/* Loads and judges what stands there. */
void damage_judge(struct damage *d, enum verdict want, const char *what);

/* Every field of every message of the image: fields.c. */
void damage_fields(struct damage *d);

#endif
