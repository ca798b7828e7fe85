/* SPDX-License-Identifier: GPL-2.0-only */
/* Loads an image directory as a restore does first, again and again in one process. */
#ifndef CRIU_LITE_TEST_FUZZ_LOADER_H
#define CRIU_LITE_TEST_FUZZ_LOADER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/options.h"
#include "sys/features.h"

struct loader {
	struct options opts;
	struct kernel_features features;
	int log;			/* memfd */
	int first_fd;			/* what a load opens and leaves */
	char said[4096];		/* by the last load */
};

/* Ends the process when it fails: a test rig that can't begin has no verdict. */
void loader_init(struct loader *l, const char *dir);

/* Returns 0 or -errno; what it said is in l->said. */
int loader_run(struct loader *l);

/*
 * Copies the images of @from to @to, a new directory. The list of images is left
 * out of the inventory unless @listed.
 */
void loader_copy(const char *from, const char *to, bool listed);

#endif
