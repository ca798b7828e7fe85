/* SPDX-License-Identifier: GPL-2.0-only */
/* References to tasks; they are with the tasks. */
#pragma once

#include <linux/sched.h>
