// SPDX-License-Identifier: GPL-2.0-only
/* What the kinds and the engine share of a restore. */
#include "core/restore.h"

#include <string.h>

#include "inject/abi/restorer.h"
#include "util/log.h"
#include "util/macro.h"

/* What restorer_alloc() hands out must suit every array of the restorer's. */
#define HEAP_ALIGN 16

void *restorer_alloc(struct restorer_args *args, uint64_t size)
{
	uint64_t left = args->heap_end - args->heap_next;
	void *mem = (void *)args->heap_next;

	if (size > left || ALIGN_UP(size, HEAP_ALIGN) > left) {
		log_error("the restorer's area is too small: %lu bytes of %lu left",
			  (unsigned long)size, (unsigned long)left);
		return NULL;
	}
	args->heap_next += ALIGN_UP(size, HEAP_ALIGN);
	memset(mem, 0, size);
	return mem;
}
