/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The options: one table makes the parser, the usage text and the reader of
 * configuration files, and is compared with the manual pages by a test.
 */
#ifndef CRIU_LITE_FRONT_OPTION_H
#define CRIU_LITE_FRONT_OPTION_H

#include <stddef.h>
#include <stdio.h>

#include "core/options.h"

enum option_type {
	OPTION_BOOL,
	OPTION_CHOICE,		/* one of the words of @arg, "a|b"; the field is its number */
	OPTION_STRING,
	OPTION_INT,		/* a descriptor or a count, >= 0 */
	OPTION_PID,
	OPTION_PORT,		/* 0 to 65535 */
	OPTION_SIZE,		/* bytes, with K, M or G after the number */
	OPTION_VERBOSITY,	/* -v, -vv, -v4, --verbosity=4 */
	OPTION_REFUSED,		/* of CRIU's, not covered here: refused by name */
};

struct option_row {
	const char *name;	/* --name */
	char letter;		/* -l, or 0 */
	enum option_type type;
	unsigned int commands;	/* enum command_id */
	const char *arg;	/* how the usage names the argument; NULL: none */
	const char *help;
	size_t offset;		/* in struct options */
};

/* Alphabetical; ends with a row without a name. */
extern const struct option_row option_table[];

void options_init(struct options *opts);
/*
 * Sets one option from its name and argument (NULL: none). @where is the file
 * and line, or "command line". Returns 0 or -EINVAL, logged.
 */
int option_set(struct options *opts, const struct option_row *row, const char *arg,
	       const char *where);
const struct option_row *option_find(const char *name);
/*
 * Parses what follows the command. *help is set for --help. Strings point
 * into @argv, which may come out in another order that means the same. Returns
 * 0 or -EINVAL, logged.
 */
int options_parse(struct options *opts, unsigned int command, int argc, char **argv, int *help);
void options_usage(FILE *out);

#endif
