/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: the only mutable global of the project.
 *
 * A message is logged once, where it originates, with the object, its id and
 * the action that failed; callers forward the error code. Messages of level
 * error carry the word "Error" and also go to stderr when the log is a file.
 */
#ifndef CRIU_LITE_UTIL_LOG_H
#define CRIU_LITE_UTIL_LOG_H

enum log_level {
	LOG_LEVEL_MSG,		/* always written, without a prefix */
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,		/* the default threshold */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/*
 * Sends the log to the file @path, created below @dirfd with mode 0644, or to
 * stderr when @path is NULL or "-". Returns 0 or -errno.
 */
int log_open(int dirfd, const char *path, enum log_level threshold);
void log_close(void);
/* The descriptor that the log is written to; stderr before log_open(). */
int log_fd(void);
/*
 * Goes on at other numbers of the same files: @fd for the log and @err_fd for
 * what else goes to stderr (-1: nothing). The old numbers stay open.
 */
void log_set_fds(int fd, int err_fd);
int log_err_fd(void);
enum log_level log_threshold(void);
void log_set_threshold(enum log_level threshold);

__attribute__((format(printf, 4, 5)))
void log_print(enum log_level level, const char *file, int line, const char *fmt, ...);

/* Logs "MESSAGE: strerror(-err)" and returns @err, a negative errno. */
__attribute__((format(printf, 4, 5)))
int log_print_errno(const char *file, int line, int err, const char *fmt, ...);

#define log_error(...)	log_print(LOG_LEVEL_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define log_warn(...)	log_print(LOG_LEVEL_WARN, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...)	log_print(LOG_LEVEL_INFO, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...)	log_print(LOG_LEVEL_DEBUG, __FILE__, __LINE__, __VA_ARGS__)
#define log_msg(...)	log_print(LOG_LEVEL_MSG, __FILE__, __LINE__, __VA_ARGS__)

/* return log_errno(-errno, "eventfd %#x: cannot restore flags", id); */
#define log_errno(err, ...) log_print_errno(__FILE__, __LINE__, (err), __VA_ARGS__)

#endif
