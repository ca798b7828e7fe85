/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SIGINT, SIGTERM and SIGHUP at the wrong moment.
 *
 * A dump or restore keeps them pending and looks at its own turning points
 * whether one came; it then gives up as after any other failure: the victim
 * goes on, or nothing of the restored tree is left.
 */
#ifndef CRIU_LITE_ENGINE_INTERRUPT_H
#define CRIU_LITE_ENGINE_INTERRUPT_H

/* Keeps them pending from here on. Returns 0 or -errno. */
int interrupt_block(void);
/* Lets them work again. */
void interrupt_allow(void);
/* A descriptor that is readable when one is pending, the caller's; or -errno, logged. */
int interrupt_fd(void);
/* Returns 0, or -EINTR (logged) when one is pending. */
int interrupt_check(const char *what);

#endif
