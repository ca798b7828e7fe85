/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel offers: `criu-lite check`. */
#ifndef CRIU_LITE_ENGINE_CHECK_H
#define CRIU_LITE_ENGINE_CHECK_H

struct options;

/*
 * Checks the required features, with --all the others too, with --feature one.
 * Returns 0, or -ENOTSUP (logged) when something that was asked for is absent.
 */
int check_run(const struct options *opts);

#endif
