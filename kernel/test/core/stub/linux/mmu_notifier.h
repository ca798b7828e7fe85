/* SPDX-License-Identifier: GPL-2.0-only */
/* The context embeds one; the core never looks into it. */
#pragma once

struct mmu_notifier {
	int unused;
};
