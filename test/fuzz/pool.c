// SPDX-License-Identifier: GPL-2.0-only
/* The allocations of one load: a hash table with linear probing, by address. */
#include "test/fuzz/pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOTS (1U << 20)
/* A removed entry keeps the probe sequences of others whole. */
#define REMOVED ((void *)1)

/* The sanitizer's; absent in a build without it. */
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(
	void (*malloc_hook)(const volatile void *, size_t),
	void (*free_hook)(const volatile void *));

static void *slots[SLOTS];
static uint32_t used[SLOTS];		/* the slots that are not NULL, for a quick clean-up */
static size_t n_used;
static bool active;

static size_t slot_of(const volatile void *p)
{
	return ((uintptr_t)p >> 4) * 0x9e3779b97f4a7c15ULL >> 44;
}

static void note_malloc(const volatile void *p, size_t size)
{
	size_t i = slot_of(p);

	(void)size;
	if (!active || !p)
		return;
	while (slots[i] && slots[i] != REMOVED)
		i = (i + 1) % SLOTS;
	if (!slots[i]) {
		if (n_used == SLOTS / 2) {
			fputs("pool: too many allocations in one load\n", stderr);
			abort();
		}
		used[n_used++] = i;
	}
	slots[i] = (void *)p;
}

static void note_free(const volatile void *p)
{
	if (!active || !p)
		return;
	for (size_t i = slot_of(p); slots[i]; i = (i + 1) % SLOTS) {
		if (slots[i] == p) {
			slots[i] = REMOVED;
			return;
		}
	}
}

void pool_begin(void)
{
	static bool installed;

	if (!installed && __sanitizer_install_malloc_and_free_hooks)
		__sanitizer_install_malloc_and_free_hooks(note_malloc, note_free);
	installed = true;
	active = true;
}

void pool_end(int first_fd)
{
	active = false;
	for (size_t i = 0; i < n_used; i++) {
		if (slots[used[i]] != REMOVED)
			free(slots[used[i]]);
		slots[used[i]] = NULL;
	}
	n_used = 0;
	close_range(first_fd, ~0U, 0);
}
