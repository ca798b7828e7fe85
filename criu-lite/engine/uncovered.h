/* SPDX-License-Identifier: GPL-2.0-only */
/* Images of state that is not covered yet. */
#ifndef CRIU_LITE_ENGINE_UNCOVERED_H
#define CRIU_LITE_ENGINE_UNCOVERED_H

struct restore;

/*
 * Refuses a directory that holds state which a restore would leave out.
 * Returns 0, -ENOTSUP (logged by name), or -errno: such an image is damaged.
 */
int uncovered_check(const struct restore *r);

#endif
