/* SPDX-License-Identifier: GPL-2.0-only */
/* --pidfile. */
#ifndef CRIU_LITE_ENGINE_PIDFILE_H
#define CRIU_LITE_ENGINE_PIDFILE_H

struct options;

/* Writes @pid to opts->pidfile, below the work directory. 0 or -errno, logged. */
int pidfile_write(const struct options *opts, int pid);
/* Takes back what pidfile_write() did. */
void pidfile_remove(const struct options *opts);

#endif
