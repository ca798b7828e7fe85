/* SPDX-License-Identifier: GPL-2.0-only */
/* What every fuzz target has: libFuzzer calls it, and so does replay.c. */
#ifndef CRIU_LITE_TEST_FUZZ_TARGET_H
#define CRIU_LITE_TEST_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every target begins with it: what the readers say goes nowhere. */
void target_silence(void);
/* A new descriptor of a nameless file with the content. */
int target_file(const uint8_t *data, size_t size);

#endif
