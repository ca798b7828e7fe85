/* SPDX-License-Identifier: GPL-2.0-only */
/* From our own code to the restorer's. */
#ifndef CRIU_LITE_INJECT_ENTER_H
#define CRIU_LITE_INJECT_ENTER_H

struct restorer_args;

/*
 * Jumps to the restorer, which was copied to args->area_start and made
 * executable, on the stack of its first thread. Nothing of the caller's is
 * needed afterwards. All signals are blocked.
 */
__attribute__((noreturn))
void restorer_enter(struct restorer_args *args);

#endif
