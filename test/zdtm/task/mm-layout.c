// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where code, data, heap, stack, arguments and environment lie, as /proc shows it,
 * and the auxiliary vector. The arguments have been replaced by a longer title in
 * other memory, as daemons do it.
 */
#include <fcntl.h>
#include <linux/prctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/zdtm.h"

#define TITLE "a title: longer than what the arguments were"
/* Fields of proc(5)'s stat, from 1: the layout's, in the kernel's order. */
static const int layout_fields[] = { 26, 27, 28, 45, 46, 47, 48, 49, 50, 51 };

#define N_FIELDS (sizeof(layout_fields) / sizeof(*layout_fields))

struct layout {
	uint64_t fields[N_FIELDS];
	char cmdline[256], environ[4096], auxv[1024];
};

struct state {
	struct layout before;
};

static void read_proc(const char *path, char *text, size_t size)
{
	int fd = MUST(open(path, O_RDONLY));
	ssize_t n = MUST(read(fd, text, size));

	CHECK((size_t)n < size, "%s is too long", path);
	close(fd);
}

static void read_fields(uint64_t *values)
{
	char text[1024] = "", *at;
	int field = 2;

	read_proc("/proc/self/stat", text, sizeof(text));
	at = strrchr(text, ')') + 1;
	for (size_t i = 0; i < N_FIELDS; i++) {
		for (; field < layout_fields[i]; field++)
			at = strchr(at, ' ') + 1;
		values[i] = strtoull(at, NULL, 10);
	}
}

static void get(struct layout *layout)
{
	memset(layout, 0, sizeof(*layout));
	read_fields(layout->fields);
	read_proc("/proc/self/cmdline", layout->cmdline, sizeof(layout->cmdline));
	read_proc("/proc/self/environ", layout->environ, sizeof(layout->environ));
	read_proc("/proc/self/auxv", layout->auxv, sizeof(layout->auxv));
}

/* All of the map but the arguments stays as the kernel made it. */
static void set_arguments(const char *start, const char *end)
{
	struct prctl_mm_map map = { .exe_fd = -1 };
	uint64_t at[N_FIELDS];
	char auxv[1024];
	int fd = MUST(open("/proc/self/auxv", O_RDONLY));

	map.auxv_size = MUST(read(fd, auxv, sizeof(auxv)));
	map.auxv = (void *)auxv;
	close(fd);
	read_fields(at);
	map.start_code = at[0];
	map.end_code = at[1];
	map.start_stack = at[2];
	map.start_data = at[3];
	map.end_data = at[4];
	map.start_brk = at[5];
	map.brk = (uintptr_t)sbrk(0);
	map.arg_start = (uintptr_t)start;
	map.arg_end = (uintptr_t)end;
	map.env_start = at[8];
	map.env_end = at[9];
	MUST(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0));
}

static void setup(void *arg)
{
	struct state *s = arg;
	char *title = map_anon(PAGE, MAP_PRIVATE);

	strcpy(title, TITLE);
	set_arguments(title, title + sizeof(TITLE));
	get(&s->before);
	CHECK(!strcmp(s->before.cmdline, TITLE), "cmdline is \"%s\"", s->before.cmdline);
}

static void spoil(void *arg)
{
	char *other = map_anon(PAGE, MAP_PRIVATE);

	strcpy(other, TITLE);
	set_arguments(other, other + sizeof(TITLE));
}

static void check(void *arg)
{
	struct state *s = arg;
	struct layout after;

	get(&after);
	for (size_t i = 0; i < N_FIELDS; i++)
		CHECK(after.fields[i] == s->before.fields[i], "field %d is %#lx, was %#lx",
		      layout_fields[i], after.fields[i], s->before.fields[i]);
	CHECK(!memcmp(after.cmdline, s->before.cmdline, sizeof(after.cmdline)),
	      "cmdline is \"%s\"", after.cmdline);
	CHECK(!memcmp(after.environ, s->before.environ, sizeof(after.environ)),
	      "environ begins with \"%.60s\"", after.environ);
	CHECK(!memcmp(after.auxv, s->before.auxv, sizeof(after.auxv)), "auxv has changed");
	CHECK(getauxval(AT_PAGESZ) == PAGE, "the page size is %lu", getauxval(AT_PAGESZ));
}

const struct zdtm_test zdtm_test = {
	.about = "layout of memory, arguments, environment and auxv",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
