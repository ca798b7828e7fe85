/* SPDX-License-Identifier: GPL-2.0-only */
/* Configuration files: one option a line, as on the command line without "--". */
#ifndef CRIU_LITE_FRONT_CONFIG_H
#define CRIU_LITE_FRONT_CONFIG_H

struct options;

/*
 * Reads @path into @opts. Options of other commands than @command are for
 * others and passed over. Strings are kept for the life of the process.
 * Returns 0, -ENOENT (silently) or another -errno, logged with file and line.
 */
int config_read(struct options *opts, unsigned int command, const char *path);
/* The system's file, then the user's; neither has to exist. */
int config_read_defaults(struct options *opts, unsigned int command);

#endif
