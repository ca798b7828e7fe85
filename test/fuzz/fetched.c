// SPDX-License-Identifier: GPL-2.0-only
#include "test/fuzz/fetched.h"

#include <stdlib.h>

#include "pages/fetch.h"
#include "util/macro.h"

void fetched_check(struct page_fetch *f, int pid, uint64_t start, uint64_t asked, uint64_t end)
{
	const void *page;
	uint64_t got;
	int sum = 0;

	for (uint64_t at = start; at < end; at += PAGE_SIZE) {
		if (page_fetch_get(f, pid, at, end - start, &page, &got))
			continue;
		if (!got || got % PAGE_SIZE || at + got > asked)
			abort();
		for (uint64_t i = 0; i < got; i++)
			sum += ((const char *)page)[i];
	}
	__asm__ volatile("" : : "r"(sum));
}
