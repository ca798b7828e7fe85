/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share: cases that end, and userfaultfd in few words.
 *
 * A program is a table of cases. Each runs in a process (and process group) of
 * its own with a time limit, for a case about waiting that goes wrong waits for
 * ever; what it leaves behind is killed. A case fails when a check in it does.
 *
 * All wrappers return -errno, so that a check can name the error that it wants.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi.h"

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct test_case {
	const char *name;
	void (*run)(void);
	/*
	 * The kernel of the distribution fails this case: it shows what ours does
	 * better. With --stock, or KERNEL_IS_STOCK in the environment, it must
	 * fail, which proves that it can.
	 */
	bool better;
	unsigned int seconds;	/* until it has failed; 0: the usual limit */
};

int test_main(int argc, char **argv, const struct test_case *cases, size_t count);

#define TEST_MAIN(cases) \
	int main(int argc, char **argv) \
	{ \
		return test_main(argc, argv, cases, ARRAY_SIZE(cases)); \
	}

void test_check(bool good, const char *file, int line, const char *text);
void test_equal(long long got, long long want, const char *file, int line, const char *text);
/* Ends the case: this kernel or machine lacks what it needs. */
void __attribute__((noreturn)) test_skip(const char *why);
/* Ends the case: going on would make no sense. */
void __attribute__((noreturn)) test_die(const char *file, int line, const char *text);

#define CHECK(good) test_check(good, __FILE__, __LINE__, #good)
#define EQUAL(got, want) test_equal(got, want, __FILE__, __LINE__, #got)
#define MUST(good) \
	do { \
		if (!(good)) \
			test_die(__FILE__, __LINE__, #good); \
	} while (0)

/* A context with these features; it is non-blocking. Fails the case when it can't be had. */
int uffd_open(uint64_t features);
/* The same with other flags of the system call, and before the API ioctl. */
int uffd_raw(int flags);
int uffd_api(int uffd, uint64_t features);

char *map_anon(size_t pages);
/* A mapping of a new memfd; flags are memfd_create's. *fd is the memfd, unless NULL. */
char *map_memfd(size_t length, unsigned int flags, int how, int *fd);
char *map_aligned(size_t length, size_t align);

int uffd_register(int uffd, const void *start, size_t len, uint64_t mode);
int uffd_unregister(int uffd, const void *start, size_t len);
int uffd_wake(int uffd, const void *start, size_t len);
/* The fills return the bytes that they say were filled, or -errno; see also the _raw ones. */
long uffd_copy(int uffd, void *dst, const void *src, size_t len, uint64_t mode);
long uffd_zeropage(int uffd, void *dst, size_t len, uint64_t mode);
long uffd_continue(int uffd, void *dst, size_t len, uint64_t mode);
long uffd_poison(int uffd, void *dst, size_t len, uint64_t mode);
long uffd_move(int uffd, void *dst, void *src, size_t len, uint64_t mode);
int uffd_writeprotect(int uffd, const void *start, size_t len, uint64_t mode);

/* One message: 0, or -EAGAIN when there is none, or another -errno. */
int uffd_next(int uffd, struct abi_msg *msg);
/* Waits for a message of this kind. Another one fails the case. */
struct abi_msg uffd_expect(int uffd, unsigned int event);
/* The revents of poll without waiting. */
int uffd_revents(int uffd);
bool wait_readable(int uffd, int milliseconds);

/* A thread that touches one byte, and what it found there. */
struct toucher {
	pthread_t thread;
	volatile char *where;
	bool write;
	volatile pid_t tid;
	volatile int found;	/* -1: not yet there */
};

void touch_start(struct toucher *t, void *where, bool write);
bool touch_done(const struct toucher *t);
/* Waits until the touch is over; the byte that was read. */
int touch_end(struct toucher *t);

/* A thread that calls f(p): it changes the layout, and waits for the reader of its event. */
struct call {
	long (*f)(char *p);
	char *p;
	volatile bool over;
	long result;		/* -errno if it failed */
	pthread_t thread;
};

void call_start(struct call *call, long (*f)(char *), char *p);
/* The result. */
long call_end(struct call *call);

/* Runs in a thread: f(arg). */
pthread_t thread_start(void *(*f)(void *), void *arg);

/* A forked child runs f(arg) and exits with what it returns. */
pid_t child_start(int (*f)(void *), void *arg);
int child_status(pid_t pid);

/* How a task stands: the letter of /proc/PID/task/TID/stat. */
char task_state(pid_t tid);
/* Whether it comes to sleep within a second. */
bool task_sleeps(pid_t tid);

/* The value in kB of a field of the mapping at WHERE in smaps, -1 when there is no such field. */
long smaps_kb(const void *where, const char *field);
/* Whether VmFlags of the mapping at WHERE has this two letter code. */
bool smaps_flag(const void *where, const char *code);
/* How many mappings lie in [start, start + len). */
int count_mappings(const void *start, size_t len);
/* Whether a page is there (present or swapped). */
bool page_there(const void *where);
/* Whether one is in memory, and mapped. */
bool page_present(const void *where);
/* A number in a file, -1 when there is none. */
long file_number(const char *path);
int file_write(const char *path, const char *text);
/* A line "name: value" of /proc/meminfo. */
long meminfo(const char *name);
/* Reserves huge pages of 2 MiB, or skips the case. */
void need_hugetlb(long pages);
/* Swap of 128 MiB, or skips the case. */
void need_swap(void);
/* Whether this machine is the guest of kernel/boot, and may be changed. */
bool in_guest(void);

/* Whether touching the byte raises SIGBUS. */
bool touch_is_sigbus(volatile char *where, bool write);
void nap(int milliseconds);
