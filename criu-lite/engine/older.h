/* SPDX-License-Identifier: GPL-2.0-only */
/* State of a task in files of its own, as older images have it. */
#ifndef CRIU_LITE_ENGINE_OLDER_H
#define CRIU_LITE_ENGINE_OLDER_H

struct restore;
struct task;

/*
 * Reads what the core and mm images of a live task leave out and an older file
 * holds (spec/images.md, section 20), so that nobody else has to know of those.
 * A file that is not there adds nothing. Returns 0 or -errno, logged.
 */
int older_complete(struct restore *r, struct task *t);

#endif
