/* SPDX-License-Identifier: GPL-2.0-only */
/* The receiving end of a session with a dump: what a page server does. */
#ifndef CRIU_LITE_PAGES_RECEIVE_H
#define CRIU_LITE_PAGES_RECEIVE_H

struct image_dir;
struct stream;

/*
 * Takes page maps and pages from @stream (stays the caller's)
 * into images in @dir until the other end closes the session. Returns 0 when
 * all is there and said so; -EPROTO for an end without a close, or for what
 * nobody should send; -errno; all logged. What was received is removed then.
 * Other images of the directory stay as they are.
 */
int page_receive(struct stream *stream, struct image_dir *dir);

#endif
