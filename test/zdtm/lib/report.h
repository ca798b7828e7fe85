/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a test speaks. A failure ends the calling process with status 1; the
 * runner takes any line that begins with FAIL for the verdict.
 */
#ifndef ZDTM_LIB_REPORT_H
#define ZDTM_LIB_REPORT_H

#include <errno.h>

/* One line, with the pid before it. */
void zdtm_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "FAIL: FILE:LINE: why", then _exit(1). @error: an errno to name, or 0. */
void zdtm_fail_at(const char *file, int line, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5), noreturn));

#define zdtm_fail(...) zdtm_fail_at(__FILE__, __LINE__, 0, __VA_ARGS__)

/* The state must be so: the message says what was found. */
#define CHECK(condition, ...)						\
	do {								\
		if (!(condition))					\
			zdtm_fail_at(__FILE__, __LINE__, 0, __VA_ARGS__);\
	} while (0)

/* A call that must not return -1; its value is passed on. */
#define MUST(call)							\
	({								\
		__typeof__(call) must_ = (call);			\
		if (must_ == (__typeof__(call))-1)			\
			zdtm_fail_at(__FILE__, __LINE__, errno, "%s", #call);\
		must_;							\
	})

/* A call of the pthread family: returns 0 or an errno. */
#define MUST_ZERO(call)							\
	do {								\
		int must_ = (call);					\
		if (must_)						\
			zdtm_fail_at(__FILE__, __LINE__, must_, "%s", #call);\
	} while (0)

#endif
