// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says of a mapping of the calling task. */
#include "lib/maps.h"

#include <stdio.h>
#include <string.h>

#include "lib/report.h"

/* "START-END PROT OFFSET DEVICE INODE   NAME" */
static bool take_header(const char *line, struct mapping *m)
{
	struct mapping found = {};
	int at = 0;

	if (sscanf(line, "%lx-%lx %4s %*x %*x:%*x %*u %n", &found.start, &found.end, found.prot,
		   &at) < 3)
		return false;
	*m = found;
	snprintf(m->name, sizeof(m->name), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return true;
}

bool mapping_find(const void *addr, struct mapping *mapping)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	bool inside = false, found = false;
	char line[512];

	CHECK(file, "cannot open smaps");
	while (!found && fgets(line, sizeof(line), file)) {
		if (take_header(line, mapping)) {
			inside = mapping->start <= (uintptr_t)addr &&
				 (uintptr_t)addr < mapping->end;
		} else if (inside && !strncmp(line, "VmFlags:", 8)) {
			snprintf(mapping->flags, sizeof(mapping->flags), "%.200s", line + 8);
			found = true;
		}
	}
	fclose(file);
	return found;
}

void mapping_get(const void *addr, struct mapping *mapping)
{
	CHECK(mapping_find(addr, mapping), "nothing is mapped at %p", addr);
}

bool mapping_has(const void *addr, const char *flag)
{
	struct mapping m;
	char word[8];

	mapping_get(addr, &m);
	snprintf(word, sizeof(word), " %s ", flag);
	return strstr(m.flags, word);
}

int mappings_count(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	int n = 0, c;

	CHECK(file, "cannot open maps");
	while ((c = getc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

unsigned long status_number(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	unsigned long number = 0;
	bool found = false;
	char line[256];

	CHECK(file, "cannot open status");
	while (!found && fgets(line, sizeof(line), file)) {
		size_t len = strlen(name);

		if (!strncmp(line, name, len) && line[len] == ':')
			found = sscanf(line + len + 1, "%lu", &number) == 1;
	}
	fclose(file);
	CHECK(found, "status has no %s", name);
	return number;
}

unsigned long file_number(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned long number;

	CHECK(file && fscanf(file, "%lu", &number) == 1, "%s has no number", path);
	fclose(file);
	return number;
}

const char *mappings_too_many(void)
{
	return file_number("/proc/sys/vm/max_map_count") > 65530 ?
		       "vm.max_map_count is not the default: this would take too long" : NULL;
}
