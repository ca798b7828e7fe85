// SPDX-License-Identifier: GPL-2.0-only
/* Touching memory that is not there, and how long that takes. */
#include "bench/sample.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* Static: a restored program must not ask for new memory while it is measured. */
#define SAMPLES_MAX 65536
#define FIRST_RANDOM 88172645463325252ULL

static uint32_t samples[SAMPLES_MAX];

uint64_t sample_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int is_there(const char *page)
{
	unsigned char there = 0;

	return mincore((void *)page, BENCH_PAGE, &there) == 0 && there & 1;
}

void sample_random(const char *base, size_t len, size_t stride, uint64_t want, uint64_t tries,
		   struct sample_result *result)
{
	uint64_t state = FIRST_RANDOM, n_places = len / stride, there = 0;

	*result = (struct sample_result){};
	if (want > SAMPLES_MAX)
		want = SAMPLES_MAX;
	while (result->n < want && there < tries) {
		const volatile char *page = base + next_random(&state) % n_places * stride;
		uint64_t began, took;

		if (is_there((const char *)page)) {
			there++;
			continue;
		}
		there = 0;
		began = sample_now_ns();
		result->sum += *page;
		took = sample_now_ns() - began;
		samples[result->n++] = took > UINT32_MAX ? UINT32_MAX : took;
	}
	if (!result->n)
		return;
	qsort(samples, result->n, sizeof(*samples), compare);
	result->p50_ns = samples[result->n / 2];
	result->p99_ns = samples[result->n * 99 / 100];
	result->max_ns = samples[result->n - 1];
}

uint64_t sample_touch(const char *base, size_t len, size_t n, uint64_t *sum)
{
	uint64_t began = sample_now_ns(), state = FIRST_RANDOM;

	for (size_t i = 0; i < n; i++)
		*sum += *(const volatile char *)(base + next_random(&state) % (len / BENCH_PAGE) *
						 BENCH_PAGE);
	return sample_now_ns() - began;
}

uint64_t sample_fill(char *base, size_t len)
{
	uint64_t began = sample_now_ns();

	for (size_t at = 0; at < len; at += BENCH_PAGE)
		*(volatile char *)(base + at) = 1;
	return sample_now_ns() - began;
}

uint64_t sample_walk(const char *base, size_t len, uint64_t *sum)
{
	uint64_t began = sample_now_ns();

	for (size_t at = 0; at < len; at += BENCH_PAGE)
		*sum += *(const volatile char *)(base + at);
	return sample_now_ns() - began;
}
