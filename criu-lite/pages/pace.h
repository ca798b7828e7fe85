/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much has to be on its way to keep a road full: what it carries in the time that an
 * answer takes when nothing is in its way. What is more only waits somewhere, and others
 * behind it.
 */
#ifndef CRIU_LITE_PAGES_PACE_H
#define CRIU_LITE_PAGES_PACE_H

#include <stdint.h>

/* All 0: nothing is known yet. */
struct pace {
	uint64_t least_ns;		/* that an answer has taken */
	uint64_t rate;			/* bytes a second, at best and not long ago */
	uint64_t since_ns, bytes;	/* that came since then: the rate to come */
};

/* @bytes have come, for which was asked @took_ns before @now_ns. */
void pace_arrived(struct pace *pace, uint64_t now_ns, uint64_t took_ns, uint64_t bytes);
/* Bytes; 0: not known. */
uint64_t pace_full(const struct pace *pace);

#endif
