/* SPDX-License-Identifier: GPL-2.0-only */
/* The work directory: logs, statistics, pid files and sockets go there. */
#ifndef CRIU_LITE_FRONT_WORKDIR_H
#define CRIU_LITE_FRONT_WORKDIR_H

struct options;

/* Opens the log that the options ask for. Returns 0 or -errno, logged. */
int workdir_open_log(const struct options *opts);

#endif
