// SPDX-License-Identifier: GPL-2.0-only
/*
 * A command line: the first byte says the command, what follows are its arguments, each
 * ended by a NUL. What was taken must be in the bounds that others trust. A second look at
 * the same arguments, as there is one behind the configuration files, must say the same.
 */
#include <stdlib.h>
#include <string.h>

#include "front/command.h"
#include "front/option.h"
#include "test/fuzz/target.h"
#include "util/log.h"

#define ARGS_MAX 32

static void demand(bool condition)
{
	if (!condition)
		abort();
}

/* @text ends with a NUL. */
static int split(char *text, size_t size, char *argv[ARGS_MAX + 2])
{
	int argc = 1;

	for (size_t at = 0; at < size && argc <= ARGS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	argv[argc] = NULL;
	return argc;
}

static const char *string_of(const struct options *opts, const struct option_row *row)
{
	return *(const char *const *)((const char *)opts + row->offset);
}

static void check_values(const struct options *opts)
{
	demand(opts->pid >= 0 && opts->status_fd >= -1);
	demand(opts->verbosity >= 0 && opts->verbosity <= LOG_LEVEL_DEBUG);
	demand(opts->n_args >= 0 && opts->n_args <= ARGS_MAX && !opts->args[opts->n_args]);
	for (int i = 0; i < opts->n_args; i++)
		demand(opts->args[i]);
	for (const struct option_row *row = option_table; row->name; row++)
		if (row->type == OPTION_STRING && string_of(opts, row))
			demand(*string_of(opts, row));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "command", *argv[ARGS_MAX + 2] = { name }, *text;
	struct options first, second;
	int argc, help, ret;
	unsigned int command;

	target_silence();
	if (!size)
		return 0;
	text = calloc(1, size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	argc = split(text, size - 1, argv);
	command = 1U << data[0] % __builtin_popcount(COMMAND_ALL);
	/* Compared as bytes. */
	memset(&first, 0, sizeof(first));
	memset(&second, 0, sizeof(second));
	options_init(&first);
	options_init(&second);
	ret = options_parse(&first, command, argc, argv, &help);
	if (ret >= 0 && !help) {
		check_values(&first);
		demand(options_parse(&second, command, argc, argv, &help) == 0 && !help);
		demand(!memcmp(&first, &second, sizeof(first)));
	}
	free(text);
	return 0;
}
