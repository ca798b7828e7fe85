/* SPDX-License-Identifier: GPL-2.0-only */
/* Seccomp filters of tests: installed from a list, and looked at as the kernel shows them. */
#ifndef ZDTM_LIB_FILTER_H
#define ZDTM_LIB_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* The action for one system call. */
struct filter_rule {
	uint32_t nr;
	uint32_t action;		/* SECCOMP_RET_* */
};

/* One that fails with @error. */
#define FILTER_ERRNO(error) (SECCOMP_RET_ERRNO | (error))

/* For the calling thread, as root, without no_new_privs. @flags: SECCOMP_FILTER_FLAG_*. */
void filter_install(const struct filter_rule *rules, size_t n, uint32_t otherwise,
		    unsigned int flags);
void filter_install_program(const struct sock_filter *insns, size_t n, unsigned int flags);
/* A filter that makes getppid() fail with @error and allows all else. */
void filter_getppid(int error, unsigned int flags);

/* What getppid() fails with in the calling thread; 0: it does not. */
int filter_getppid_errno(void);
/* A number of the calling thread's in /proc: "Seccomp", "Seccomp_filters", "NoNewPrivs". */
int filter_status(const char *field);

#endif
