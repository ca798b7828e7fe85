/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of the command line. */
#ifndef CRIU_LITE_FRONT_COMMAND_H
#define CRIU_LITE_FRONT_COMMAND_H

struct options;

/* A set of commands, for the options that belong to them. */
enum command_id {
	COMMAND_CHECK = 1 << 0,
	COMMAND_DUMP = 1 << 1,
	COMMAND_LAZY_PAGES = 1 << 2,
	COMMAND_PAGE_SERVER = 1 << 3,
	COMMAND_RESTORE = 1 << 4,
	COMMAND_SHOW = 1 << 5,
	COMMAND_VERIFY = 1 << 6,
	COMMAND_ALL = (1 << 7) - 1,
};

struct command {
	const char *name;
	enum command_id id;
	const char *args;		/* what follows the options, for the usage */
	const char *help;
	/* Returns 0, or a negative errno that was logged already. */
	int (*run)(const struct options *opts);
};

/* Ends with a row without a name. */
extern const struct command command_table[];

const struct command *command_find(const char *name);

#endif
