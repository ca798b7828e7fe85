/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Our limit on open files. The soft one is there for programs that use select(2), and no
 * wish of the user's about us: a tree of many tasks takes several descriptors for each.
 */
#ifndef CRIU_LITE_SYS_NOFILE_H
#define CRIU_LITE_SYS_NOFILE_H

#include <stdint.h>

/* Raises the soft limit to the hard one: *@limit, may be NULL. 0 or -errno, logged. */
int nofile_raise(uint64_t *limit);

#endif
