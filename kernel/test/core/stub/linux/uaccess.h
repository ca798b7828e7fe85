/* SPDX-License-Identifier: GPL-2.0-only */
/* Disabling page faults is with the iterator. */
#pragma once

#include <linux/uio.h>
