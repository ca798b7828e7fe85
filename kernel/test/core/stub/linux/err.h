/* SPDX-License-Identifier: GPL-2.0-only */
/* Errors in pointers. */
#pragma once

#include <linux/types.h>

#define IS_ERR(p) ((unsigned long)(p) >= -4095UL)
#define PTR_ERR(p) ((long)(p))
#define ERR_PTR(e) ((void *)(long)(e))
