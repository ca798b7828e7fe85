// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page sink at a page server: every extent is announced by a frame, which
 * its bytes follow on the same connection.
 */
#include <errno.h>
#include <stdlib.h>

#include "image/dir.h"
#include "image/list.h"
#include "pages/link.h"
#include "pages/sink-ops.h"
#include "util/log.h"
#include "util/macro.h"

struct remote_sink {
	struct page_sink sink;
	struct page_link *link;		/* the dump's */
};

static int remote_extent(struct page_sink *s, uint64_t start, uint64_t nr_pages, uint32_t flags)
{
	return page_link_extent(container_of(s, struct remote_sink, sink)->link, start, nr_pages,
				flags);
}

static int remote_data(struct page_sink *s, const void *buf, size_t len)
{
	return page_link_data(container_of(s, struct remote_sink, sink)->link, buf, len);
}

/* What became of the bytes the server says at the end of the session, for all sinks. */
static int remote_close(struct page_sink *s, int err)
{
	free(container_of(s, struct remote_sink, sink));
	return err;
}

static const struct page_sink_ops remote_sink_ops = {
	.in_step = true,
	.extent = remote_extent,
	.data = remote_data,
	.close = remote_close,
};

/*
 * The page map of an earlier dump must not be taken for the one that is to
 * come from the server; which may write into this very directory.
 */
static int make_room(struct image_dir *dir, enum image_type type, uint64_t key)
{
	char name[IMAGE_NAME_MAX];
	int err = image_remove(dir, type, key);

	image_name(image_desc(type), key, name);
	return err ? err : image_list_expect(dir, name);
}

int page_sink_remote_open(struct image_dir *dir, struct page_link *link, enum image_type type,
			  uint64_t key, struct page_sink **sink)
{
	struct remote_sink *rs = calloc(1, sizeof(*rs));
	int err = rs ? make_room(dir, type, key) :
		       log_errno(-ENOMEM, "page server: no memory");

	if (!err)
		err = page_link_open(link, type, key);
	if (err) {
		free(rs);
		return err;
	}
	rs->link = link;
	rs->sink = (struct page_sink){ .ops = &remote_sink_ops, .fd = page_link_fd(link) };
	*sink = &rs->sink;
	return 0;
}
