/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kernel says of a mapping of the calling task: /proc/self/smaps. */
#ifndef ZDTM_LIB_MAPS_H
#define ZDTM_LIB_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
	uintptr_t start, end;
	char prot[5];			/* "rw-p" */
	char name[256];			/* "": none */
	char flags[256];		/* of VmFlags, with a blank before and after each */
};

/* The mapping that holds an address; false: none does. */
bool mapping_find(const void *addr, struct mapping *mapping);
/* As above; that none does fails the test. */
void mapping_get(const void *addr, struct mapping *mapping);
/* Whether the mapping at an address has a flag: "lo". */
bool mapping_has(const void *addr, const char *flag);

/* How many mappings there are. */
int mappings_count(void);

/* A number from /proc/self/status: "VmLck" is in KiB. */
unsigned long status_number(const char *name);
/* A number from a file such as /proc/sys/vm/nr_hugepages; the test fails without. */
unsigned long file_number(const char *path);

/* unsupported() of tests that fill the task's mappings: why not here, or NULL. */
const char *mappings_too_many(void);

#endif
