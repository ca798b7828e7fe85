// SPDX-License-Identifier: GPL-2.0-only
/*
 * criu-lite: checkpoint and restore of process trees.
 *
 * The exit code is 0 when the command did its work and 1 when it did not;
 * then the log holds a line with the word Error, which also went to stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "front/command.h"
#include "front/config.h"
#include "front/option.h"
#include "front/workdir.h"
#include "util/log.h"

static int read_options(struct options *opts, const struct command *command, int argc,
			char **argv, int *help)
{
	struct options first;
	int r;

	/* The command line says which files come before it. */
	options_init(&first);
	r = options_parse(&first, command->id, argc, argv, help);
	if (r < 0 || *help)
		return r;
	options_init(opts);
	if (!first.no_default_config) {
		r = config_read_defaults(opts, command->id);
		if (r < 0)
			return r;
	}
	if (first.config) {
		r = config_read(opts, command->id, first.config);
		if (r == -ENOENT)
			return log_errno(r, "--config %s: cannot read", first.config);
		if (r < 0)
			return r;
	}
	return options_parse(opts, command->id, argc, argv, help);
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct options opts;
	int help, r;

	if (argc < 2) {
		options_usage(stderr);
		return 1;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
		options_usage(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
		printf("Version: %s\n", PACKAGE_VERSION);
		return 0;
	}
	command = command_find(argv[1]);
	if (!command) {
		log_error("unknown command %s (criu-lite --help lists them)", argv[1]);
		return 1;
	}
	if (read_options(&opts, command, argc - 1, argv + 1, &help) < 0)
		return 1;
	if (help) {
		options_usage(stdout);
		return 0;
	}
	if (workdir_open_log(&opts) < 0)
		return 1;
	r = command->run(&opts);
	log_close();
	return r < 0 ? 1 : 0;
}
