/* SPDX-License-Identifier: GPL-2.0-only */
/* The huge pages that a restored tree needs. */
#ifndef CRIU_LITE_ENGINE_HUGE_H
#define CRIU_LITE_ENGINE_HUGE_H

struct restore;

/*
 * Whether there can be enough for the tree, before anything of it is made. 0, -ENOMEM, or
 * -errno, logged.
 */
int huge_check(const struct restore *r);

#endif
