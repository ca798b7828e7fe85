/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Touching memory that is not there, and how long that takes.
 *
 * A sample is one page of [base, base + len) that is touched for the first
 * time. Pages that have come meanwhile are passed over: they cost nothing.
 */
#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_PAGE 4096UL

struct sample_result {
	uint64_t n;			/* pages that were not there */
	uint64_t p50_ns, p99_ns, max_ns;
	uint64_t sum;			/* of what was read: so that it is read */
};

/* CLOCK_REALTIME: others jump at a restore into another time namespace, or need it here. */
uint64_t sample_now_ns(void);

/*
 * Touches up to @want missing pages in an order that no read-ahead guesses, one in each
 * @stride bytes, and gives up when @tries pages in a row were there.
 */
void sample_random(const char *base, size_t len, size_t stride, uint64_t want, uint64_t tries,
		   struct sample_result *result);
/* Touches @n pages in such an order, there or not, the same ones each time. As sample_walk(). */
uint64_t sample_touch(const char *base, size_t len, size_t n, uint64_t *sum);
/* Reads all pages in order. Returns the nanoseconds it took. */
uint64_t sample_walk(const char *base, size_t len, uint64_t *sum);
/* Writes to all pages in order. Returns the nanoseconds it took. */
uint64_t sample_fill(char *base, size_t len);

#endif
