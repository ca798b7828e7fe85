/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Red-black trees (tree(3bsd)) with functions of one file.
 *
 * libbsd's own macros for static functions say __unused, which its headers do
 * not define on Linux.
 */
#ifndef CRIU_LITE_UTIL_TREE_H
#define CRIU_LITE_UTIL_TREE_H

#include <bsd/sys/tree.h>

#define TREE_STATIC __attribute__((unused)) static

#undef RB_PROTOTYPE_STATIC
#define RB_PROTOTYPE_STATIC(name, type, field, cmp) \
	RB_PROTOTYPE_INTERNAL(name, type, field, cmp, TREE_STATIC)

#undef RB_GENERATE_STATIC
#define RB_GENERATE_STATIC(name, type, field, cmp) \
	RB_GENERATE_INTERNAL(name, type, field, cmp, TREE_STATIC)

#endif
