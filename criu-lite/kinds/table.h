/* SPDX-License-Identifier: GPL-2.0-only */
/* All kinds. */
#ifndef CRIU_LITE_KINDS_TABLE_H
#define CRIU_LITE_KINDS_TABLE_H

#include "core/kind.h"

extern const struct kind_table kind_table;

#endif
