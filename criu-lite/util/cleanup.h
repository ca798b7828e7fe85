/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scope-bound ownership: a variable that owns something says so where it is
 * declared, and gives it away with take_fd() or take_ptr().
 */
#ifndef CRIU_LITE_UTIL_CLEANUP_H
#define CRIU_LITE_UTIL_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines name_cleanup(type *), for use as _cleanup_(name_cleanup). */
#define DEFINE_CLEANUP(type, name, free_fn)		\
	static inline void name##_cleanup(type *p)	\
	{						\
		if (*p)					\
			free_fn(*p);			\
	}

static inline void free_cleanup(void *p)
{
	free(*(void **)p);
}

static inline void close_cleanup(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

DEFINE_CLEANUP(FILE *, fclose, fclose)
DEFINE_CLEANUP(DIR *, closedir, closedir)

#define _cleanup_free_ _cleanup_(free_cleanup)
#define _cleanup_close_ _cleanup_(close_cleanup)
#define _cleanup_fclose_ _cleanup_(fclose_cleanup)
#define _cleanup_closedir_ _cleanup_(closedir_cleanup)

/* Gives the descriptor away: the variable no longer owns it. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define take_ptr(p) ({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

#endif
