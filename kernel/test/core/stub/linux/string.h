/* SPDX-License-Identifier: GPL-2.0-only */
/* memset and its like. */
#pragma once

#include <string.h>
