// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images of state that is not covered yet.
 *
 * Our own dumps refuse such state; another tool's may hold it. Leaving it out
 * would be an approximation: a file lock that nobody holds, a cgroup that
 * limits nobody. An image without entries holds nothing, and is fine.
 */
#include "engine/uncovered.h"

#include <errno.h>
#include <stdbool.h>

#include "core/restore.h"
#include "image/reader.h"
#include "images/cgroup.pb-c.h"
#include "util/log.h"
#include "util/macro.h"

static const struct {
	enum image_type type;
	const char *what;
} uncovered_table[] = {
	{ IMAGE_APPARMOR, "AppArmor policy" },
	{ IMAGE_BINFMT_MISC, "binary formats" },
	{ IMAGE_BPFMAP_DATA, "BPF maps" },
	{ IMAGE_CGROUP, "cgroups" },
	{ IMAGE_FILE_LOCKS, "file locks" },
};

/* Whether the entry of a file that has just one says anything. */
static bool holds_state(enum image_type type, const ProtobufCMessage *msg)
{
	switch (type) {
	case IMAGE_CGROUP:
		return ((const CgroupEntry *)msg)->n_sets;
	default:
		return true;
	}
}

static int check_single(const struct restore *r, enum image_type type, bool *found)
{
	_cleanup_(image_message_cleanup) ProtobufCMessage *msg = NULL;
	int ret = image_read_single(r->images, type, 0, &msg);

	*found = ret >= 0 && holds_state(type, msg);
	return ret == -ENOENT ? 0 : ret;
}

static int check_array(const struct restore *r, enum image_type type, bool *found)
{
	_cleanup_(image_reader_cleanup) struct image_reader *reader = NULL;
	ProtobufCMessage *msg;
	int ret = image_reader_open(r->images, type, 0, &reader);

	*found = false;
	if (ret < 0)
		return ret == -ENOENT ? 0 : ret;
	while ((ret = image_reader_next(reader, &msg)) > 0) {
		*found = true;
		image_message_free(msg);
	}
	return ret;
}

static int check_image(const struct restore *r, enum image_type type, const char *what)
{
	bool found, single = image_desc(type)->shape == IMAGE_SINGLE;
	int ret = single ? check_single(r, type, &found) : check_array(r, type, &found);

	if (ret < 0)
		return ret;
	if (found)
		return log_errno(-ENOTSUP, "%s: %s are not covered", image_desc(type)->symbol,
				 what);
	return 0;
}

int uncovered_check(const struct restore *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(uncovered_table); i++) {
		int ret = check_image(r, uncovered_table[i].type, uncovered_table[i].what);

		if (ret < 0)
			return ret;
	}
	return 0;
}
