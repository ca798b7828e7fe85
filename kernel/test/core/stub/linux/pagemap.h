/* SPDX-License-Identifier: GPL-2.0-only */
/* Faulting in is with the iterator. */
#pragma once

#include <linux/uio.h>
